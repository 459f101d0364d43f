package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"spoor/api"
	"spoor/internal/auth"
	"spoor/internal/search"
	"spoor/internal/store"
)

// Options say how the server presents itself. The zero value of every field
// works, except that Listen or PublicURL must be set.
type Options struct {
	// Listen is the address that is listened on, HOST:PORT with the real port.
	Listen string
	// PublicURL is what absolute links begin with. Empty: http and Listen.
	PublicURL string
	// AllowedHosts are names to answer for, beside those of PublicURL and
	// Listen and the loopback names. A port is not compared.
	AllowedHosts []string
	// SourceName and FeedVersion are meta.source and meta.feed_version. Empty:
	// the contract's.
	SourceName, FeedVersion string
	// DefaultView is the view of a search that names none. Empty: detail.
	DefaultView string
	// AllowQueryKey takes keys from ?api_key= too.
	AllowQueryKey bool
	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// QueryDeadline is the longest that one query may take. Zero: 5 s.
	QueryDeadline time.Duration
	// ShutdownGrace is how long Serve waits for what is in flight. Zero: 10 s.
	ShutdownGrace time.Duration
	// Now and Random: nil means the system's.
	Now    func() time.Time
	Random io.Reader
	// Logger takes one line a request. Nil: none.
	Logger *slog.Logger
	// Version is the program's, part of every ETag.
	Version string
	// Metrics counts requests and searches, for ServeMetrics.
	Metrics bool
}

// Searcher answers searches. *search.Searcher is one.
type Searcher interface {
	Search(ctx context.Context, q search.Query) (search.Answer, error)
}

// Authenticator tells who asks. *auth.Authenticator is one.
type Authenticator interface {
	Authenticate(ctx context.Context, keyText string, addr netip.Addr) (*auth.Caller, error)
}

// Limiter rations requests. *auth.Limiter is one.
type Limiter interface {
	Spend(ctx context.Context, c *auth.Caller, cost int64) (auth.Quota, error)
}

// Store is what the server reads, and asks how it does. Every engine is one.
type Store interface {
	store.Viewer
	store.Reporter
	// FeedStates is that of store.FeedKeeper.
	FeedStates(ctx context.Context) ([]store.FeedState, error)
}

// Deps are the parts that the server drives.
type Deps struct {
	Store         Store
	Searcher      Searcher
	Authenticator Authenticator
	Limiter       Limiter
}

const (
	defaultSource        = "SOC Defenders"
	defaultFeedVersion   = "1.0"
	defaultQueryDeadline = 5 * time.Second
	defaultGrace         = 10 * time.Second
)

// withDefaults fills in what is unset and refuses what cannot work.
func (o Options) withDefaults() (Options, error) {
	o.SourceName = orElse(o.SourceName, defaultSource)
	o.FeedVersion = orElse(o.FeedVersion, defaultFeedVersion)
	o.DefaultView = orElse(o.DefaultView, api.ViewDetail)
	o.QueryDeadline = orElse(o.QueryDeadline, defaultQueryDeadline)
	o.ShutdownGrace = orElse(o.ShutdownGrace, defaultGrace)
	o.PublicURL = strings.TrimRight(orElse(o.PublicURL, publicURL(o.Listen)), "/")
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.DefaultView != api.ViewDetail && o.DefaultView != api.ViewList {
		return o, fmt.Errorf("use default view %q: use %s or %s", o.DefaultView, api.ViewDetail, api.ViewList)
	}
	u, err := url.Parse(o.PublicURL)
	if err != nil {
		return o, fmt.Errorf("read public URL: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return o, fmt.Errorf("use public URL %q: give scheme and host, as https://feed.example", o.PublicURL)
	}
	return o, nil
}

// publicURL is how the listener's own machine reaches it.
func publicURL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return ""
	}
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

func orElse[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
