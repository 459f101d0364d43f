package auth

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"spoor/internal/store"
)

// Caller is who asks, as far as the key says.
type Caller struct {
	// KeyID and Account identify the key and its owner; Prefix may be shown
	// and logged.
	KeyID   uuid.UUID
	Account string
	Prefix  string
	Tier    Tier
	// Visibility is what the key may be shown.
	store.Visibility
	// Rights is a text that is equal for two keys that see the same: tier,
	// its row limit, scopes and strictest marking. It is part of every ETag.
	Rights string

	scopes     []string
	allowedIPs []netip.Prefix
	expiresAt  time.Time
}

// newCaller applies the tier to a key. Scopes that the tier may not carry are
// dropped: a key that was moved to a lower tier loses them at once.
func newCaller(k store.Key, tier Tier) *Caller {
	c := &Caller{
		KeyID: k.ID, Account: k.Account, Prefix: k.Prefix, Tier: tier,
		Visibility: store.Visibility{MaxTLP: k.MaxTLP},
		allowedIPs: k.AllowedIPs, expiresAt: k.ExpiresAt,
	}
	for _, s := range k.Scopes {
		if slices.Contains(TiersOf(Scope(s)), tier.Name) {
			c.scopes = append(c.scopes, s)
		}
	}
	slices.Sort(c.scopes)
	c.Rights = tier.Name + " " + strconv.Itoa(tier.MaxRows) + "\n" + strings.Join(c.scopes, " ") + "\n" + k.MaxTLP.String()
	return c
}

// Has reports whether the caller may do s. Admin may do everything.
func (c *Caller) Has(s Scope) bool {
	return slices.Contains(c.scopes, string(s)) || slices.Contains(c.scopes, string(Admin))
}

// allows reports whether the key may be used from there. An address that is
// not known is allowed only to a key without limits.
func (c *Caller) allows(addr netip.Addr) bool {
	if len(c.allowedIPs) == 0 {
		return true
	}
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(c.allowedIPs, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// expired reports whether the key's time is over.
func (c *Caller) expired(now time.Time) bool {
	return !c.expiresAt.IsZero() && !now.Before(c.expiresAt)
}
