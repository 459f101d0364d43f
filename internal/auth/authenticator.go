package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"spoor/internal/store"
)

var (
	// ErrMissing says that no key was given.
	ErrMissing = errors.New("no key given")
	// ErrInvalid says that the key is unknown, revoked or malformed: which of
	// them is not told.
	ErrInvalid = errors.New("key not valid")
	// ErrExpired says that the key was good and its time is over.
	ErrExpired = errors.New("key expired")
	// ErrAddress says that the key may not be used from the client's address.
	ErrAddress = errors.New("address not allowed for this key")
)

// cacheLife is how long a key that was found good is believed without asking
// the store again. A key revoked on another server is refused after that.
const cacheLife = time.Second

// lookupTimeout bounds the store's answer to "whose key is this?".
const lookupTimeout = 5 * time.Second

// maxCached bounds the cache. Only keys that exist get into it.
const maxCached = 4096

// KeyFinder is the part of store.KeyKeeper that authentication needs.
type KeyFinder interface {
	KeyByHash(ctx context.Context, hash [sha256.Size]byte) (store.Key, error)
}

// Authenticator turns key texts into callers. It serves any number of
// goroutines.
type Authenticator struct {
	keys  KeyFinder
	tiers map[string]Tier
	now   func() time.Time

	mu     sync.RWMutex
	cached map[[sha256.Size]byte]cachedCaller
}

type cachedCaller struct {
	caller *Caller
	until  time.Time
}

// New returns an Authenticator for the keys of a store. Nil tiers means
// Tiers(). A key of a tier that is not among them is not valid.
func New(keys KeyFinder, tiers []Tier, now func() time.Time) *Authenticator {
	if tiers == nil {
		tiers = Tiers()
	}
	a := &Authenticator{keys: keys, now: now, tiers: map[string]Tier{}, cached: map[[sha256.Size]byte]cachedCaller{}}
	for _, t := range tiers {
		a.tiers[t.Name] = t
	}
	return a
}

// Authenticate returns who the key belongs to, or one of ErrMissing,
// ErrInvalid, ErrExpired and ErrAddress, or the store's own error. addr is the
// client's address; the zero Addr when it is not known. The caller is shared
// and not to be modified.
func (a *Authenticator) Authenticate(ctx context.Context, keyText string, addr netip.Addr) (*Caller, error) {
	if keyText == "" {
		return nil, ErrMissing
	}
	if Verify(keyText) != nil {
		return nil, ErrInvalid
	}
	hash, now := Hash(keyText), a.now()
	c, err := a.caller(ctx, hash, now)
	if err != nil {
		return nil, err
	}
	if c.expired(now) {
		return nil, ErrExpired
	}
	if !c.allows(addr) {
		return nil, ErrAddress
	}
	return c, nil
}

// Forget drops everything believed, so that a change of keys made through this
// process takes effect at once.
func (a *Authenticator) Forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.cached)
}

func (a *Authenticator) caller(ctx context.Context, hash [sha256.Size]byte, now time.Time) (*Caller, error) {
	a.mu.RLock()
	hit, ok := a.cached[hash]
	a.mu.RUnlock()
	if ok && now.Before(hit.until) {
		return hit.caller, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	key, err := a.keys.KeyByHash(ctx, hash)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrInvalid
	}
	if err != nil {
		return nil, fmt.Errorf("find key: %w", err)
	}
	tier, known := a.tiers[key.Tier]
	// The engine found the row by its hash; comparing again, without telling
	// by the time taken where they differ, costs nothing and trusts no index.
	if !known || !key.RevokedAt.IsZero() || subtle.ConstantTimeCompare(key.Hash[:], hash[:]) != 1 {
		return nil, ErrInvalid
	}
	c := newCaller(key, tier)
	a.remember(hash, cachedCaller{caller: c, until: now.Add(cacheLife)}, now)
	return c, nil
}

// remember caches a caller. A full cache is swept of what is over, and emptied
// when nothing is: it refills within a second.
func (a *Authenticator) remember(hash [sha256.Size]byte, c cachedCaller, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.cached) >= maxCached {
		for h, old := range a.cached {
			if !now.Before(old.until) {
				delete(a.cached, h)
			}
		}
		if len(a.cached) >= maxCached {
			clear(a.cached)
		}
	}
	a.cached[hash] = c
}
