package main

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// smallInput is for every commit: our own sample, generated rows and, where
// the real set is beside the repository, some hundred kilobytes of it.
func smallInput(t *testing.T) input {
	t.Helper()
	in := input{seed: 7, queries: 600, steps: []step{
		made(400*24*time.Hour, 2_000, 1),
		files(30*24*time.Hour, 300, "sample"),
		made(30*24*time.Hour, 3_000, 2),
		judged(25*time.Hour, "", 5),
		made(20*time.Hour, 1_000, 1), // again
	}}
	if dir := realSet(); dir != "" {
		some := everySo(t, dir, 40)
		in.steps = append(in.steps, files(2*time.Hour, 500, some...), files(time.Hour, 700, some[:len(some)/3]...))
	}
	in.steps = append(in.steps, judged(time.Minute, "login", 2), made(0, 1_000, 3))
	return in
}

// wholeInput is the whole of the real set, and enough beside it that every
// filter finds something.
func wholeInput(t *testing.T) input {
	t.Helper()
	dir := realSet()
	if dir == "" {
		t.Skip("SKIPPED: the real set is not here; set SPOOR_TEST_DATA to its folder")
	}
	return input{seed: 7, queries: 10_000, steps: []step{
		made(400*24*time.Hour, 20_000, 1),
		files(30*24*time.Hour, 0, "sample"),
		files(3*24*time.Hour, 0, dir),
		made(2*24*time.Hour, 30_000, 2),
		files(2*time.Hour, 500, everySo(t, dir, 40)...), // again
		judged(90*time.Minute, "ex", 7),
		judged(80*time.Minute, "login", 2),
		made(time.Hour, 10_000, 3),
	}}
}

// realSet is the folder of the real set, or "".
func realSet() string {
	root := os.Getenv("SPOOR_TEST_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "data")
	}
	dir := filepath.Join(root, "maltrail")
	if _, err := os.Stat(dir); err != nil {
		return ""
	}
	return dir
}

// everySo returns every nth of the set's smaller files, by name.
func everySo(t *testing.T, dir string, n int) []string {
	t.Helper()
	var all, some []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".txt") {
			return err
		}
		if info, err := e.Info(); err == nil && info.Size() < 30_000 {
			all = append(all, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	for i := 0; i < len(all); i += n {
		some = append(some, all[i])
	}
	return some
}

// said is what one observation said, as far as questions are about it.
type said struct {
	kind       ioc.Type
	value      string
	id         uuid.UUID
	article    uuid.UUID // nil for none
	feed       string
	tags       []string
	techniques []string
}

// sayings passes on what is written to a store and keeps a sample of it, the
// same for the same input and seed.
type sayings struct {
	writable
	random *rand.Rand
	seen   int
	list   []said
}

// kept is how large the sample is.
const kept = 20_000

// writable is the part of a store that steps write by.
type writable interface {
	store.RunStarter
	store.Judge
}

func newSayings(st writable, seed uint64) *sayings {
	return &sayings{writable: st, random: rand.New(rand.NewPCG(seed, 1))}
}

// StartRun implements store.RunStarter.
func (s *sayings) StartRun(ctx context.Context, spec store.RunSpec) (store.Run, error) {
	run, err := s.writable.StartRun(ctx, spec)
	return &listened{Run: run, to: s, feed: spec.Feed.Name}, err
}

type listened struct {
	store.Run
	to   *sayings
	feed string
}

// Write implements store.Run.
func (l *listened) Write(ctx context.Context, batch []store.Observation) (store.Outcome, error) {
	s := l.to
	for i := range batch {
		s.seen++
		at := len(s.list)
		if at < kept {
			s.list = append(s.list, said{})
		} else if at = s.random.IntN(s.seen); at >= kept {
			continue
		}
		o := &batch[i]
		one := said{kind: o.Indicator.Type, value: o.Indicator.Value, feed: l.feed, tags: o.Tags, techniques: o.Techniques}
		if o.Article != nil {
			one.article = o.Article.ID
		}
		one.id = store.RecordID(l.feed, one.article, one.kind, one.value)
		s.list[at] = one
	}
	return l.Run.Write(ctx, batch)
}
