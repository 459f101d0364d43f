package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"spoor/api"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// PathMetrics is where ServeMetrics answers.
const PathMetrics = "/metrics"

// ServeMetrics answers /metrics on a listener of its own, as Serve answers the
// rest: without a key, which is why the listener has to be private. It needs
// Options.Metrics.
func (s *Server) ServeMetrics(ctx context.Context, ln net.Listener) error {
	if s.metrics == nil {
		return errors.New("serve metrics: none are counted")
	}
	return s.run(ctx, ln, s.metricsHandler())
}

// metricsHandler knows one address, under the host names that the server
// answers for: a page of a rebound name must not read even this.
func (s *Server) metricsHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+PathMetrics, s.scrape)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.hosts.knows(r) {
			http.Error(w, wrongHost().message, statusOf(api.MisdirectedRequest))
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// scrape answers with what was counted and with the store's condition. A store
// that cannot be reached is a value, not an error of the scrape.
func (s *Server) scrape(w http.ResponseWriter, r *http.Request) {
	found, err := s.checkup.ask(r.Context())
	if err != nil {
		http.Error(w, "The request was given up.", statusOf(api.Unavailable))
		return
	}
	state := &storeState{condition: found}
	if found.unreadable == nil {
		state.records, state.counted = s.census.ask(r.Context())
		state.feeds = s.feedStates(r.Context())
	}
	// A registry for this scrape only: the values are of this moment, and
	// were asked for under the request's context.
	once := prometheus.NewRegistry()
	if err := once.Register(state); err != nil {
		s.opts.Logger.LogAttrs(r.Context(), slog.LevelError, "metrics of the store left out", slog.String("error", ioc.DefangText(err.Error())))
	}
	promhttp.HandlerFor(prometheus.Gatherers{s.metrics.registry, once}, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelWarn),
	}).ServeHTTP(w, r)
}

// storeState is the store's condition as metrics.
type storeState struct {
	condition
	records int64
	counted bool
	feeds   []store.FeedState
}

// maxFeedMetrics bounds the series of feeds: their number is the operator's.
const maxFeedMetrics = 1_000

// feedStates returns what is remembered of the feeds, nothing when the store
// does not say in time.
func (s *Server) feedStates(ctx context.Context) []store.FeedState {
	ctx, cancel := context.WithTimeout(ctx, s.opts.QueryDeadline)
	defer cancel()
	states, err := s.checkup.store.FeedStates(ctx)
	if err != nil {
		return nil
	}
	return states[:min(len(states), maxFeedMetrics)]
}

// Describe sends nothing: which replicas there are is the condition's to say.
func (*storeState) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *storeState) Collect(out chan<- prometheus.Metric) {
	send := func(kind prometheus.ValueType, name, help string, value float64, labels ...string) {
		var names, values []string
		for i := 0; i < len(labels); i += 2 {
			names, values = append(names, labels[i]), append(values, labels[i+1])
		}
		metric, err := prometheus.NewConstMetric(prometheus.NewDesc(name, help, names, nil), kind, value, values...)
		if err != nil {
			metric = prometheus.NewInvalidMetric(prometheus.NewDesc(name, help, names, nil), err)
		}
		out <- metric
	}
	const gauge, counter = prometheus.GaugeValue, prometheus.CounterValue
	send(gauge, "spoor_store_info", "Always 1; the kind of store is in the label.", 1, "engine", c.Engine)
	send(gauge, "spoor_store_up", "Whether the store answers reads.", truth(c.unreadable == nil))
	send(gauge, "spoor_store_writable", "Whether the store takes writes.", truth(c.Writable))
	for _, mode := range []store.Replication{store.NoReplication, store.Asynchronous, store.Synchronous} {
		send(gauge, "spoor_store_replication", "1 for what an acknowledged write survives; 0 for all while no server takes writes.",
			truth(c.Writable && c.Replication == mode), "mode", string(mode))
	}
	seen := map[string]bool{}
	for _, r := range c.Replicas {
		if seen[r.Host] { // a series twice would spoil the whole scrape
			continue
		}
		seen[r.Host] = true
		send(gauge, "spoor_store_replica_up", "Whether the replica answers.", truth(r.State != store.ReplicaDown), "host", r.Host)
		send(gauge, "spoor_store_replica_used", "Whether reads go to the replica: it answers and is not too far behind.", truth(r.State == store.ReplicaOK), "host", r.Host)
		if r.State != store.ReplicaDown { // of those nobody knows it
			send(gauge, "spoor_store_replica_lag_seconds", "How long the oldest change that the replica lacks has been there.", r.Lag.Seconds(), "host", r.Host)
		}
		send(counter, "spoor_store_replica_views_total", "Reads that the replica answered for this process.", float64(r.Views), "host", r.Host)
	}
	for _, f := range c.feeds {
		send(gauge, "spoor_feed_failures", "Runs of the feed that failed since the last that did not.", float64(f.Failures), "feed", f.Feed)
		send(gauge, "spoor_feed_held", "1 while a copy of the feed is held for a person to look at.", truth(f.Held != nil), "feed", f.Feed)
		send(gauge, "spoor_feed_items", "Items of the last good copy of the feed.", float64(f.Items), "feed", f.Feed)
		if !f.LastGood.IsZero() {
			send(gauge, "spoor_feed_last_good_timestamp_seconds", "When the feed last ran without an error.", float64(f.LastGood.Unix()), "feed", f.Feed)
		}
	}
	if c.counted {
		send(gauge, "spoor_records", "Records in the store, counted at most once a minute.", float64(c.records))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// censusKeeps is how long a count of the store stands: it may read all of a
// table.
const censusKeeps = time.Minute

// census counts the store for all who ask, one count at a time.
type census struct {
	store    Store
	now      func() time.Time
	patience time.Duration
	// turn holds a token while somebody counts. It guards the fields below.
	turn    chan struct{}
	at      time.Time
	done    bool  // whether it was tried
	seq     int64 // the store's, when it was counted
	records int64
	known   bool // whether that worked
}

func newCensus(o Options, st Store) *census {
	return &census{store: st, now: o.Now, patience: o.QueryDeadline, turn: make(chan struct{}, 1)}
}

// ask returns the number of records, at most censusKeeps old, and whether it
// is known.
func (c *census) ask(ctx context.Context) (int64, bool) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return 0, false
	}
	if age := c.now().Sub(c.at); !c.done || age < 0 || age >= censusKeeps {
		c.known = c.count(context.WithoutCancel(ctx)) == nil
		c.at, c.done = c.now(), true
	}
	return c.records, c.known
}

// count asks a store that did not change for its seq only.
func (c *census) count(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	return c.store.View(ctx, func(snap store.Snapshot) error {
		if c.known && c.seq == snap.Seq() {
			return nil
		}
		n, err := snap.Counts(ctx)
		if err != nil {
			return fmt.Errorf("count store: %w", err)
		}
		c.seq, c.records = snap.Seq(), n.Records
		return nil
	})
}
