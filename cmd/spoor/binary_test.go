package main

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// TestBinary builds the program as it ships, without a C toolchain, and uses
// it from outside: the sample, its address and key, signals, its exit status.
func TestBinary(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM to send")
	}
	bin := filepath.Join(t.TempDir(), "spoor")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	scratch := t.TempDir()
	r, cmd := startBinary(t, bin, scratch, "--sample")
	status, body := r.get(t, httpClient(t), r.key(t), searchPath, query(sampleQuery))
	if status != http.StatusOK || plainJSON(t, body)["data"].(map[string]any)["found"] != true {
		t.Errorf("search in the sample: status %d: %s", status, body)
	}
	terminate(t, cmd)
	if status := <-r.done; status != statusDone {
		t.Errorf("after SIGTERM: exit status %d, want 0\n%s", status, r.stderr)
	}
	if left, _ := os.ReadDir(scratch); len(left) > 0 {
		t.Errorf("the sample left %v behind", left)
	}
}

// TestSecondSignalEndsAtOnce: a request that never ends keeps a graceful stop
// waiting for ten seconds; a second signal does not.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM to send")
	}
	r, cmd := startBinary(t, "spoor", t.TempDir(), "--data", t.TempDir())
	r.half(t, r.key(t))
	time.Sleep(200 * time.Millisecond) // the server has to have read it
	began := time.Now()
	terminate(t, cmd)
	time.Sleep(300 * time.Millisecond)
	select {
	case status := <-r.done:
		t.Fatalf("ended with status %d after one signal, with a request in flight", status)
	default:
	}
	terminate(t, cmd)
	if status := <-r.done; status == statusDone {
		t.Error("after two signals: exit status 0, want that of a process that was ended")
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("two signals took %s", took)
	}
}

// startBinary starts a server process and waits until it listens.
func startBinary(t *testing.T, bin, scratch string, args ...string) (*running, *exec.Cmd) {
	t.Helper()
	r, cmd := spawn(t, bin, scratch, args...)
	r.base = r.stdout.await(t, "listening on ", r.done)
	return r, cmd
}

// spawn starts a server process.
func spawn(t *testing.T, bin, scratch string, args ...string) (*running, *exec.Cmd) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, bin, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...)...)
	r := &running{stdout: newOutput(), stderr: newOutput(), cancel: cancel, done: make(chan int, 1)}
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + scratch, "TMPDIR=" + scratch, noCatalogue}
	cmd.Stdout, cmd.Stderr = r.stdout, r.stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the state has it
		r.done <- cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return r, cmd
}

func terminate(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}
