package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// keyring is a store of keys in memory that counts its look-ups.
type keyring struct {
	mu    sync.Mutex
	keys  map[[sha256.Size]byte]store.Key
	asked int
	err   error
}

func (k *keyring) KeyByHash(ctx context.Context, h [sha256.Size]byte) (store.Key, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	if _, ok := ctx.Deadline(); !ok {
		return store.Key{}, errors.New("key looked up without a deadline")
	}
	if k.err != nil {
		return store.Key{}, k.err
	}
	key, ok := k.keys[h]
	if !ok {
		return store.Key{}, store.ErrNotFound
	}
	return key, nil
}

func (k *keyring) AddFirstKey(_ context.Context, key store.Key) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) > 0 {
		return false, nil
	}
	k.keys = map[[sha256.Size]byte]store.Key{key.Hash: key}
	return true, nil
}

func (k *keyring) put(keys ...store.Key) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil {
		k.keys = map[[sha256.Size]byte]store.Key{}
	}
	for _, key := range keys {
		k.keys[key.Hash] = key
	}
}

var start = time.Date(2026, 5, 17, 10, 30, 0, 0, time.UTC)

func newKey(t *testing.T, spec Spec) (string, store.Key) {
	t.Helper()
	text, key, err := NewKey(rand.Reader, spec, start)
	if err != nil {
		t.Fatalf("NewKey: %v", err)
	}
	return text, key
}

func TestMint(t *testing.T) {
	t.Parallel()
	text, err := Mint(rand.Reader, "")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text, "sk_live_") || len(text) != len("sk_live_")+32+6 {
		t.Errorf("Mint = %q: want sk_live_ and 38 characters", text)
	}
	if err := Verify(text); err != nil {
		t.Errorf("Verify of a new key: %v", err)
	}
	if got, want := DisplayPrefix(text), text[:len("sk_live_")+4]; got != want {
		t.Errorf("DisplayPrefix = %q, want %q", got, want)
	}
	if _, err := Mint(bytes.NewReader(make([]byte, 3)), ""); err == nil {
		t.Error("Mint from a source that ends: no error")
	}
	for _, prefix := range []string{"nounderscore", "sp ace_", "q\"_", strings.Repeat("a", 40) + "_"} {
		if _, err := Mint(rand.Reader, prefix); err == nil {
			t.Errorf("Mint with prefix %q: no error", prefix)
		}
	}
}

// TestMintUnbiased: bytes of 248 and more are thrown away instead of wrapping
// round, which would favour the first eight characters.
func TestMintUnbiased(t *testing.T) {
	t.Parallel()
	random := append(bytes.Repeat([]byte{248, 255, 250, 61}, 16), bytes.Repeat([]byte{61}, 64)...)
	text, err := Mint(bytes.NewReader(random), "")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := text[8:8+32], strings.Repeat("z", 32); got != want {
		t.Errorf("secret = %q, want %q", got, want)
	}
	var seen [256]int
	for range 2000 {
		text, err := Mint(rand.Reader, "")
		if err != nil {
			t.Fatal(err)
		}
		for i := 8; i < 40; i++ {
			seen[text[i]]++
		}
	}
	const mean = 2000 * 32 / 62
	for i := range len(base62) {
		if n := seen[base62[i]]; n < mean*3/4 || n > mean*5/4 {
			t.Errorf("character %c came %d times, mean %d", base62[i], n, mean)
		}
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	good, _ := newKey(t, Spec{})
	other := byte('a')
	if good[20] == other {
		other = 'b'
	}
	swapped := []byte(good)
	for i := 10; i < 38; i++ {
		if swapped[i] != swapped[i+1] {
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			break
		}
	}
	tests := []struct {
		name, text string
		ok         bool
	}{
		{"as minted", good, true},
		{"one character wrong", good[:20] + string(other) + good[21:], false},
		{"two characters swapped", string(swapped), false},
		{"one short", good[:len(good)-1], false},
		{"one long", good + "0", false},
		{"empty", "", false},
		{"placeholder of the documentation", "sk_live_...", false},
		{"space", " " + good, false},
		{"not base62", good[:20] + "-" + good[21:], false},
		{"huge", strings.Repeat("a", 5000), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Verify(tt.text) == nil; got != tt.ok {
				t.Errorf("Verify(%q) ok = %t, want %t", tt.text, got, tt.ok)
			}
		})
	}
}

func TestChecksumIsCRC32(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "123456789", "sk_live_abc"} {
		if got, want := checksum(s), crc32.ChecksumIEEE([]byte(s)); got != want {
			t.Errorf("checksum(%q) = %08x, want %08x", s, got, want)
		}
	}
}

func FuzzVerify(f *testing.F) {
	text, err := Mint(rand.Reader, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("")
	f.Add("sk_live_")
	f.Fuzz(func(t *testing.T, s string) {
		shown := DisplayPrefix(s)
		if Verify(s) == nil && len(s)-len(shown) != secretLen-shownLen+checksumLen {
			t.Errorf("DisplayPrefix(%q) shows %q", s, shown)
		}
	})
}

func TestAuthenticate(t *testing.T) {
	t.Parallel()
	ring := &keyring{}
	good, goodKey := newKey(t, Spec{})
	revoked, revokedKey := newKey(t, Spec{})
	revokedKey.RevokedAt = start.Add(-time.Hour)
	both, bothKey := newKey(t, Spec{ExpiresAt: start.Add(-time.Hour)})
	bothKey.RevokedAt = start.Add(-time.Hour)
	expired, expiredKey := newKey(t, Spec{ExpiresAt: start})
	later, laterKey := newKey(t, Spec{ExpiresAt: start.Add(time.Second)})
	fenced, fencedKey := newKey(t, Spec{AllowedIPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	odd, oddKey := newKey(t, Spec{})
	oddKey.Tier = "gold"
	unknown, _ := newKey(t, Spec{})
	ring.put(goodKey, revokedKey, bothKey, expiredKey, laterKey, fencedKey, oddKey)
	inside, outside := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("198.51.100.7")
	tests := []struct {
		name, text string
		addr       netip.Addr
		want       error
	}{
		{"good", good, outside, nil},
		{"none", "", outside, ErrMissing},
		{"malformed", "sk_live_nonsense", outside, ErrInvalid},
		{"unknown", unknown, outside, ErrInvalid},
		{"revoked", revoked, outside, ErrInvalid},
		{"revoked and expired", both, outside, ErrInvalid},
		{"expired this second", expired, outside, ErrExpired},
		{"expires next second", later, outside, nil},
		{"unknown tier", odd, outside, ErrInvalid},
		{"from inside", fenced, inside, nil},
		{"from inside, IPv4-mapped", fenced, netip.MustParseAddr("::ffff:192.0.2.7"), nil},
		{"from outside", fenced, outside, ErrAddress},
		{"from an unknown address", fenced, netip.Addr{}, ErrAddress},
	}
	a := New(ring, nil, func() time.Time { return start })
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := a.Authenticate(t.Context(), tt.text, tt.addr)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error = %v, want %v", err, tt.want)
			}
			if (c == nil) != (err != nil) {
				t.Errorf("caller = %v with error %v", c, err)
			}
		})
	}
}

func TestMistypedKeyIsNotLookedUp(t *testing.T) {
	t.Parallel()
	ring := &keyring{}
	a := New(ring, nil, time.Now)
	if _, err := a.Authenticate(t.Context(), "sk_live_"+strings.Repeat("0", 38), netip.Addr{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("error = %v, want ErrInvalid", err)
	}
	if ring.asked != 0 {
		t.Errorf("the store was asked %d times", ring.asked)
	}
}

func TestStoreErrorIsNotAVerdict(t *testing.T) {
	t.Parallel()
	text, _ := newKey(t, Spec{})
	a := New(&keyring{err: store.ErrBusy}, nil, time.Now)
	if _, err := a.Authenticate(t.Context(), text, netip.Addr{}); !errors.Is(err, store.ErrBusy) || errors.Is(err, ErrInvalid) {
		t.Errorf("error = %v, want the store's", err)
	}
}

// TestRevokedWithinTwoSeconds: contract and brief allow two, the cache one.
func TestRevokedWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	ring := &keyring{}
	text, key := newKey(t, Spec{})
	ring.put(key)
	now := start
	a := New(ring, nil, func() time.Time { return now })
	for range 3 {
		if _, err := a.Authenticate(t.Context(), text, netip.Addr{}); err != nil {
			t.Fatal(err)
		}
	}
	if ring.asked != 1 {
		t.Errorf("the store was asked %d times in one instant, want 1", ring.asked)
	}
	key.RevokedAt = start
	ring.put(key)
	now = start.Add(cacheLife)
	if _, err := a.Authenticate(t.Context(), text, netip.Addr{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("error %v after it was revoked, want ErrInvalid", err)
	}
	if cacheLife > 2*time.Second {
		t.Errorf("cacheLife = %v", cacheLife)
	}
}

func TestForget(t *testing.T) {
	t.Parallel()
	ring := &keyring{}
	text, key := newKey(t, Spec{})
	ring.put(key)
	a := New(ring, nil, func() time.Time { return start })
	if _, err := a.Authenticate(t.Context(), text, netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	key.RevokedAt = start
	ring.put(key)
	a.Forget()
	if _, err := a.Authenticate(t.Context(), text, netip.Addr{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("error %v after Forget, want ErrInvalid", err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	a := New(&keyring{}, nil, time.Now)
	for i := range 3 * maxCached {
		a.remember(sha256.Sum256(fmt.Append(nil, i)), cachedCaller{until: start.Add(time.Second)}, start)
		if len(a.cached) > maxCached {
			t.Fatalf("%d cached, at most %d wanted", len(a.cached), maxCached)
		}
	}
}

func TestCallerRights(t *testing.T) {
	t.Parallel()
	rights := map[string]string{}
	for name, spec := range map[string]Spec{
		"local":     {},
		"free":      {Tier: Free},
		"pro":       {Tier: Pro},
		"few":       {Tier: Pro, Scopes: []Scope{ReadIOCs}},
		"amber":     {Tier: Pro, Visibility: store.Visibility{MaxTLP: ioc.Amber}},
		"other few": {Tier: Pro, Scopes: []Scope{ReadSTIX}},
	} {
		_, key := newKey(t, spec)
		c := newCaller(key, Tier{Name: key.Tier})
		for other, r := range rights {
			if r == c.Rights {
				t.Errorf("%s and %s have the same rights %q", name, other, r)
			}
		}
		rights[name] = c.Rights
	}
	_, key := newKey(t, Spec{Tier: Pro})
	if newCaller(key, Tier{Name: Pro, MaxRows: 10}).Rights == newCaller(key, Tier{Name: Pro, MaxRows: 20}).Rights {
		t.Error("a tier that was given more rows has the same rights")
	}
	key.Tier = Free // moved down by the operator: the scopes are still written there
	if c := newCaller(key, Tier{Name: Free}); c.Has(ReadSTIX) || !c.Has(ReadIOCs) {
		t.Error("a key moved to free keeps read:stix or loses read:iocs")
	}
}

func TestNewKey(t *testing.T) {
	t.Parallel()
	text, key := newKey(t, Spec{})
	if key.Hash != Hash(text) || key.Prefix != DisplayPrefix(text) || key.Tier != Local || key.MaxTLP != ioc.Red || key.Account != DefaultAccount {
		t.Errorf("key = %+v", key)
	}
	if key.ID.Version() != 7 || key.ID == uuid.Nil {
		t.Errorf("id %s has version %d, want 7", key.ID, key.ID.Version())
	}
	if got, want := len(key.Scopes), len(Scopes()); got != want {
		t.Errorf("%d scopes, want all %d", got, want)
	}
	_, free := newKey(t, Spec{Tier: Free})
	if diff := cmp.Diff([]string{"read:iocs", "read:articles"}, free.Scopes); diff != "" {
		t.Errorf("scopes of free (-want +got):\n%s", diff)
	}
	if (store.Visibility{MaxTLP: free.MaxTLP}).Sees(ioc.Green) {
		t.Error("a free key sees green without being told to")
	}
	for name, spec := range map[string]Spec{
		"unknown tier":             {Tier: "gold"},
		"unknown scope":            {Scopes: []Scope{"read:everything"}},
		"scope above the tier":     {Tier: Free, Scopes: []Scope{ReadSTIX}},
		"write for a bought key":   {Tier: Pro, Scopes: []Scope{WriteIOCs}},
		"prefix not for a header ": {Prefix: "a b_"},
	} {
		if _, _, err := NewKey(rand.Reader, spec, start); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestFirstKeyOnce(t *testing.T) {
	t.Parallel()
	ring := &keyring{}
	var wg sync.WaitGroup
	texts := make(chan string, 8)
	for range cap(texts) {
		wg.Go(func() {
			text, err := FirstKey(t.Context(), ring, rand.Reader, Spec{}, start)
			if err != nil {
				t.Errorf("FirstKey: %v", err)
			}
			texts <- text
		})
	}
	wg.Wait()
	close(texts)
	minted := 0
	for text := range texts {
		if text == "" {
			continue
		}
		minted++
		if _, err := New(ring, nil, time.Now).Authenticate(t.Context(), text, netip.Addr{}); err != nil {
			t.Errorf("the first key is refused: %v", err)
		}
	}
	if minted != 1 {
		t.Errorf("%d first keys, want 1", minted)
	}
}

func TestTiers(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 17, 10, 30, 42, 0, time.UTC)
	got := map[string]string{}
	for _, tier := range Tiers() {
		earliest := "none"
		if e := tier.Earliest(now); !e.IsZero() {
			earliest = e.Format(time.RFC3339)
		}
		got[tier.Name] = fmt.Sprint(tier.RequestsPerMinute, tier.RequestsPerDay, tier.ClampRows(1_000_000), tier.MaxKeys, " ", earliest)
	}
	want := map[string]string{
		Free:  "10 1000 100 3 2026-05-16T10:30:00Z",
		Pro:   "1000 1000000 10000 50 2025-05-17T10:30:00Z",
		Local: "0 0 1000000 0 none",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tiers (-want +got):\n%s", diff)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	text, key, err := NewKey(rand.Reader, Spec{}, start)
	if err != nil {
		b.Fatal(err)
	}
	ring := &keyring{}
	ring.put(key)
	a := New(ring, nil, func() time.Time { return start })
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(b.Context(), text, netip.Addr{}); err != nil {
			b.Fatal(err)
		}
	}
}
