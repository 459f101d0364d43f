package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
	"spoor/internal/store/postgres"
	"spoor/internal/store/postgres/pgtest"
	"spoor/internal/store/sqlite"
)

// migrating returns a move as a process of its own.
func migrating(t *testing.T, data, dsn string, more ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	args := append([]string{"migrate", "--json", "--from", "sqlite:" + filepath.Join(data, storeFile), "--to", dsn}, more...)
	cmd := exec.CommandContext(ctx, "spoor", args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + data}
	return cmd
}

const listPath = "/api/v1/iocs"

// TestMigrate moves a store, and asks both for the same.
func TestMigrate(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	data := imported(t)
	key := strings.TrimSpace(must(t, "keys", "create", "--data", data))
	from := "sqlite:" + filepath.Join(data, storeFile)
	var got movedObject
	if err := json.Unmarshal([]byte(must(t, "migrate", "--json", "--sample", "200", "--seed", "7", "--from", from, "--to", dsn)), &got); err != nil {
		t.Fatal(err)
	}
	if got.Records != killedRows || got.Moved != killedRows || got.Keys != 1 || got.Seed != 7 || got.Compared.Records != 200 || got.Compared.Contains != 20 {
		t.Errorf("moved %+v", got)
	}
	if got, want := stored(t, data), stored2(t, dsn); got != want {
		t.Errorf("check of the new store: %s, of the old one: %s", want, got)
	}
	if got, want := must(t, "keys", "list", "--store", dsn), must(t, "keys", "list", "--data", data); got != want {
		t.Errorf("keys: got\n%s\nwant\n%s", got, want)
	}
	// A client of the old server is one of the new: its key, and its cursor.
	old, _ := startBinary(t, "spoor", t.TempDir(), "--data", data, "--public-url", "https://feed.example")
	status, first := old.get(t, httpClient(t), key, listPath, url.Values{"limit": {"10"}})
	if status != 200 {
		t.Fatalf("list: status %d: %s", status, first)
	}
	next, err := url.Parse(plainJSON(t, first)["links"].(map[string]any)["next"].(string))
	if err != nil {
		t.Fatal(err)
	}
	r, _ := startBinary(t, "spoor", t.TempDir(), "--store", dsn, "--public-url", "https://feed.example")
	for _, q := range []url.Values{next.Query(), {"limit": {"10"}, "type": {"url"}}} {
		_, want := old.get(t, httpClient(t), key, listPath, q)
		status, got := r.get(t, httpClient(t), key, listPath, q)
		g, _ := json.Marshal(plainJSON(t, got)["data"])
		w, _ := json.Marshal(plainJSON(t, want)["data"])
		if status != 200 || string(g) != string(w) || len(g) < 1000 {
			t.Errorf("%v: status %d: %s", q, status, cmp.Diff(string(g), string(w)))
		}
	}
	// Once moved and used, it is not moved into again.
	again := spoor(t, "", "migrate", "--from", from, "--to", dsn, "--sample", "10")
	if again.status != statusDone || !strings.Contains(again.stdout, "moved before") {
		t.Errorf("the same move again: status %d: %s%s", again.status, again.stdout, again.stderr)
	}
	must(t, "keys", "create", "--store", dsn)
	again = spoor(t, "", "migrate", "--from", from, "--to", dsn)
	if again.status != statusFailed || !strings.Contains(again.stderr, "name an empty database") {
		t.Errorf("move into a used store: status %d: %s", again.status, again.stderr)
	}
}

// stored2 is stored for a store by its address.
func stored2(t *testing.T, address string) string {
	t.Helper()
	text := must(t, "check", "--store", address)
	return strings.TrimPrefix(text[:strings.LastIndex(text, " feeds")+len(" feeds")], "ok: ")
}

// TestKillDuringMigrate kills moves at random moments until the store has come
// over: what is half there is refused by every other command, and what comes to
// be is sound and whole.
func TestKillDuringMigrate(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	data := imported(t)
	must(t, "keys", "create", "--data", data)
	want := stored(t, data)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // moments, not secrets
	t.Logf("seed %d", seed)
	kills := 0
	for try := 0; try < 4; try++ {
		cmd := migrating(t, data, dsn, "--sample", "50")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		awaitMove(t, dsn)
		time.Sleep(time.Duration(random.Int64N(int64(400 * time.Millisecond))))
		_ = cmd.Process.Kill() // it may have ended
		err := cmd.Wait()
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.Exited()) {
			t.Fatalf("move before a kill: %v\n%s", err, out.String())
		}
		if err == nil {
			break
		}
		kills++
		if unfinished(t, dsn) {
			refused := spoor(t, "", "check", "--store", dsn)
			if refused.status != statusFailed || !strings.Contains(refused.stderr, "run the same 'spoor migrate' again") {
				t.Errorf("a half moved store: status %d: %s%s", refused.status, refused.stdout, refused.stderr)
			}
		}
	}
	if out, err := migrating(t, data, dsn, "--sample", "200").CombinedOutput(); err != nil {
		t.Fatalf("move after %d kills: %v\n%s", kills, err, out)
	}
	if got := stored2(t, dsn); got != want {
		t.Errorf("after %d kills: got %s, want %s", kills, got, want)
	}
	if kills == 0 {
		t.Error("no kill hit a running move")
	}
}

// unfinished reports whether the database is the target of a move that has not
// ended.
func unfinished(t *testing.T, dsn string) bool {
	t.Helper()
	st, err := postgres.Open(t.Context(), postgres.Options{DSN: dsn, Existing: true})
	if errors.Is(err, store.ErrNotFound) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	err = st.Usable(t.Context())
	if err != nil && !errors.Is(err, store.ErrMoving) {
		t.Fatal(err)
	}
	return err != nil
}

// awaitMove waits until a move has begun.
func awaitMove(t *testing.T, dsn string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !unfinished(t, dsn); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the move did not begin")
		}
	}
}

// TestMigrateChanged: a source that is written between two attempts is not
// continued with, and starting over takes it as it is now.
func TestMigrateChanged(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DSN(t)
	data := imported(t)
	cmd := migrating(t, data, dsn)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitMove(t, dsn)
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed
	if !unfinished(t, dsn) {
		t.Skip("the move was over before the kill")
	}
	must(t, "keys", "create", "--data", data)
	changed := migrating(t, data, dsn)
	out, err := changed.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "run it again with --start-over") {
		t.Errorf("after a change: %v\n%s", err, out)
	}
	if out, err := migrating(t, data, dsn, "--start-over", "--sample", "50").CombinedOutput(); err != nil {
		t.Fatalf("start over: %v\n%s", err, out)
	}
	if got, want := stored2(t, dsn), stored(t, data); got != want {
		t.Errorf("after starting over: got %s, want %s", got, want)
	}
}

// TestMigrateRevoked: a key that is revoked while both stores are compared is
// not good in the new one: that stays refused.
func TestMigrateRevoked(t *testing.T) {
	t.Parallel()
	ctx, dsn := t.Context(), pgtest.DSN(t)
	from, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), storeFile)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	to, err := postgres.Open(ctx, postgres.Options{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = to.Close() }()
	feed := store.Feed{Name: "f", Category: store.Community}
	run, err := from.StartRun(ctx, store.RunSpec{Feed: feed, Source: "test", Now: time.Unix(1.7e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	domain := ioc.Indicator{Type: ioc.Domain, Value: "evil.example", Key: "evil.example"}
	if _, err := run.Write(ctx, []store.Observation{{Indicator: domain, Origin: store.OriginFeed, Confidence: 1, TLP: ioc.Clear}}); err != nil {
		t.Fatal(err)
	}
	if err := run.Finish(ctx, store.RunStats{Read: 1, New: 1}); err != nil {
		t.Fatal(err)
	}
	key := store.Key{ID: uuid.New(), Account: "a", Prefix: "sk_live_abcd", Tier: "free", MaxTLP: ioc.Clear, CreatedAt: time.Unix(1.6e9, 0).UTC()}
	if err := from.AddKey(ctx, key); err != nil {
		t.Fatal(err)
	}
	revoked := false
	show := &progress{out: io.Discard}
	show.now = func() time.Time {
		if show.what == "comparing" && !revoked {
			revoked = true
			if err := from.RevokeKey(ctx, key.ID, time.Now()); err != nil {
				t.Error(err)
			}
		}
		return time.Now()
	}
	m := mover{from: from, to: to, show: show, flags: migrateFlags{sample: 10, seed: 1}}
	if err := m.move(ctx); !errors.Is(err, store.ErrChanged) {
		t.Errorf("move: got %v, want ErrChanged", err)
	}
	if !revoked {
		t.Fatal("nothing was compared")
	}
	if err := to.Usable(ctx); !errors.Is(err, store.ErrMoving) {
		t.Errorf("the new store: %v, want ErrMoving", err)
	}
	m.flags.startOver = true
	if err := m.move(ctx); err != nil {
		t.Fatal(err)
	}
	if keys, err := to.Keys(ctx); err != nil || len(keys) != 1 || keys[0].RevokedAt.IsZero() {
		t.Errorf("keys after starting over: %+v, %v", keys, err)
	}
}

// TestMigrateAddress: what is wrong with the address of the new store is said
// without repeating it.
func TestMigrateAddress(t *testing.T) {
	t.Parallel()
	from := "sqlite:" + filepath.Join(imported(t), storeFile)
	for name, tt := range map[string]struct{ to, want string }{
		"an @":      {"postgres://ann:s3cr@etPW@db.example/d", "write an @ in the password as %40"},
		"a slash":   {"postgres://ann:s3cr/etPW@db.example/d", "as %2F, %3F, %23 and %40"},
		"no server": {"postgres://ann:s3cretPW@127.0.0.1:1/d?connect_timeout=1", "127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := spoor(t, "", "migrate", "--from", from, "--to", tt.to)
			if got.status != statusFailed || !strings.Contains(got.stderr, tt.want) || strings.Contains(got.stderr, "s3cr") || strings.Contains(got.stderr, "etPW") {
				t.Errorf("status %d: %s", got.status, got.stderr)
			}
			if strings.Count(got.stderr, "127.0.0.1:1 ") > 1 {
				t.Errorf("the same server is named again: %s", got.stderr)
			}
		})
	}
}
