package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// The patience of the server with its clients.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second // beyond the query's own time; each page of a stream anew
	idleTimeout       = 120 * time.Second
	// maxHeaderBytes fits a q of 2,048 four-byte characters, each byte
	// percent-encoded, with room to spare.
	maxHeaderBytes = 64 << 10
)

// Serve answers on the listener until ctx ends, then takes no more requests
// and waits for those in flight, at most Options.ShutdownGrace; what is not
// done by then is broken off and reported as an error. It closes the listener.
// After a graceful stop it returns nil. It is to be called once.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	return s.run(ctx, ln, s.handler)
}

func (s *Server) run(ctx context.Context, ln net.Listener, h http.Handler) error {
	hs := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      s.opts.QueryDeadline + writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		// OPTIONS * is to be answered, and logged, like any other request.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelWarn),
	}
	done := make(chan error, 1)
	go func() { done <- hs.Serve(ln) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.opts.ShutdownGrace)
	defer cancel()
	err := hs.Shutdown(grace)
	if err != nil {
		// Closing is what makes Serve and the handlers end; its own error
		// says nothing more.
		_ = hs.Close()
		err = fmt.Errorf("stop serving: requests were broken off after %v: %w", s.opts.ShutdownGrace, err)
	}
	if ended := <-done; err == nil && !errors.Is(ended, http.ErrServerClosed) {
		err = fmt.Errorf("serve on %s: %w", ln.Addr(), ended)
	}
	return err
}

// isUnsupported: a test's recorder, or a writer of another server, may know no
// deadlines.
func isUnsupported(err error) bool { return errors.Is(err, http.ErrNotSupported) }
