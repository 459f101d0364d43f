package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// imported returns a data folder with the sample feeds' worth of rows in it.
func imported(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	input := filepath.Join(t.TempDir(), "rows.txt")
	if err := os.WriteFile(input, manyRows("backup/"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "import", "--data", data, input)
	return data
}

// backedUpTo makes a backup and returns what it says of it.
func backedUpTo(t *testing.T, data, file string) copyObject {
	t.Helper()
	var o copyObject
	if err := json.Unmarshal([]byte(must(t, "backup", "--json", "--data", data, file)), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestBackupDuringImport takes backups while another process imports and a
// third serves: each is sound, none holds less than the one before, and the
// import comes to what it would have come to.
func TestBackupDuringImport(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	input := filepath.Join(t.TempDir(), "rows.txt")
	if err := os.WriteFile(input, manyRows(""), 0o600); err != nil {
		t.Fatal(err)
	}
	startBinary(t, "spoor", t.TempDir(), "--data", data)
	cmd := importing(t, data, input)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	dir, last, during := t.TempDir(), copyObject{}, 0
	for n := 0; ; n++ {
		file := filepath.Join(dir, fmt.Sprintf("%d.db", n))
		made := backedUpTo(t, data, file)
		if made.Records < last.Records || made.Seq < last.Seq {
			t.Errorf("a backup of %+v after one of %+v", made, last)
		}
		if want := fmt.Sprintf("ok: %d records, %d articles", made.Records, made.Articles); !strings.HasPrefix(must(t, "check", "--store", "sqlite:"+file), want) {
			t.Errorf("the backup does not hold %s", want)
		}
		last = made
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("import: %v\n%s", err, out.String())
			}
		default:
			during++
			continue
		}
		break
	}
	if during == 0 {
		t.Log("the import ended during the first backup")
	}
	final := backedUpTo(t, data, filepath.Join(dir, "final.db"))
	if want := fmt.Sprintf("%d records, %d articles", final.Records, final.Articles); !strings.HasPrefix(stored(t, data), want) {
		t.Errorf("the last backup holds %s, the store %s", want, stored(t, data))
	}
}

// TestKillDuringBackup kills backups at random moments: the file is not there
// or it is whole, the store is sound, and the next backup works.
func TestKillDuringBackup(t *testing.T) {
	t.Parallel()
	data, dir := imported(t), t.TempDir()
	backup := func(file string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "spoor", "backup", "--data", data, file)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
		return cmd
	}
	began := time.Now()
	if out, err := backup(filepath.Join(dir, "whole.db")).CombinedOutput(); err != nil {
		t.Fatalf("backup: %v\n%s", err, out)
	}
	full := time.Since(began)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // moments, not secrets
	t.Logf("seed %d, a whole backup takes %s", seed, full)
	hits := 0
	for i := range 6 {
		file := filepath.Join(dir, fmt.Sprintf("killed-%d.db", i))
		cmd := backup(file)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(random.Int64N(int64(full))))
		_ = cmd.Process.Kill() // it may have ended
		if err := cmd.Wait(); err != nil {
			hits++
		}
		if _, err := os.Stat(file); err == nil {
			must(t, "check", "--store", "sqlite:"+file)
		} else if !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		must(t, "check", "--data", data)
	}
	if hits == 0 {
		t.Error("no kill hit a running backup")
	}
	backedUpTo(t, data, filepath.Join(dir, "after.db"))
}

// TestRestoreWhileServing: a store that a server has open is not replaced;
// once the server is gone it is, and a server on it knows the keys and the
// indicators of the backup.
func TestRestoreWhileServing(t *testing.T) {
	t.Parallel()
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "b.db")
	input := filepath.Join(t.TempDir(), "list.txt")
	if err := os.WriteFile(input, []byte("c2.evil.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "import", "--data", data, "--format", "list", input)
	key := strings.TrimSpace(must(t, "keys", "create", "--data", data))
	keys := must(t, "keys", "list", "--data", data)
	made := backedUpTo(t, data, file)
	if err := os.WriteFile(input, []byte("late.evil.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "import", "--data", data, "--format", "list", input)
	must(t, "keys", "create", "--data", data)
	r, cmd := startBinary(t, "spoor", t.TempDir(), "--data", data)
	refused := spoor(t, "", "restore", "--force", "--data", data, file)
	if refused.status != statusFailed || !strings.Contains(refused.stderr, "stop every 'spoor serve'") {
		t.Errorf("restore under a server: status %d: %s", refused.status, refused.stderr)
	}
	if status, _ := r.get(t, httpClient(t), key, searchPath, query("late.evil.example")); status != 200 {
		t.Errorf("the server answers %d after that", status)
	}
	terminate(t, cmd)
	<-r.done
	must(t, "restore", "--force", "--data", data, file)
	if got := must(t, "keys", "list", "--data", data); got != keys {
		t.Errorf("keys: got\n%s\nwant\n%s", got, keys)
	}
	r, _ = startBinary(t, "spoor", t.TempDir(), "--data", data)
	for value, want := range map[string]bool{"c2.evil.example": true, "late.evil.example": false} {
		status, body := r.get(t, httpClient(t), key, searchPath, query(value))
		if status != 200 || plainJSON(t, body)["data"].(map[string]any)["found"] != want {
			t.Errorf("%s: status %d, want found %v: %s", value, status, want, body)
		}
	}
	if made.Records != 1 {
		t.Errorf("the backup has %d records, want 1", made.Records)
	}
}

// TestProgressLines: without a terminal, how far it is comes as lines, and
// what is begun late is told at once.
func TestProgressLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	at := time.Unix(0, 0)
	p := &progress{out: &out, now: func() time.Time { return at }, start: at, told: at, bytes: true}
	p.update("copying", 0, 100e6)
	at = at.Add(10 * time.Second)
	p.update("copying", 25e6, 100e6)
	p.update("copying", 26e6, 100e6)
	p.update("checking", 0, 0)
	p.bytes = false
	at = at.Add(time.Second)
	p.update("moving", 1000, 5000)
	at = at.Add(10 * time.Second)
	p.update("moving", 2000, 5000)
	const want = "copying: 25.0 MB of 100.0 MB, 25%, about 30s left\nchecking ...\nmoving: 1,000 of 5,000, 20%\nmoving: 2,000 of 5,000, 40%, about 30s left\n"
	if got := out.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	quick := &progress{out: &out, now: func() time.Time { return at }, start: at, told: at}
	out.Reset()
	quick.update("copying", 1, 2)
	quick.update("checking", 0, 0)
	if out.Len() > 0 {
		t.Errorf("what is over at once said %q", out.String())
	}
}
