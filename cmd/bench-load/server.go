package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// product is the binary under test and where its store is.
type product struct {
	binary string
	data   string
	store  string // the address of a database; empty: the file in data
	stderr io.Writer
}

// where are the arguments that name the store.
func (p product) where() []string {
	if p.store != "" {
		return []string{"--store", p.store}
	}
	return []string{"--data", p.data}
}

// buildProduct builds the server as a release is built.
func buildProduct(ctx context.Context, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", to, "./cmd/spoor")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build spoor: %w: %s", err, out)
	}
	return nil
}

// imported is the count table of an import, and the time it took, from the
// start of the process to its end: what it wrote is durable and searchable.
type imported struct {
	Read, New, Updated, Unchanged, Merged int64
	Skipped                               map[string]int64
	elapsed                               time.Duration
}

func (p product) importSet(ctx context.Context, path string) (imported, error) {
	var result imported
	began := time.Now()
	out, err := p.run(ctx, append(append([]string{"import", "--json"}, p.where()...), path)...)
	if err != nil {
		return result, err
	}
	result.elapsed = time.Since(began)
	if err := json.Unmarshal(out, &result); err != nil {
		return result, fmt.Errorf("read counts of import: %w: %.200s", err, out)
	}
	return result, nil
}

// key makes an API key of tier local.
func (p product) key(ctx context.Context) (string, error) {
	out, err := p.run(ctx, append([]string{"keys", "create", "--name", "bench-load"}, p.where()...)...)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
}

func (p product) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, p.binary, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, p.stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("spoor %s: %w", args[0], err)
	}
	return out.Bytes(), nil
}

// serve starts the server with its ordinary settings; its log lines are
// written, as always, to a file.
func (p product) serve(ctx context.Context, log io.Writer) (*process, error) {
	return start(ctx, log, p.binary, append([]string{"serve", "--listen", "127.0.0.1:0"}, p.where()...)...)
}

// storePath returns the store's database file.
func (p product) storePath() string { return filepath.Join(p.data, "spoor.db") }

// diskBytes adds up the files of the store.
func (p product) diskBytes() (int64, error) {
	var total int64
	err := filepath.WalkDir(p.data, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measure store: %w", err)
	}
	return total, nil
}

// firstAnswer starts the server and returns the time from there to the first
// answer to a search.
func (p product) firstAnswer(ctx context.Context, log io.Writer, target, key string) (took time.Duration, err error) {
	began := time.Now()
	server, err := p.serve(ctx, log)
	if err != nil {
		return 0, err
	}
	defer func() {
		if stop := server.stop(); err == nil {
			err = stop
		}
	}()
	w, err := dialWire(ctx, server.address)
	if err != nil {
		return 0, err
	}
	_, _, err = timed(w, request(server.address, target, key))
	took = time.Since(began)
	return took, w.close()
}
