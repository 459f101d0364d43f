package store

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
)

// KeyKeeper keeps API keys and the accounts that own them.
type KeyKeeper interface {
	// AddKey stores a new key, and its account if that is new. ErrExists when
	// the hash or the id is known.
	AddKey(ctx context.Context, k Key) error
	// AddFirstKey stores the key only if the store has never had one, and
	// reports whether it did: of servers that start together on an empty
	// store exactly one is told true.
	AddFirstKey(ctx context.Context, k Key) (bool, error)
	// KeyByHash returns the key with that hash, revoked and expired ones
	// included, or ErrNotFound.
	KeyByHash(ctx context.Context, hash [sha256.Size]byte) (Key, error)
	// Keys returns all keys, oldest first.
	Keys(ctx context.Context) ([]Key, error)
	// RevokeKey ends a key now and for good; ErrNotFound when there is none.
	// Revoking a revoked key keeps its first time and is no error.
	RevokeKey(ctx context.Context, id uuid.UUID, at time.Time) error
}

// Key is an API key as it is kept: the secret itself is not.
type Key struct {
	ID uuid.UUID // version 7
	// Account owns the key.
	Account string
	// Name is the operator's own word for it, possibly empty.
	Name string
	// Hash is the SHA-256 of the whole key text.
	Hash [sha256.Size]byte
	// Prefix is what may be shown of the key: "sk_live_" and four characters.
	Prefix string
	Tier   string
	Scopes []string
	// AllowedIPs limits the client's address; empty means any.
	AllowedIPs []netip.Prefix
	// MaxTLP is the strictest marking that the key is shown.
	MaxTLP    ioc.TLP
	CreatedAt time.Time
	// ExpiresAt and RevokedAt are zero when it does not and was not.
	ExpiresAt, RevokedAt time.Time
}
