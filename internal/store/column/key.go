package column

import (
	"encoding/json"
	"fmt"
	"net/netip"

	"spoor/internal/store"
)

// KeyLists returns the columns of a key's scopes and allowed addresses.
func KeyLists(k *store.Key) (scopes, ips string, err error) {
	s, err := json.Marshal(k.Scopes)
	if err != nil {
		return "", "", fmt.Errorf("encode scopes: %w", err)
	}
	i, err := json.Marshal(k.AllowedIPs)
	if err != nil {
		return "", "", fmt.Errorf("encode allowed addresses: %w", err)
	}
	return string(s), string(i), nil
}

// ParseKeyLists fills a key with its two columns; what it cannot read is
// store.ErrCorrupt.
func ParseKeyLists(k *store.Key, scopes, ips string) error {
	if err := json.Unmarshal([]byte(scopes), &k.Scopes); err != nil {
		return fmt.Errorf("%w: scopes of key %s: %w", store.ErrCorrupt, k.Prefix, err)
	}
	var allowed []netip.Prefix
	if err := json.Unmarshal([]byte(ips), &allowed); err != nil {
		return fmt.Errorf("%w: addresses of key %s: %w", store.ErrCorrupt, k.Prefix, err)
	}
	if len(allowed) > 0 {
		k.AllowedIPs = allowed
	}
	return nil
}
