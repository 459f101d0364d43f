package main

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"spoor/internal/ioc"
)

// entry is one record of the loaded set, as far as drawing needles needs it.
type entry struct {
	kind  ioc.Type
	key   string
	value string
}

// set is what was loaded: the store's own content, not the input's, so that
// what is asked is what is there.
type set struct {
	entries []entry
	keys    map[string]bool
}

const selectEntries = `SELECT f.type, r.key, r.value FROM records r JOIN facets f ON f.id = r.facet_id ORDER BY r.rid`

// readSet reads all keys from the store's file.
func readSet(path string) (*set, error) {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &set{keys: map[string]bool{}}
	err = sqlitex.ExecuteTransient(conn, selectEntries, &sqlitex.ExecOptions{ResultFunc: func(st *sqlite.Stmt) error {
		e := entry{kind: ioc.Type(st.ColumnInt(0)), key: st.ColumnText(1)}
		if e.value = e.key; !st.ColumnIsNull(2) {
			e.value = st.ColumnText(2)
		}
		s.entries = append(s.entries, e)
		s.keys[e.key] = true
		return nil
	}})
	if err != nil {
		return nil, fmt.Errorf("read store: %w", err)
	}
	if err := conn.Close(); err != nil {
		return nil, fmt.Errorf("close store: %w", err)
	}
	if len(s.entries) == 0 {
		return nil, fmt.Errorf("read store: %s holds no record", path)
	}
	return s, nil
}

func (s *set) has(key string) bool { return s.keys[key] }

// sample returns up to n values of entries that pass, of different keys, drawn
// at random.
func (s *set) sample(r *rand.Rand, n int, pass func(entry) bool) []string {
	var out []string
	seen := map[string]bool{}
	for _, i := range r.Perm(len(s.entries)) {
		e := s.entries[i]
		if seen[e.key] || !pass(e) {
			continue
		}
		seen[e.key] = true
		out = append(out, e.value)
		if len(out) == n {
			break
		}
	}
	return out
}

// sampleKeys returns the keys of up to n random entries.
func (s *set) sampleKeys(r *rand.Rand, n int) []string {
	picks := r.Perm(len(s.entries))[:min(n, len(s.entries))]
	keys := make([]string, len(picks))
	for i, p := range picks {
		keys[i] = s.entries[p].key
	}
	return keys
}

// derive returns up to n different texts made from the keys of random entries
// that pass. make returns "" for a key that does not serve; what it returns
// for a whole key must not be a key itself.
func (s *set) derive(r *rand.Rand, n int, pass func(entry) bool, derived func(key string) string) []string {
	var out []string
	seen := map[string]bool{}
	for _, i := range r.Perm(len(s.entries)) {
		e := s.entries[i]
		if !pass(e) {
			continue
		}
		text := derived(e.key)
		if text == "" || seen[text] || s.keys[text] {
			continue
		}
		seen[text] = true
		out = append(out, text)
		if len(out) == n {
			break
		}
	}
	return out
}

// pieces returns the top most frequent runs of n letters, counted once a key,
// over every eighth key.
func (s *set) pieces(n, top int) []string {
	counts := map[string]int{}
	var here []string
	for i := 0; i < len(s.entries); i += 8 {
		here = here[:0]
		for _, w := range letterRuns(s.entries[i].key) {
			for at := 0; at+n <= len(w); at++ {
				if piece := w[at : at+n]; !slices.Contains(here, piece) {
					here = append(here, piece)
					counts[piece]++
				}
			}
		}
	}
	all := sorted(counts)
	slices.SortStableFunc(all, func(a, b string) int { return counts[b] - counts[a] })
	return all[:min(top, len(all))]
}

// words counts the runs of letters of all keys.
func (s *set) words() map[string]int {
	counts := map[string]int{}
	for _, e := range s.entries {
		for _, w := range letterRuns(e.key) {
			if len(w) >= 6 {
				counts[w]++
			}
		}
	}
	return counts
}

func letterRuns(key string) []string {
	var runs []string
	from := 0
	for i := 0; i <= len(key); i++ {
		if i < len(key) && key[i] >= 'a' && key[i] <= 'z' {
			continue
		}
		if i > from {
			runs = append(runs, key[from:i])
		}
		from = i + 1
	}
	return runs
}
