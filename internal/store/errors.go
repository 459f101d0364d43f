package store

import "errors"

var (
	// ErrNotFound says that no record, article or key has the given identity.
	ErrNotFound = errors.New("not found")
	// ErrExists says that the identity is taken.
	ErrExists = errors.New("already exists")
	// ErrCursor says that a cursor was not made by this store or is for
	// another filter. The caller starts again without one.
	ErrCursor = errors.New("cursor not usable")
	// ErrCorrupt says that Check found the store's parts in disagreement; the
	// wrapping error names the part and the first disagreement.
	ErrCorrupt = errors.New("store is corrupt")
	// ErrBusy says that another process held the write lock for longer than
	// the engine waits.
	ErrBusy = errors.New("store is busy")
	// ErrFull says that there is no room on the disk, or that the store holds
	// as much as the engine can. Nothing of the failed batch was written.
	ErrFull = errors.New("store is full")
	// ErrReadOnly says that this process may read the store and not write it.
	ErrReadOnly = errors.New("store may not be written")
	// ErrUnavailable says that no server of the database can be reached, or
	// that the connection broke before it was known what became of a write.
	// The same call may be made again.
	ErrUnavailable = errors.New("store cannot be reached")
	// ErrSchema says that the store was written by a newer spoor.
	ErrSchema = errors.New("store has a newer schema")
)
