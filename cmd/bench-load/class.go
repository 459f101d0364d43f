package main

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"spoor/internal/ioc"
)

// class is one kind of query, with the texts to ask.
type class struct {
	name    string
	queries []string
	params  string // further parameters of the request
	want    verdict
	// contains marks the classes that are compared with PostgreSQL.
	contains bool
	note     string
}

const (
	exactValues = 100_000
	needles     = 200
)

// target returns the request target of a query.
func (c class) target(q string) string {
	return "/api/v1/iocs/search?q=" + url.QueryEscape(q) + c.params
}

// exactClasses are the look-ups of values that are there, and of values that
// are not: those go through both stages.
func exactClasses(s *set, r *rand.Rand) []class {
	known := s.sample(r, exactValues, func(entry) bool { return true })
	const alone = "&include_related=false"
	misses := [][]string{
		fill(exactValues/4, func() string { return randomHex(r, 32) }),
		fill(exactValues/4, func() string { return unknownAddress(s, r) }),
		s.derive(r, exactValues/4, ofType(ioc.Domain), func(v string) string { return otherName(r, v) }),
		s.derive(r, exactValues/4, ofType(ioc.URL), func(v string) string { return otherEnd(r, v) }),
	}
	if short := exactValues/4 - len(misses[3]); short > 0 { // few URLs: other ones of known hosts
		misses[3] = append(misses[3], s.derive(r, short, ofType(ioc.Domain), func(v string) string { return "http://" + v + "/" + randomLetters(r, 8) + ".php" })...)
	}
	mixed := slices.Concat(misses...)
	r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	all := []class{
		{name: "exact", queries: known, params: alone, want: found},
		{name: "exact with related", queries: known, want: found},
		{name: "miss, mixed", queries: mixed, params: alone, want: notFound},
	}
	for i, name := range []string{"miss, SHA-256", "miss, IPv4", "miss, domain", "miss, URL"} {
		all = append(all, class{name: name, queries: misses[i], params: alone, want: notFound})
	}
	return all
}

// containsClasses are the twelve kinds of needle.
func containsClasses(s *set, r *rand.Rand) []class {
	words := s.words()
	all := []class{
		{name: "3 letters, common", queries: draw(r, s.pieces(3, 400))},
		{name: "5 letters, common", queries: draw(r, s.pieces(5, 1000))},
		{name: "brand", queries: draw(r, frequent(words, 6, 12, 10, 500))},
		{name: "rare 8", queries: draw(r, piecesOf(r, frequent(words, 8, 63, 1, 1), 8)), want: found},
		{name: "address prefix", queries: s.derive(r, needles, ofType(ioc.IPv4), func(v string) string { return octets(v, 2) }), want: found},
		{name: "/24", queries: s.derive(r, needles, ofType(ioc.IPv4), func(v string) string { return octets(v, 3) }), want: found},
		{name: "domain suffix", queries: s.derive(r, needles, ofType(ioc.Domain), parentDomain), want: found},
		{name: "path", queries: s.derive(r, needles, ofType(ioc.URL), func(v string) string { return pathSegment(r, v) }), want: found},
		{name: "long URL piece", queries: s.derive(r, needles, ofType(ioc.URL), func(v string) string { return last(v, 22) }), want: found},
		hashPrefix(s, r),
		{name: "two characters", queries: s.derive(r, needles, always, func(v string) string { return v[:min(2, len(v))] }), want: found},
		{name: "nothing", queries: fill(needles, func() string { return randomLetters(r, 12) }), want: notFound},
	}
	for i := range all {
		all[i].contains = true
		all[i].params = "&match=contains&include_related=false"
		if len(all[i].queries) < needles {
			all[i].note = fmt.Sprintf("only %d different", len(all[i].queries))
		}
	}
	return slices.DeleteFunc(all, func(c class) bool { return len(c.queries) == 0 })
}

// hashPrefix takes prefixes of known hashes; a set without hashes is asked for
// random ones, which then find nothing.
func hashPrefix(s *set, r *rand.Rand) class {
	known := s.derive(r, needles, func(e entry) bool { return e.kind >= ioc.MD5 && e.kind <= ioc.SHA512 }, func(v string) string { return v[:12] })
	if len(known) >= needles {
		return class{name: "hash prefix", queries: known, want: found}
	}
	return class{name: "hash prefix", queries: fill(needles, func() string { return randomHex(r, 6) }), want: anything,
		note: "the set has no hashes: random digits"}
}

func ofType(t ioc.Type) func(entry) bool { return func(e entry) bool { return e.kind == t } }

func always(entry) bool { return true }

func fill(n int, next func() string) []string {
	seen := make(map[string]bool, n)
	for len(seen) < n {
		seen[next()] = true
	}
	return sorted(seen)
}

// sorted makes what came out of a map repeatable.
func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// draw returns needles of the texts, or all, in random order.
func draw(r *rand.Rand, from []string) []string {
	r.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	return from[:min(needles, len(from))]
}

func randomHex(r *rand.Rand, bytes int) string {
	b := make([]byte, bytes)
	for i := range b {
		b[i] = byte(r.UintN(256))
	}
	return hex.EncodeToString(b)
}

func randomLetters(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + r.UintN(26))
	}
	return string(b)
}

func unknownAddress(s *set, r *rand.Rand) string {
	for {
		n := r.Uint32()
		a := netip.AddrFrom4([4]byte{byte(n>>24)%223 + 1, byte(n >> 16), byte(n >> 8), byte(n)}).String()
		if !s.has(a) {
			return a
		}
	}
}

// otherName changes two letters in the middle of a name: all but a few of its
// trigrams stay those of real names.
func otherName(r *rand.Rand, name string) string {
	label, rest, _ := strings.Cut(name, ".")
	if len(label) < 5 {
		return ""
	}
	at := 1 + r.IntN(len(label)-3)
	return label[:at] + randomLetters(r, 2) + label[at+2:] + "." + rest
}

func otherEnd(r *rand.Rand, u string) string {
	if len(u) < 24 || strings.HasSuffix(u, "/") {
		return ""
	}
	return u[:len(u)-6] + randomLetters(r, 6)
}

func octets(address string, n int) string {
	parts := strings.SplitAfterN(address, ".", n+1)
	return strings.Join(parts[:n], "")
}

func parentDomain(name string) string {
	labels := strings.Split(name, ".")
	if len(labels) < 3 {
		return ""
	}
	return "." + strings.Join(labels[len(labels)-2:], ".")
}

func pathSegment(r *rand.Rand, u string) string {
	_, rest, _ := strings.Cut(u, "://")
	segments := strings.Split(rest, "/")
	if len(segments) < 3 {
		return ""
	}
	s := segments[1+r.IntN(len(segments)-2)]
	if len(s) < 3 {
		return ""
	}
	return "/" + s + "/"
}

func last(s string, n int) string {
	if len(s) < n+8 {
		return ""
	}
	return s[len(s)-n:]
}

// piecesOf returns a random piece of n bytes of each word.
func piecesOf(r *rand.Rand, words []string, n int) []string {
	out := make([]string, len(words))
	for i, w := range words {
		at := r.IntN(len(w) - n + 1)
		out[i] = w[at : at+n]
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// frequent returns the words of that length that occur so often.
func frequent(words map[string]int, shortest, longest, rarest, commonest int) []string {
	var out []string
	for w, n := range words {
		if len(w) >= shortest && len(w) <= longest && n >= rarest && n <= commonest {
			out = append(out, w)
		}
	}
	slices.Sort(out)
	return out
}
