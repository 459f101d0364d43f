package sqlite

import (
	"fmt"
	"sync"

	"zombiezen.com/go/sqlite"

	"spoor/internal/ioc"
)

// indexCache holds what every search of the trigram index needs of it: the
// directories of the segments and the keys that are not indexed yet. Both
// are of one moment; a snapshot of another moment brings its own.
type indexCache struct {
	mu       sync.Mutex
	version  int64 // clock.index_version that segments is of
	segments []openSegment
	tail     *tail
}

// openSegment is a segment with its directory.
type openSegment struct {
	segment
	dir *directory
}

// tail holds the keys after indexed_rid. Entries are only ever added behind
// the length that a holder knows, so holders need no lock.
type tail struct {
	after     int64 // clock.indexed_rid
	deletions int64 // clock.deletions
	entries   []tailEntry
}

// tailEntry is the key of the row id after+1+index; type 0 for none.
type tailEntry struct {
	typ ioc.Type
	key string
}

// openIndex returns the segments of this snapshot, newest records first.
func (v *snapshot) openIndex() ([]openSegment, error) {
	cache := &v.st.index
	cache.mu.Lock()
	defer cache.mu.Unlock()
	if cache.version == v.clock.indexVersion {
		return cache.segments, nil
	}
	all, err := v.segments()
	if err != nil {
		return nil, err
	}
	known := make(map[int64]*directory, len(cache.segments))
	for _, s := range cache.segments {
		known[s.id] = s.dir
	}
	open := make([]openSegment, len(all))
	for i, s := range all {
		open[i] = openSegment{s, known[s.id]}
		if open[i].dir == nil {
			if open[i].dir, err = v.directory(s.id); err != nil {
				return nil, err
			}
		}
	}
	if v.clock.indexVersion > cache.version {
		cache.version, cache.segments = v.clock.indexVersion, open
	}
	return open, nil
}

const selectTail = `SELECT r.rid, r.key, f.type FROM records r JOIN facets f ON f.id = r.facet_id WHERE r.rid > ? AND r.rid <= ? ORDER BY r.rid`

// scanTail reads the key (column 1) and the type (column 2) of a row.
func scanTail(st *sqlite.Stmt) tailEntry {
	return tailEntry{ioc.Type(st.ColumnInt64(2)), st.ColumnText(1)} //nolint:gosec // written by us
}

// openTail returns the keys of this snapshot that are not indexed.
func (v *snapshot) openTail() ([]tailEntry, error) {
	want := int(v.clock.lastRID - v.clock.indexedRID)
	if want == 0 {
		return nil, nil
	}
	cache := &v.st.index
	cache.mu.Lock()
	defer cache.mu.Unlock()
	t := cache.tail
	if t == nil || t.after != v.clock.indexedRID || t.deletions != v.clock.deletions {
		t = &tail{after: v.clock.indexedRID, deletions: v.clock.deletions}
	}
	if len(t.entries) >= want {
		return t.entries[:want], nil
	}
	entries, err := v.readTail(t.entries, t.after)
	if err != nil {
		return nil, err
	}
	if cache.tail == nil || t.after > cache.tail.after || t.after == cache.tail.after && t.deletions >= cache.tail.deletions {
		cache.tail = &tail{after: t.after, deletions: t.deletions, entries: entries}
	}
	return entries, nil
}

// readTail appends what is missing in the entries after the row id.
func (v *snapshot) readTail(entries []tailEntry, after int64) ([]tailEntry, error) {
	_, err := v.query(selectTail, func(st *sqlite.Stmt) error {
		rid := st.ColumnInt64(0)
		for after+1+int64(len(entries)) < rid {
			entries = append(entries, tailEntry{})
		}
		entries = append(entries, scanTail(st))
		return nil
	}, after+int64(len(entries)), v.clock.lastRID)
	if err != nil {
		return nil, fmt.Errorf("read unindexed keys: %w", err)
	}
	for after+int64(len(entries)) < v.clock.lastRID {
		entries = append(entries, tailEntry{})
	}
	return entries, nil
}
