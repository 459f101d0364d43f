package store

import (
	"context"
	"time"
)

// Reporter says how the database behind a store is doing.
type Reporter interface {
	// Health asks every server of the store for its state. A server that does
	// not answer is reported, not an error; the error is the context's.
	Health(ctx context.Context) (Health, error)
}

// Health is the state of the servers behind a store.
type Health struct {
	// Engine is "sqlite" or "postgres".
	Engine string
	// Schema is the number of the last migration that ran.
	Schema int64
	// Writable is whether the server that takes writes answers.
	Writable bool
	// Problem says in words why it is not; empty when it is.
	Problem     string
	Replication Replication
	// Replicas are the servers that reads may go to, in the order in which
	// they were named; nil when reads go where the writes go.
	Replicas []Replica
}

// Replication is what an acknowledged write survives.
type Replication string

// The kinds of replication.
const (
	// NoReplication: there is one copy. What was acknowledged survives a
	// crash of the machine and not the loss of its disk.
	NoReplication Replication = "none"
	// Asynchronous: there are standbys, and they may lack what was
	// acknowledged last when one is promoted.
	Asynchronous Replication = "asynchronous"
	// Synchronous: a standby has what was acknowledged.
	Synchronous Replication = "synchronous"
)

// Replica is one server that reads may go to.
type Replica struct {
	// Host is its address as HOST:PORT, or the socket's folder.
	Host  string
	State ReplicaState
	// Lag is how long the oldest change that it lacks has been there; 0 when
	// it has all, or while nothing is known.
	Lag time.Duration
	// Views counts the reads that it answered for this process.
	Views int64
	// Problem says in words why it is not used; empty when it is.
	Problem string
}

// ReplicaState says whether reads go to a replica.
type ReplicaState string

// The states of a replica.
const (
	ReplicaOK      ReplicaState = "ok"
	ReplicaLagging ReplicaState = "lagging" // further behind than allowed: skipped
	ReplicaDown    ReplicaState = "down"    // does not answer: skipped
)
