package auth

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"

	"spoor/internal/store"
)

// DefaultAccount owns the keys of a person on their own machine.
const DefaultAccount = "local"

// Spec describes a key to make. Its zero value is the key of a person on their
// own machine: tier local, everything that tier may do, from anywhere, for
// ever, shown every marking.
type Spec struct {
	// Prefix is the word the key begins with; empty means DefaultPrefix.
	Prefix string
	// Account and Tier: empty means DefaultAccount and Local.
	Account, Tier string
	Name          string
	// Scopes: nil means all that the tier may carry.
	Scopes     []Scope
	AllowedIPs []netip.Prefix
	// Visibility: zero means all markings for the tier local, clear for others.
	store.Visibility
	// ExpiresAt: zero means never.
	ExpiresAt time.Time
}

// NewKey mints a key: the text, to be shown once, and what is to be stored.
// The scopes must be ones that the tier may carry.
func NewKey(random io.Reader, spec Spec, now time.Time) (text string, key store.Key, err error) {
	spec = spec.withDefaults()
	may := ScopesOf(spec.Tier)
	if len(may) == 0 {
		return "", store.Key{}, fmt.Errorf("use tier %q: use one of free, pro, local", spec.Tier)
	}
	if spec.Scopes == nil {
		spec.Scopes = may
	}
	scopes := make([]string, 0, len(spec.Scopes))
	for _, s := range spec.Scopes {
		if !slices.Contains(may, s) {
			return "", store.Key{}, fmt.Errorf("use scope %q: tier %s may carry %v", s, spec.Tier, may)
		}
		scopes = append(scopes, string(s))
	}
	text, err = Mint(random, spec.Prefix)
	if err != nil {
		return "", store.Key{}, err
	}
	id, err := uuid.NewV7FromReader(random)
	if err != nil {
		return "", store.Key{}, fmt.Errorf("make key id: %w", err)
	}
	return text, store.Key{
		ID: id, Account: spec.Account, Name: spec.Name, Hash: Hash(text), Prefix: DisplayPrefix(text),
		Tier: spec.Tier, Scopes: scopes, AllowedIPs: spec.AllowedIPs, MaxTLP: spec.MaxTLP,
		CreatedAt: now.UTC().Truncate(time.Second), ExpiresAt: spec.ExpiresAt,
	}, nil
}

func (s Spec) withDefaults() Spec {
	if s.Account == "" {
		s.Account = DefaultAccount
	}
	if s.Tier == "" {
		s.Tier = Local
	}
	if s.MaxTLP == 0 && s.Tier == Local {
		s.Visibility = everything()
	}
	return s
}

// everything is the visibility up to the strictest marking there is. The zero
// visibility sees nothing but clear.
func everything() store.Visibility {
	var v store.Visibility
	for (v.MaxTLP + 1).Valid() {
		v.MaxTLP++
	}
	return v
}

// FirstKeeper is the part of store.KeyKeeper that makes the first key.
type FirstKeeper interface {
	AddFirstKey(ctx context.Context, k store.Key) (bool, error)
}

// FirstKey makes the first key of a store that has never had one, and returns
// its text; an empty text means that there was one. Of servers that start
// together on an empty store exactly one gets a text.
func FirstKey(ctx context.Context, keys FirstKeeper, random io.Reader, spec Spec, now time.Time) (string, error) {
	text, key, err := NewKey(random, spec, now)
	if err != nil {
		return "", fmt.Errorf("make first key: %w", err)
	}
	made, err := keys.AddFirstKey(ctx, key)
	if err != nil {
		return "", fmt.Errorf("keep first key: %w", err)
	}
	if !made {
		return "", nil
	}
	return text, nil
}
