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
	onEngines(t, killDuringImport)
}

func killDuringImport(t *testing.T, e engine) {
	t.Helper()
	kills := wantedKills(t)
	input := filepath.Join(t.TempDir(), "killed.txt")
	if err := os.WriteFile(input, manyRows(""), 0o600); err != nil {
		t.Fatal(err)
	}
	whole := e.fresh(t)
	began := time.Now()
	if out, err := whole.importing(t, input).CombinedOutput(); err != nil {
		t.Fatalf("import without a kill: %v\n%s", err, out)
	}
	full := time.Since(began)
	want := whole.stored(t)
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // moments, not secrets
	t.Logf("seed %d, a whole import takes %s and makes %s", seed, full, want)
	for hit, tries := 0, 0; hit < kills; {
		at := e.fresh(t)
		for range 2 { // the second one kills the import that completes the first
			if hit == kills {
				break
			}
			if tries++; tries > 20+10*kills {
				t.Fatalf("only %d of %d kills hit a running import", hit, tries)
			}
			if killAfter(t, at.importing(t, input), time.Duration(random.Int64N(int64(full)))) {
				hit++
			} else {
				full = max(full*3/4, 50*time.Millisecond) // the machine has become faster since
			}
			sound(t, at)
		}
		if out, err := at.importing(t, input).CombinedOutput(); err != nil {
			t.Fatalf("import after a kill: %v\n%s", err, out)
		}
		if got := at.stored(t); got != want {
			t.Errorf("after a kill and a second import: got %s, want %s", got, want)
		}
		must(t, at.after("search", "--type", "domain", fmt.Sprintf("h%d.kill.example", killedRows-2))...)
	}
}

// importing returns the import as a process of its own.
func importing(t *testing.T, data, input string) *exec.Cmd {
	t.Helper()
	return place{"--data", data}.importing(t, input)
}

func (p place) importing(t *testing.T, input string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "spoor", p.after("import", input)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(input)}
	return cmd
}

// wantedKills is how often tests kill: as SPOOR_KILLS says, 3 when unset.
func wantedKills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("SPOOR_KILLS")
	if text == "" {
		return 3
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("SPOOR_KILLS: %v", err)
	}
	return n
}

// killAfter starts a process, kills it after a while and reports whether it was
// still running.
func killAfter(t *testing.T, cmd *exec.Cmd, after time.Duration) bool {
	t.Helper()
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
		t.Fatalf("%v before a kill: %v\n%s", cmd.Args, err, out.String())
	}
	return err != nil
}

// sound checks the store of a killed import, if it had got to making one.
func sound(t *testing.T, at place) {
	t.Helper()
	got := spoor(t, "", at.after("check")...)
	missing := strings.Contains(got.stderr, "does not exist") || strings.Contains(got.stderr, "holds no store")
	if got.status != statusDone && !missing {
		t.Fatalf("check after a kill: status %d\n%s", got.status, got.stderr)
	}
}

// stored is that of the embedded store in a folder.
func stored(t *testing.T, data string) string {
	t.Helper()
	return place{"--data", data}.stored(t)
}

// stored returns how much is in a store, as "check" says it, without the
// sightings: a run that was killed has left some of its own.
func (p place) stored(t *testing.T) string {
	t.Helper()
	return regexp.MustCompile(`\d+ records, \d+ articles, \d+ feeds`).FindString(must(t, p.after("check")...))
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
