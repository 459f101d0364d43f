package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"spoor/internal/store"
)

// defaultMaxLag is how far behind a replica may be.
const defaultMaxLag = 5 * time.Second

// probeEvery is how often every server is looked at.
const probeEvery = time.Second

// replicas are the servers that reads go to. A nil *replicas has none.
type replicas struct {
	primary *node
	maxLag  time.Duration
	all     []*replica
	next    atomic.Uint64

	mu sync.Mutex
	// heads are the primary's sequence numbers with the time at which each
	// was first seen, oldest first: what tells how far behind a replica is,
	// also when nothing is written for hours.
	heads []head
}

type head struct {
	seq int64
	at  time.Time
}

// replica is one of them with what is known of it.
type replica struct {
	*node
	mu      sync.Mutex
	state   store.ReplicaState
	lag     time.Duration
	problem string
}

// newReplicas returns nil when the options name none.
func newReplicas(ctx context.Context, o Options, primary *node) (*replicas, error) {
	if o.ReadDSN == "" {
		return nil, nil //nolint:nilnil // none is no mistake
	}
	conf, err := parse(o.ReadDSN)
	if err != nil {
		return nil, fmt.Errorf("read store: %w", err)
	}
	conf.ConnConfig.ValidateConnect = nil
	rs := &replicas{primary: primary, maxLag: o.MaxLag}
	for _, host := range hostsOf(conf.ConnConfig) {
		one := conf.Copy()
		one.ConnConfig.Host, one.ConnConfig.Port, one.ConnConfig.TLSConfig, one.ConnConfig.Fallbacks = host.Host, host.Port, host.TLSConfig, nil
		if !names(o.ReadDSN, "default_query_exec_mode") {
			one.ConnConfig.DefaultQueryExecMode = primary.pool.Config().ConnConfig.DefaultQueryExecMode
		}
		n, err := newNode(ctx, one)
		if err != nil {
			rs.close()
			return nil, fmt.Errorf("read store: %w", err)
		}
		rs.all = append(rs.all, &replica{node: n, state: store.ReplicaDown, problem: "not looked at yet"})
	}
	rs.probe(ctx)
	return rs, nil
}

// hostsOf returns the distinct hosts of an address in their order.
func hostsOf(c *pgx.ConnConfig) []*pgconn.FallbackConfig {
	hosts := []*pgconn.FallbackConfig{{Host: c.Host, Port: c.Port, TLSConfig: c.TLSConfig}}
	for _, f := range c.Fallbacks {
		// An sslmode of prefer names each host twice: with TLS, then without.
		if last := hosts[len(hosts)-1]; f.Host != last.Host || f.Port != last.Port {
			hosts = append(hosts, f)
		}
	}
	return hosts
}

// pick returns the server for the next read: the replicas that are well in
// turn, or the primary when none is.
func (rs *replicas) pick() *node {
	n := len(rs.all)
	first := int(rs.next.Add(1) % uint64(n)) //nolint:gosec // less than n
	for i := range n {
		if r := rs.all[(first+i)%n]; r.isOK() {
			return r.node
		}
	}
	return rs.primary
}

func (r *replica) isOK() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state == store.ReplicaOK
}

func (r *replica) set(state store.ReplicaState, lag time.Duration, problem string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state, r.lag, r.problem = state, lag, problem
}

// failed notes that a server did not answer a read: it is skipped until it
// answers a probe.
func (rs *replicas) failed(n *node, err error) {
	if rs == nil {
		return
	}
	for _, r := range rs.all {
		if r.node == n {
			r.set(store.ReplicaDown, 0, reason(err))
		}
	}
}

// watch probes until ctx ends.
func (rs *replicas) watch(ctx context.Context) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			rs.probe(ctx)
		}
	}
}

// probe looks at the primary, then at all replicas at once.
func (rs *replicas) probe(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if seq, err := rs.primary.seq(ctx); err == nil {
		rs.note(seq, time.Now())
	}
	var wg sync.WaitGroup
	for _, r := range rs.all {
		wg.Go(func() {
			seq, err := r.seq(ctx)
			if err != nil {
				r.set(store.ReplicaDown, 0, reason(err))
				return
			}
			switch lag := rs.lag(seq, time.Now()); {
			case lag > rs.maxLag:
				r.set(store.ReplicaLagging, lag, fmt.Sprintf("%v behind, at most %v is allowed", lag.Round(time.Second), rs.maxLag))
			default:
				r.set(store.ReplicaOK, lag, "")
			}
		})
	}
	wg.Wait()
}

const selectSeq = `SELECT seq FROM clock WHERE id = 1`

func (n *node) seq(ctx context.Context) (seq int64, err error) {
	err = n.pool.QueryRow(ctx, selectSeq).Scan(&seq)
	if err != nil {
		return 0, fmt.Errorf("look at %s: %w", n.host, err)
	}
	return seq, nil
}

// note adds the primary's number, and forgets those that are older than any
// lag that is looked for.
func (rs *replicas) note(seq int64, at time.Time) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	// A smaller number is that of a standby that was promoted without the
	// last writes: what was before is no measure any more.
	if n := len(rs.heads); n > 0 && rs.heads[n-1].seq > seq {
		rs.heads = rs.heads[:0]
	}
	if n := len(rs.heads); n == 0 || rs.heads[n-1].seq < seq {
		rs.heads = append(rs.heads, head{seq, at})
	}
	const remembered = 4096
	if n := len(rs.heads); n > remembered {
		// The oldest stays: a replica that is behind all is behind that.
		rs.heads = append(rs.heads[:1], rs.heads[n-remembered/2:]...)
	}
}

// lag returns how long the oldest change that a replica with that number lacks
// has been there.
func (rs *replicas) lag(seq int64, now time.Time) time.Duration {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, h := range rs.heads {
		if h.seq > seq {
			return now.Sub(h.at)
		}
	}
	return 0
}

func (rs *replicas) close() {
	for _, r := range rs.all {
		r.pool.Close()
	}
}

// reason says in words why a server is not used, without its address, which
// may hold a password.
func reason(err error) string {
	var refused *pgconn.ConnectError
	var server *pgconn.PgError
	switch {
	case errors.As(err, &server):
		return server.Message
	case errors.As(err, &refused):
		return "does not accept connections"
	case errors.Is(err, context.DeadlineExceeded):
		return "does not answer"
	default:
		return "the connection broke"
	}
}
