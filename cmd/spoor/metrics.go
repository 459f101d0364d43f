package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"spoor/internal/config"
	"spoor/internal/server"
)

// listenMetrics opens the listener of /metrics, or returns nil when the
// configuration names none. The metrics are open to whoever reaches them, so
// an address that the internet may reach is refused, also behind a name.
func (a *app) listenMetrics(ctx context.Context, c config.Config, log *slog.Logger) (net.Listener, error) {
	if c.MetricsListen == "" {
		return nil, nil //nolint:nilnil // no metrics are no mistake
	}
	ln, err := new(net.ListenConfig).Listen(ctx, network(c.MetricsListen), c.MetricsListen)
	if err != nil {
		return nil, fmt.Errorf("listen for metrics: %w: is another spoor running? name another address with --metrics-listen HOST:PORT", err)
	}
	at, err := netip.ParseAddrPort(ln.Addr().String())
	switch {
	case err == nil && at.Addr().IsUnspecified():
		log.Warn("metrics can be read from every network of this machine: name a loopback or private address in metrics_listen",
			slog.String("listen", ln.Addr().String()))
	case err != nil || !config.IsPrivate(at.Addr()):
		_ = ln.Close() // nothing was served on it
		return nil, fmt.Errorf("listen for metrics: %s is no private address: name one of this machine or of a private network with --metrics-listen HOST:PORT", ln.Addr())
	}
	fmt.Fprintf(a.stderr, "metrics on %s%s\n", baseURL(ln.Addr(), false), server.PathMetrics)
	return ln, nil
}

// serveAll serves the API, and the metrics when there is a listener for them,
// until ctx ends and both have stopped. Metrics that fail are logged: they are
// no reason to stop answering.
func serveAll(ctx context.Context, srv *server.Server, ln, metrics net.Listener, log *slog.Logger) error {
	if metrics == nil {
		return srv.Serve(ctx, ln)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.ServeMetrics(ctx, metrics); err != nil {
			log.Error("metrics ended", slog.String("error", err.Error()))
		}
	}()
	err := srv.Serve(ctx, ln)
	cancel()
	<-done
	return err
}
