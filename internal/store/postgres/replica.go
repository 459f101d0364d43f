package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"spoor/internal/store"
)

// defaultMaxLag is how far behind a replica may be.
const defaultMaxLag = 5 * time.Second

// probeEvery is how often every server is looked at, and probeTimeout how long
// one may take to answer: together, how long a reader may wait for a server
// that went silent.
const (
	probeEvery   = time.Second
	probeTimeout = 1500 * time.Millisecond
)

// replicas are the servers that reads go to. A nil *replicas has none.
type replicas struct {
	primary *node
	look    *node // at primary
	maxLag  time.Duration
	all     []*replica
	next    atomic.Uint64
	keys    atomic.Int64              // the primary's number of changes of keys
	store   atomic.Pointer[uuid.UUID] // nil until the primary was seen

	mu sync.Mutex
	// heads are the primary's sequence numbers with the time at which each
	// was first seen, oldest first: what tells how far behind a replica is,
	// also when nothing is written for hours.
	heads []head
	// answered is when the primary answered last. While it does not, nothing
	// is written that a replica could lack, and no replica falls further
	// behind.
	answered time.Time
}

type head struct {
	seq int64
	at  time.Time
}

// replica is one of them with what is known of it.
type replica struct {
	*node
	// look is a connection of its own: readers who have all the others do not
	// make a server look dead.
	look *node
	// pooled is set when a pooler stands between, which would lend prepared
	// statements to strangers.
	pooled  atomic.Bool
	keys    atomic.Int64
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
	if rs.look, err = newLook(ctx, primary.pool.Config()); err != nil {
		return nil, fmt.Errorf("read store: %w", err)
	}
	for _, host := range hostsOf(conf.ConnConfig) {
		one := conf.Copy()
		one.ConnConfig.Host, one.ConnConfig.Port, one.ConnConfig.TLSConfig, one.ConnConfig.Fallbacks = host[0].Host, host[0].Port, host[0].TLSConfig, host[1:]
		r, err := newReplica(ctx, one, names(o.ReadDSN, "default_query_exec_mode"))
		if err != nil {
			rs.close()
			return nil, fmt.Errorf("read store: %w", err)
		}
		rs.all = append(rs.all, r)
	}
	rs.probePrimary(ctx) // first: what replicas are compared with
	rs.probe(ctx)
	return rs, nil
}

// newReplica makes a replica that is not used before it was looked at.
func newReplica(ctx context.Context, conf *pgxpool.Config, modeSet bool) (r *replica, err error) {
	r = &replica{state: store.ReplicaDown, problem: "not looked at yet"}
	if r.look, err = newLook(ctx, conf); err != nil {
		return nil, err
	}
	conf.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		if r.pooled.Load() && !modeSet {
			c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		}
		return nil
	}
	if r.node, err = newNode(ctx, conf); err != nil {
		r.look.pool.Close()
		return nil, err
	}
	return r, nil
}

// newLook makes the one connection that a server is looked at over.
func newLook(ctx context.Context, conf *pgxpool.Config) (*node, error) {
	conf = conf.Copy()
	conf.MaxConns, conf.MinConns, conf.MinIdleConns = 1, 0, 0
	conf.ConnConfig.ConnectTimeout = probeTimeout
	conf.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // a pooler may stand between
	return newNode(ctx, conf)
}

// hostsOf returns the distinct hosts of an address in their order, each with
// the ways to reach it: an sslmode of prefer has two, with TLS and without.
func hostsOf(c *pgx.ConnConfig) [][]*pgconn.FallbackConfig {
	hosts := [][]*pgconn.FallbackConfig{{{Host: c.Host, Port: c.Port, TLSConfig: c.TLSConfig}}}
	for _, f := range c.Fallbacks {
		i := slices.IndexFunc(hosts, func(h []*pgconn.FallbackConfig) bool { return h[0].Host == f.Host && h[0].Port == f.Port })
		if i < 0 {
			hosts = append(hosts, nil)
			i = len(hosts) - 1
		}
		hosts[i] = append(hosts[i], f)
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

// probe looks at all servers at once: one that is silent delays no other.
func (rs *replicas) probe(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { rs.probePrimary(ctx) })
	if rs.store.Load() == nil { // the first time: what replicas are compared with
		wg.Wait()
	}
	for _, r := range rs.all {
		wg.Go(func() { rs.probeReplica(ctx, r) })
	}
	wg.Wait()
}

func (rs *replicas) probePrimary(ctx context.Context) {
	at, err := rs.look.place(ctx)
	rs.primary.setSilent(isTimeout(err))
	if err == nil {
		rs.note(at.seq, time.Now())
		rs.keys.Store(at.keys)
		rs.store.Store(&at.store)
	}
}

func (rs *replicas) probeReplica(ctx context.Context, r *replica) {
	at, err := r.look.place(ctx)
	r.setSilent(isTimeout(err))
	if err != nil {
		r.set(store.ReplicaDown, 0, reason(err))
		return
	}
	if of := rs.store.Load(); of != nil && *of != at.store {
		r.set(store.ReplicaDown, 0, "holds another store: read_store is to name replicas of the one in store")
		return
	}
	r.pooled.Store(at.pooled)
	r.keys.Store(at.keys)
	switch lag, known := rs.lag(at.seq); {
	case !known:
		r.set(store.ReplicaLagging, lag, "lacks changes of an unknown age")
	case lag > rs.maxLag:
		r.set(store.ReplicaLagging, lag, fmt.Sprintf("%v behind, at most %v is allowed", lag.Round(time.Second), rs.maxLag))
	default:
		r.set(store.ReplicaOK, lag, "")
	}
}

// place is how far a server is.
type place struct {
	seq, keys int64 // the clock's numbers of changes: of records, of keys
	store     uuid.UUID
	// pooled is whether a pooler stands between, which gives out process
	// numbers of its own.
	pooled bool
}

const selectSeq = `SELECT seq, keys_changed, store_id, pg_backend_pid() FROM clock WHERE id = 1`

// place asks a server how far it is.
func (n *node) place(ctx context.Context) (h place, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	c, err := n.acquire(ctx)
	if err != nil {
		return h, err
	}
	defer c.Release()
	pid := uint32(0)
	if err := c.QueryRow(ctx, selectSeq).Scan(&h.seq, &h.keys, (*[16]byte)(&h.store), &pid); err != nil {
		return h, fmt.Errorf("look at %s: %w", n.host, err)
	}
	h.pooled = pid != c.Conn().PgConn().PID()
	return h, nil
}

// knowingKeys returns a replica that has every change of keys that the primary
// was seen to have; nil when there is none.
func (rs *replicas) knowingKeys() *node {
	for _, r := range rs.all {
		if r.isOK() && r.keys.Load() >= rs.keys.Load() {
			return r.node
		}
	}
	return nil
}

// note adds the primary's number, and forgets those that are older than any
// lag that is looked for.
func (rs *replicas) note(seq int64, at time.Time) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.answered = at
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
// has been there. It is not known for one that lacks what was there before the
// primary was first looked at: then it is that long at least.
func (rs *replicas) lag(seq int64) (lag time.Duration, known bool) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for i, h := range rs.heads {
		if h.seq > seq {
			return rs.answered.Sub(h.at), i > 0
		}
	}
	return 0, true
}

func (rs *replicas) close() {
	rs.look.pool.Close()
	for _, r := range rs.all {
		r.look.pool.Close()
		r.pool.Close()
	}
}

// reason says in words why a server is not used, without its address, which
// may hold a password.
func reason(err error) string {
	var refused *pgconn.ConnectError
	said := server(err).Message
	switch {
	case said != "":
		return said
	case errors.Is(err, errReadOnlyServer):
		return "no server takes writes"
	case isTimeout(err):
		return "does not answer"
	case errors.As(err, &refused):
		return "does not accept connections"
	default:
		return "the connection broke"
	}
}

// isTimeout reports whether a server was waited for in vain.
func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, errSilent) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}
