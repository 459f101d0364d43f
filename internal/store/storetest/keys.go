package storetest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

func keyCases() []testCase {
	return []testCase{
		{"all fields come back", keyFields},
		{"duplicates", keyDuplicates},
		{"oldest first", keyOrder},
		{"revoked once", keyRevoke},
		{"first key exactly once", keyFirst},
		{"a first key only where there never was one", keyFirstLate},
	}
}

// key is a minimal key, the n-th of its account.
func key(n int) store.Key {
	return store.Key{
		ID: uuid.Must(uuid.NewV7()), Account: "default", Hash: sha256.Sum256(fmt.Append(nil, "key ", n)),
		Prefix: "sk_live_aB3d", Tier: "local", Scopes: []string{"read:iocs"}, MaxTLP: ioc.Red,
		CreatedAt: runNow(n),
	}
}

func keyFields(t *testing.T, open Open) {
	w := newWorld(t, open)
	k := key(1)
	k.Account, k.Name, k.Tier = "ACME \"SOC\"", "ünïcødé; name", "pro"
	k.Scopes = []string{"admin", "read:articles", "read:iocs"}
	k.AllowedIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	k.MaxTLP, k.ExpiresAt = ioc.AmberStrict, runNow(99)
	least := store.Key{ID: uuid.Must(uuid.NewV7()), Account: "b", Hash: key(2).Hash, CreatedAt: runNow(2)}
	for _, want := range []store.Key{k, least} {
		must(t, w.st.AddKey(w.ctx, want))
		got, err := w.st.KeyByHash(w.ctx, want.Hash)
		must(t, err)
		sameKeys(t, "KeyByHash", []store.Key{got}, []store.Key{want})
	}
	all, err := w.st.Keys(w.ctx)
	must(t, err)
	sameKeys(t, "Keys", all, []store.Key{k, least})
	_, err = w.st.KeyByHash(w.ctx, key(3).Hash)
	is(t, "KeyByHash of an unknown one", err, store.ErrNotFound)
	same(t, "keys are no records: Seq", w.seq(), 0)
	w.verify()
}

// sameKeys compares keys, their networks as text: netip.Prefix has no
// exported fields.
func sameKeys(t testing.TB, what string, got, want []store.Key) {
	t.Helper()
	same(t, what+": networks", networks(got), networks(want))
	strip := func(ks []store.Key) []store.Key {
		out := append([]store.Key(nil), ks...)
		for i := range out {
			out[i].AllowedIPs = nil
		}
		return out
	}
	same(t, what, strip(got), strip(want))
	for _, k := range got {
		for _, at := range []time.Time{k.CreatedAt, k.ExpiresAt, k.RevokedAt} {
			if !at.IsZero() && at.Location() != time.UTC {
				t.Fatalf("%s: time %v is not in UTC", what, at)
			}
		}
	}
}

func networks(ks []store.Key) [][]string {
	out := make([][]string, 0, len(ks))
	for _, k := range ks {
		var row []string
		for _, p := range k.AllowedIPs {
			row = append(row, p.String())
		}
		out = append(out, row)
	}
	return out
}

func keyDuplicates(t *testing.T, open Open) {
	w := newWorld(t, open)
	k := key(1)
	must(t, w.st.AddKey(w.ctx, k))
	sameHash, sameID := key(2), key(3)
	sameHash.Hash, sameID.ID = k.Hash, k.ID
	is(t, "the same", w.st.AddKey(w.ctx, k), store.ErrExists)
	is(t, "the same hash", w.st.AddKey(w.ctx, sameHash), store.ErrExists)
	is(t, "the same id", w.st.AddKey(w.ctx, sameID), store.ErrExists)
	must(t, w.st.AddKey(w.ctx, key(4)))
	all, err := w.st.Keys(w.ctx)
	must(t, err)
	same(t, "number of keys", len(all), 2)
}

func keyOrder(t *testing.T, open Open) {
	w := newWorld(t, open)
	for _, n := range []int{3, 1, 2} {
		must(t, w.st.AddKey(w.ctx, key(n)))
	}
	all, err := w.st.Keys(w.ctx)
	must(t, err)
	for i, k := range all {
		same(t, "created", k.CreatedAt, runNow(i+1))
	}
	same(t, "number of keys", len(all), 3)
}

func keyRevoke(t *testing.T, open Open) {
	w := newWorld(t, open)
	k := key(1)
	must(t, w.st.AddKey(w.ctx, k))
	is(t, "an unknown one", w.st.RevokeKey(w.ctx, uuid.Must(uuid.NewV7()), runNow(5)), store.ErrNotFound)
	must(t, w.st.RevokeKey(w.ctx, k.ID, runNow(6)))
	must(t, w.st.RevokeKey(w.ctx, k.ID, runNow(7)))
	got, err := w.st.KeyByHash(w.ctx, k.Hash)
	must(t, err)
	k.RevokedAt = runNow(6)
	sameKeys(t, "revoked key", []store.Key{got}, []store.Key{k})
	all, err := w.st.Keys(w.ctx)
	must(t, err)
	sameKeys(t, "among all", all, []store.Key{k})
}

func keyFirst(t *testing.T, open Open) {
	w := newWorld(t, open)
	const servers = 8
	var wg sync.WaitGroup
	told := make([]bool, servers)
	errs := make([]error, servers)
	start := make(chan struct{})
	for i := range servers {
		wg.Go(func() {
			<-start
			told[i], errs[i] = w.st.AddFirstKey(context.WithoutCancel(w.ctx), key(i))
		})
	}
	close(start)
	wg.Wait()
	first := -1
	for i := range servers {
		must(t, errs[i])
		if told[i] {
			if first >= 0 {
				t.Fatalf("both %d and %d were told that theirs is the first key", first, i)
			}
			first = i
		}
	}
	if first < 0 {
		t.Fatal("nobody was told that theirs is the first key")
	}
	all, err := w.st.Keys(w.ctx)
	must(t, err)
	same(t, "number of keys", len(all), 1)
	same(t, "hash", all[0].Hash, key(first).Hash)
}

func keyFirstLate(t *testing.T, open Open) {
	w := newWorld(t, open)
	k := key(1)
	must(t, w.st.AddKey(w.ctx, k))
	must(t, w.st.RevokeKey(w.ctx, k.ID, runNow(2)))
	ok, err := w.st.AddFirstKey(w.ctx, key(2))
	must(t, err)
	same(t, "a first key beside a revoked one", ok, false)
	_, err = w.st.KeyByHash(w.ctx, key(2).Hash)
	is(t, "the key that was not added", err, store.ErrNotFound)
}
