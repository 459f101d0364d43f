package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"spoor/internal/auth"
	"spoor/internal/config"
	"spoor/internal/search"
	"spoor/internal/server"
	"spoor/internal/store"
)

// newServeCommand returns "spoor serve".
func newServeCommand(a *app) *cobra.Command {
	var sample bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the API",
		Long: `Serves the API until it is interrupted; what is in flight is finished first, and a second interrupt ends
it at once. The first start on an empty store makes one API key and writes it to standard output, this once.`,
		Example: `  spoor serve --sample
  spoor serve --listen 127.0.0.1:0 --data ./data
  spoor serve --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem --public-url https://feed.example`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			loaded, err := a.settings(cmd)
			if err != nil {
				return err
			}
			if sample {
				return a.serveSample(cmd.Context(), loaded.Config)
			}
			return a.serve(cmd.Context(), loaded.Config, service{query: "192.0.2.10"})
		},
	}
	cmd.Flags().BoolVar(&sample, "sample", false, "serve a throw-away store filled with sample data")
	settingFlags(cmd.Flags(), "listen", "metrics_listen", "public_url", "tls_cert", "tls_key", "first_key_file", "feeds.enabled", "feeds.file", "feeds.root", "warning_lists")
	storeFlags(cmd)
	settingFlags(cmd.Flags(), "read_store")
	cmd.MarkFlagsMutuallyExclusive("sample", "data")
	cmd.MarkFlagsMutuallyExclusive("sample", "store")
	cmd.MarkFlagsMutuallyExclusive("sample", "read-store")
	return cmd
}

// service is what differs between serving a store and serving the sample.
type service struct {
	// fill is called once with the open store, before it is served; nil when
	// there is nothing to put in.
	fill func(context.Context, store.Store) error
	// query is what the example request asks for.
	query string
}

// serveSample serves the sample from a folder that is gone afterwards.
func (a *app) serveSample(ctx context.Context, c config.Config) (err error) {
	dir, err := os.MkdirTemp("", "spoor-sample-")
	if err != nil {
		return fmt.Errorf("make sample folder: %w", err)
	}
	defer func() {
		if gone := os.RemoveAll(dir); gone != nil {
			err = errors.Join(err, fmt.Errorf("remove sample folder: %w", gone))
		}
	}()
	c.Data, c.Store, c.ReadStore, c.Feeds.Enabled = dir, "", "", false
	return a.serve(ctx, c, service{query: sampleQuery, fill: func(ctx context.Context, st store.Store) error {
		sum, err := loadSample(ctx, st, filepath.Join(dir, "input"), a.now)
		if err == nil {
			fmt.Fprintf(a.stderr, "sample data: %d indicators from %d files\n", sum.New, sum.Files.Read)
		}
		return err
	}})
}

// gcPercent lets the heap grow to five times what is live before it is
// collected, unless GOGC says otherwise. What is live is a few megabytes, so
// that the default would collect many times a second: on a store of 1.5
// million records requests took 15 % less CPU with it, for 12 MB more memory.
const gcPercent = 400

// serve opens everything, says where it is, and serves until ctx ends.
func (a *app) serve(ctx context.Context, c config.Config, s service) (err error) {
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	}
	log := a.logger(c)
	secure, err := tlsConfig(c)
	if err != nil {
		return err
	}
	st, err := a.openStore(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	if s.fill != nil {
		if err := s.fill(ctx, st); err != nil {
			return err
		}
	}
	ln, err := new(net.ListenConfig).Listen(ctx, network(c.Listen), c.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w: is another spoor running? name another address with --listen HOST:PORT", err)
	}
	defer func() { _ = ln.Close() }() // the server has closed it, if it got that far
	metrics, err := a.listenMetrics(ctx, c, log)
	if err != nil {
		return err
	}
	if metrics != nil {
		defer func() { _ = metrics.Close() }() // likewise
	}
	log.Info("store opened", slog.String("store", storeName(c)))
	base := baseURL(ln.Addr(), secure != nil)
	process := uuid.NewString() // random, so that no two servers on a store share it
	limiter := auth.NewLimiter(st, process, c.QueryDeadline, a.now)
	srv, err := a.newServer(c, ln.Addr(), base, parts{st: st, limiter: limiter, log: log})
	if err != nil {
		return err
	}
	policy, err := policyOf(c.Retention)
	if err != nil {
		return err
	}
	// Before the address is out: who has it may end the server at any moment.
	feeds, err := a.countFeeds(c)
	if err != nil {
		return err
	}
	if err := a.sayEmpty(ctx, st, feeds); err != nil {
		return err
	}
	if err := a.announce(ctx, c, st, base, s.query); err != nil {
		return err
	}
	warnExposed(log, ln.Addr(), secure != nil)
	if secure != nil {
		ln = tls.NewListener(ln, secure)
	}
	stopFeeds, err := a.runFeeds(ctx, c, st, process, log)
	if err != nil {
		return err
	}
	stop := a.maintain(ctx, st, limiter, process, log, a.judgeDaily(c, st), a.pruneDaily(policy, st))
	unwatch := func() {}
	if c.StoresInPostgres() {
		unwatch = watchStore(ctx, st, log)
	}
	err = serveAll(ctx, srv, ln, metrics, log)
	unwatch()
	stopFeeds()
	stop()
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	log.Info("stopped")
	return nil
}

// parts are what a server is made of.
type parts struct {
	st      store.Store
	limiter *auth.Limiter
	log     *slog.Logger
}

func (a *app) newServer(c config.Config, addr net.Addr, base string, p parts) (*server.Server, error) {
	public := c.PublicURL
	if public == "" {
		public = base
	}
	return server.New(server.Options{
		Listen: addr.String(), PublicURL: public, AllowedHosts: c.AllowedHosts,
		SourceName: c.SourceName, DefaultView: c.Search.DefaultView, AllowQueryKey: c.AllowQueryKey,
		TrustedProxies: c.ProxyPrefixes(), QueryDeadline: c.QueryDeadline, ShutdownGrace: c.ShutdownGrace,
		Now: a.now, Logger: p.log, Version: readVersion().String(),
		Metrics: c.MetricsListen != "",
	}, server.Deps{
		Store: p.st, Searcher: search.New(p.st, a.now), Authenticator: auth.New(p.st, tiers(c.Tiers), a.now), Limiter: p.limiter,
	})
}

// tiers converts the configured numbers to those that auth goes by.
func tiers(t config.Tiers) []auth.Tier {
	const day = 24 * time.Hour
	tier := func(name string, t config.Tier) auth.Tier {
		return auth.Tier{
			Name: name, RequestsPerMinute: t.RequestsPerMinute, RequestsPerDay: t.RequestsPerDay,
			MaxRows: t.MaxRows, MaxLookupValues: t.MaxLookupValues, MaxKeys: t.MaxKeysPerAccount,
			LookbackIOCs:     time.Duration(t.LookbackIOCDays) * day,
			LookbackArticles: time.Duration(t.LookbackArticleDays) * day,
		}
	}
	return []auth.Tier{tier(auth.Free, t.Free), tier(auth.Pro, t.Pro), tier(auth.Local, t.Local)}
}

// tlsConfig returns nil when the configuration names no certificate.
func tlsConfig(c config.Config) (*tls.Config, error) {
	if c.TLSCert == "" {
		return nil, nil //nolint:nilnil // no certificate is no mistake
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("load certificate: %w: tls_cert and tls_key name PEM files that belong together", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
	}, nil
}

// network is what to listen on. On "tcp" Go takes 0.0.0.0 for every address of
// IPv6 as well: more than was asked for, and past an IPv4 firewall.
func network(listen string) string {
	host, _, err := net.SplitHostPort(listen)
	if addr, perr := netip.ParseAddr(host); err == nil && perr == nil && addr.Is4() {
		return "tcp4"
	}
	return "tcp"
}

// baseURL is how the listener is reached from its own machine.
func baseURL(addr net.Addr, secure bool) string {
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	at, err := netip.ParseAddrPort(addr.String())
	if err == nil && at.Addr().IsUnspecified() {
		return fmt.Sprintf("%slocalhost:%d", scheme, at.Port())
	}
	return scheme + addr.String()
}

// warnExposed says when keys would travel readable over a network.
func warnExposed(log *slog.Logger, addr net.Addr, secure bool) {
	at, err := netip.ParseAddrPort(addr.String())
	if secure || err == nil && at.Addr().Unmap().IsLoopback() {
		return
	}
	log.Warn("listening beyond this machine without TLS: keys and queries can be read on the way; give --tls-cert and --tls-key, or put a TLS proxy before it",
		slog.String("listen", addr.String()))
}
