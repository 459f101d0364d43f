package api

// The words of readiness: what data.status says, and what the bare answer of
// /readyz is made of.
const (
	StatusReady       = "ready"
	StatusReadOnly    = "read-only"   // reads are answered, writes are not taken
	StatusUnavailable = "unavailable" // nothing is answered
)

// ReadyResponse answers GET /readyz?verbose=true.
type ReadyResponse struct {
	Meta Meta      `json:"meta"`
	Data Readiness `json:"data"`
}

// Readiness says whether the server can answer, and why not.
type Readiness struct {
	// Status is "ready", "read-only" or "unavailable".
	Status string      `json:"status"`
	Store  StoreHealth `json:"store"`
}

// StoreHealth is the state of the servers behind the store.
type StoreHealth struct {
	// Engine is "sqlite" or "postgres".
	Engine string `json:"engine"`
	// Schema is the number of the last migration that ran; 0 while not known.
	Schema int64 `json:"schema"`
	// Readable and Writable are whether reads are answered and writes taken.
	Readable bool `json:"readable"`
	Writable bool `json:"writable"`
	// Problem says in words what is wrong; null when nothing is.
	Problem *string `json:"problem"`
	// Replication is what an acknowledged write survives: "none",
	// "asynchronous" or "synchronous"; null while no server takes writes.
	Replication *string `json:"replication"`
	// Replicas are the servers that reads may go to, in the order in which
	// they were named; empty when reads go where writes go.
	Replicas []ReplicaHealth `json:"replicas"`
}

// ReplicaHealth is the state of one server that reads may go to.
type ReplicaHealth struct {
	// Host is HOST:PORT, or the folder of a socket.
	Host string `json:"host"`
	// State is "ok", "lagging" (too far behind: skipped) or "down" (skipped).
	State string `json:"state"`
	// LagSeconds is how long the oldest change that it lacks has been there;
	// null when it does not answer.
	LagSeconds *float64 `json:"lag_seconds"`
	// Views counts the reads that it answered for this process.
	Views int64 `json:"views"`
	// Problem says in words why it is not used; null when it is.
	Problem *string `json:"problem"`
}
