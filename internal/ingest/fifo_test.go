//go:build unix

package ingest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestInterruptWhileOpening names a pipe that nobody writes to: opening it
// waits, and an interrupt has to end that.
func TestInterruptWhileOpening(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skipf("make a named pipe: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := New(newMemory(t), Options{Now: time.Now}).Import(ctx, Request{Paths: []string{path}}, nil)
		ended <- err
	}()
	select {
	case err := <-ended:
		if !errors.Is(err, ErrInterrupted) {
			t.Errorf("got %v, want %v", err, ErrInterrupted)
		}
	case <-time.After(5 * time.Second):
		t.Error("an interrupt did not end the import")
	}
	// A writer ends the wait that was left behind. It comes too early when the
	// open has not begun.
	for range 100 {
		if w, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0); err == nil {
			_ = w.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
