package fetch

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"path/filepath"
	"time"
)

// Fetcher gets documents. It is safe for concurrent use.
type Fetcher struct {
	o     Options
	hosts *hosts
	// own is the way to what the operator named, strange that to what others
	// did: nothing on it leads to what the operator lists.
	own, strange way
}

// way is how a Get connects.
type way struct {
	guard     *guard
	transport *http.Transport
}

const (
	// maxHeader bounds the header of an answer.
	maxHeader = 64 << 10
	// idleConns are kept open between requests, for idleTime.
	idleConns = 32
	idleTime  = 30 * time.Second
)

// New returns a Fetcher. The caller closes it after the last Get has returned.
func New(o Options) (*Fetcher, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("set up fetching: %w", err)
	}
	if o.Root != "" {
		root, err := filepath.Abs(o.Root)
		if err != nil {
			return nil, fmt.Errorf("set up fetching: root %s: %w", o.Root, err)
		}
		o.Root = root
	}
	g, err := newGuard(o.AllowHosts)
	if err != nil {
		return nil, fmt.Errorf("set up fetching: %w", err)
	}
	public, err := newGuard(nil)
	if err != nil {
		return nil, fmt.Errorf("set up fetching: %w", err)
	}
	return &Fetcher{
		o: o, hosts: newHosts(&o),
		own: way{g, newTransport(&o, g)}, strange: way{public, newTransport(&o, public)},
	}, nil
}

// newTransport returns a transport whose connections the guard judges.
func newTransport(o *Options, g *guard) *http.Transport {
	return &http.Transport{
		// No proxy, also none from the environment: the guard would see the
		// proxy's address in place of the one that the proxy connects to.
		Proxy:                  nil,
		DialContext:            g.dial,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  o.Stall,
		MaxResponseHeaderBytes: maxHeader,
		ForceAttemptHTTP2:      true,
		// A connection that went dead is found out, and not used again.
		HTTP2: &http.HTTP2Config{SendPingTimeout: dialTimeout, PingTimeout: dialTimeout},
		// Unpacking has bounds of its own here.
		DisableCompression:  true,
		MaxIdleConns:        idleConns,
		MaxIdleConnsPerHost: o.PerHost,
		IdleConnTimeout:     idleTime,
	}
}

// Close drops the connections that are kept open.
func (f *Fetcher) Close() {
	f.own.transport.CloseIdleConnections()
	f.strange.transport.CloseIdleConnections()
}
