package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"spoor/internal/store"
)

// byName returns the values of a map in the order of its keys.
func byName[T any](m map[string]T) []T {
	all := make([]T, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		all = append(all, m[name])
	}
	return all
}

// FeedStates implements store.FeedKeeper.
func (m *Model) FeedStates(ctx context.Context) ([]store.FeedState, error) {
	if _, err := m.current(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return byName(m.states), nil
}

// FeedState implements store.FeedKeeper.
func (m *Model) FeedState(ctx context.Context, feed string) (store.FeedState, error) {
	if _, err := m.current(ctx); err != nil {
		return store.FeedState{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.states[feed]
	s.Feed = feed
	return s, nil
}

// SaveFeedState implements store.FeedKeeper.
func (m *Model) SaveFeedState(ctx context.Context, s store.FeedState) error {
	if _, err := m.current(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Seen = slices.Clone(s.Seen)
	s.NextRun, s.LastRun, s.LastGood = second(s.NextRun), second(s.LastRun), second(s.LastGood)
	for _, text := range []*string{&s.ETag, &s.LastModified, &s.Digest, &s.Cursor, &s.Format, &s.Reason} {
		*text = valid(*text)
	}
	if s.Held != nil {
		held := *s.Held
		held.Since, held.Digest = second(held.Since), valid(held.Digest)
		s.Held = &held
	}
	m.states[s.Feed] = s
	return nil
}

// ForgetFeedState implements store.FeedKeeper.
func (m *Model) ForgetFeedState(ctx context.Context, feed string) error {
	if _, err := m.current(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.states, feed)
	return nil
}

// Runs implements store.FeedKeeper.
func (m *Model) Runs(ctx context.Context, feed string, limit int) ([]store.RunRecord, error) {
	if _, err := m.current(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []store.RunRecord
	for _, r := range m.runs {
		if feed == "" || r.Feed.Name == feed {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b store.RunRecord) int { return cmp.Or(b.Started.Compare(a.Started), byID(b.ID, a.ID)) })
	return all[:min(limit, len(all))], nil
}

// Allowed implements store.AllowKeeper.
func (m *Model) Allowed(ctx context.Context) ([]store.Allowed, error) {
	if _, err := m.current(ctx); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return byName(m.allowed), nil
}

// Allow implements store.AllowKeeper.
func (m *Model) Allow(ctx context.Context, a store.Allowed) error {
	if _, err := m.current(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a.AddedAt = second(a.AddedAt)
	m.allowed[a.Value] = a
	return nil
}

// Disallow implements store.AllowKeeper.
func (m *Model) Disallow(ctx context.Context, value string) error {
	if _, err := m.current(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.allowed[value]; !ok {
		return fmt.Errorf("disallow %q: %w", value, store.ErrNotFound)
	}
	delete(m.allowed, value)
	return nil
}

// Rejudge implements store.Judge.
func (m *Model) Rejudge(ctx context.Context, part string, verdict func(*store.Record) []store.Warning) (n int64, err error) {
	id, err := uuid.NewV7()
	if err != nil {
		return 0, fmt.Errorf("make id: %w", err)
	}
	if err := m.beginWriting(ctx, id); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, m.endWriting(context.WithoutCancel(ctx), id)) }()
	old, err := m.current(ctx)
	if err != nil {
		return 0, err
	}
	// By id: the places of records change when others delete in between.
	for ids := range slices.Chunk(idsOf(old.records), 500) {
		changed := int64(0)
		if err := m.change(ctx, func(s *modelState) error {
			changed = s.judgeAll(ids, part, verdict)
			return ctx.Err()
		}); err != nil {
			return n, err
		}
		n += changed
	}
	return n, nil
}

// judgeAll judges those of the records whose key holds part, and returns how
// many that changed.
func (s *modelState) judgeAll(ids []uuid.UUID, part string, verdict func(*store.Record) []store.Warning) (changed int64) {
	if !utf8.ValidString(part) {
		return 0
	}
	for _, id := range ids {
		if i, ok := s.place[id]; ok && strings.Contains(s.records[i].Key, part) && s.judge(i, verdict) {
			changed++
		}
	}
	return changed
}

// judge judges a record, and reports whether that changed it.
func (s *modelState) judge(i int, verdict func(*store.Record) []store.Warning) bool {
	r, changed := store.Judged(s.records[i], verdict(&s.records[i]))
	if changed {
		s.seq++
		r.Seq, r.UpdatedAt = s.seq, s.stamp
		s.records[i] = r
	}
	return changed
}

// valid replaces each byte of a text that is not valid.
func valid(text string) string { return string([]rune(text)) }
