package server

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"spoor/internal/search"
)

// metrics counts what the server does, for /metrics. A nil *metrics counts
// nothing. No label ever holds what a client chose: no key, no indicator, no
// path, so that nobody can add series.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	stages   map[search.Stage]prometheus.Observer
	codes    [600]string // status codes as text
}

const (
	unrouted = "none"   // the route of what met none, or was refused before
	broken   = "broken" // the code of an answer that was broken off
)

// newMetrics returns nil when they are not wanted.
func newMetrics(o Options) (*metrics, error) {
	if !o.Metrics {
		return nil, nil //nolint:nilnil // a nil *metrics counts nothing
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spoor_http_requests_total", Help: "Requests answered, by route, method and status code.",
		}, []string{"route", "method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "spoor_http_request_seconds", Help: "Time from a request's headers to the end of its answer, by route.",
			Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 60},
		}, []string{"route"}),
		stages: map[search.Stage]prometheus.Observer{},
	}
	searches := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "spoor_search_seconds", Help: "Time that a search took in the store, by the stage that answered.",
		Buckets: []float64{.00005, .0001, .00025, .0005, .001, .0025, .005, .01, .05, .1, .5, 1, 5},
	}, []string{"stage"})
	for _, s := range []search.Stage{search.StageExact, search.StageContains, search.StageNone} {
		m.stages[s] = searches.WithLabelValues(string(s))
	}
	for i := range m.codes {
		m.codes[i] = strconv.Itoa(i)
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "spoor_build_info", Help: "Always 1; the version is in the label.", ConstLabels: prometheus.Labels{"version": o.Version},
	})
	build.Set(1)
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.requests, m.seconds, searches, build,
	} {
		if err := m.registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// request counts one request that is over.
func (m *metrics) request(x *exchange, method string, took time.Duration, brokenOff bool) {
	if m == nil {
		return
	}
	route, code := unrouted, broken
	if x.route != nil {
		route = x.route.path
	}
	if !brokenOff && x.status < len(m.codes) {
		code = m.codes[x.status]
	}
	m.requests.WithLabelValues(route, methodLabel(method), code).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

// search counts one search that the store answered.
func (m *metrics) search(stage search.Stage, took time.Duration) {
	if m == nil {
		return
	}
	if o := m.stages[stage]; o != nil {
		o.Observe(took.Seconds())
	}
}

// methodLabel keeps the words that clients make up out of the labels.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}
