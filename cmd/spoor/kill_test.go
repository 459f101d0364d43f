package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// killedRows is how many rows the import that is killed has: enough that it
// runs for a while, few enough for every commit.
const killedRows = 20_000

// TestKillDuringImport kills an import at random moments, twice a store: what
// is there must be sound, and running it again must complete it. SPOOR_KILLS
// says how often; 3 when unset.
func TestKillDuringImport(t *testing.T) {
	t.Parallel()
	kills := 3
	if text := os.Getenv("SPOOR_KILLS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("SPOOR_KILLS: %v", err)
		}
		kills = n
	}
	input := filepath.Join(t.TempDir(), "killed.txt")
	if err := os.WriteFile(input, manyRows(""), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := t.TempDir()
	began := time.Now()
	if out, err := importing(t, whole, input).CombinedOutput(); err != nil {
		t.Fatalf("import without a kill: %v\n%s", err, out)
	}
	full := time.Since(began)
	want := stored(t, whole)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // moments, not secrets
	t.Logf("seed %d, a whole import takes %s and makes %s", seed, full, want)
	for hit, tries := 0, 0; hit < kills; {
		data := t.TempDir()
		for range 2 { // the second one kills the import that completes the first
			if hit == kills {
				break
			}
			if tries++; tries > 20+10*kills {
				t.Fatalf("only %d of %d kills hit a running import", hit, tries)
			}
			if killOnce(t, data, input, time.Duration(random.Int64N(int64(full)))) {
				hit++
			} else {
				full = max(full*3/4, 50*time.Millisecond) // the machine has become faster since
			}
			sound(t, data)
		}
		if out, err := importing(t, data, input).CombinedOutput(); err != nil {
			t.Fatalf("import after a kill: %v\n%s", err, out)
		}
		if got := stored(t, data); got != want {
			t.Errorf("after a kill and a second import: got %s, want %s", got, want)
		}
		must(t, "search", "--data", data, "--type", "domain", fmt.Sprintf("h%d.kill.example", killedRows-2))
	}
}

// importing returns the import as a process of its own.
func importing(t *testing.T, data, input string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "spoor", "import", "--data", data, input)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + data}
	return cmd
}

// killOnce starts the import, kills it after a while and reports whether it
// was still running.
func killOnce(t *testing.T, data, input string, after time.Duration) bool {
	t.Helper()
	cmd := importing(t, data, input)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	_ = cmd.Process.Kill() // it may have ended
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.Exited()) {
		t.Fatalf("import before a kill: %v\n%s", err, out.String())
	}
	return err != nil
}

// sound checks the store of a killed import, if it had got to making one.
func sound(t *testing.T, data string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(data, storeFile)); errors.Is(err, os.ErrNotExist) {
		return
	}
	must(t, "check", "--data", data)
}

// stored returns how much is in a store, as "check" says it, without the
// sightings: a run that was killed has left some of its own.
func stored(t *testing.T, data string) string {
	t.Helper()
	return regexp.MustCompile(`\d+ records, \d+ articles, \d+ feeds`).FindString(must(t, "check", "--data", data))
}

// manyRows returns rows of several types under references, whose addresses hold
// path.
func manyRows(path string) []byte {
	var b bytes.Buffer
	for i := range killedRows {
		switch i % 4 {
		case 0:
			if i%40 == 0 {
				fmt.Fprintf(&b, "\n# Reference: https://reports.example/%s%d\n\n", path, i)
			}
			fmt.Fprintf(&b, "10.%d.%d.%d\n", i>>16&255, i>>8&255, i&255)
		case 1:
			fmt.Fprintf(&b, "http://k%d.kill.example/%s/a.php\n", i, strings.Repeat("p", i%17))
		default:
			fmt.Fprintf(&b, "h%d.kill.example\n", i)
		}
	}
	return b.Bytes()
}
