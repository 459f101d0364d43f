package ioc

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
)

// fragments are the pieces from which spellings are glued together at random:
// what every rule of the package reacts to. Byte-wise fuzzing rarely finds the
// combinations.
func fragments() []string {
	return []string{
		"http://", "https://", "hxxps", "ftp://", "ldap://", "smb:", "tcp://", "://", "[://]", "[:]", ":", "//", "/", `\`, `:\\`, "meow", "h**p",
		"a", "evil", "EVIL", "example", "www", "xn--zzz999", "xn--", "bücher", "ß", "İ", "K", "م", "0", "1", "192", "0x7f", "01", "2001", "db8", "::", "ffff",
		".", "..", "[.]", "(.)", "{.}", "[dot]", "(DOT)", " dot ", `\.`, "。", "．", "｡", "%2E", "%2e", "%", "%%", "%34", "%41", "%7e", "%20", "%2F", "%5B", "%c3%bc",
		"@", "[at]", "[@]", "(at)", "mailto:", "user", "+", "-", "_", "–", "*", "*.", "?", "q=", "&", "#", "!", ",", ";", "'", `"`, "`", "<", ">", "(", ")", "[", "]", "{", "}", "|", "^", "~", "$",
		" ", "\t", "\n", "\u200b", "\u00a0", "\u202e", "\u00ad", "\u200d", ":80", ":443", ":8080", ":0", ":65536", "/24", "/32", "/128", "%eth0",
		"192.0.2.10", "2001:db8::1", "[2001:db8::1]", "::ffff:192.0.2.1", "evil.example", "a.b.example/x", "T1059", "CVE-2024-3094", strings.Repeat("a", 32),
		"/../", "/./", "/.%2E/", "%2E%2E", "/x(%2E)y", "?u=http://b.example/",
	}
}

func randomSpelling(rng *rand.Rand, parts []string) string {
	var b strings.Builder
	switch rng.IntN(5) {
	case 0:
		b.WriteString("http://a.example/")
	case 1:
		b.WriteString("http://")
	case 2:
		b.WriteString("evil.example")
	}
	for range 1 + rng.IntN(9) {
		b.WriteString(parts[rng.IntN(len(parts))])
	}
	return b.String()
}

// propertyRounds keeps the test under a second.
const propertyRounds = 20_000

func TestRandomSpellingsHoldTheProperties(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	parts := fragments()
	accepted := 0
	for range propertyRounds {
		raw := randomSpelling(rng, parts)
		for _, typ := range []Type{IPv4, IPv6, Domain, URL, Email, CVE} {
			ind, err := Normalise(typ, raw)
			if err != nil {
				checkRefusal(t, raw, err)
				var invalid *InvalidError
				if errors.As(err, &invalid) && invalid.Reason == ReasonUnstable {
					t.Errorf("Normalise(%s, %q) does not settle", typ, raw)
				}
				continue
			}
			accepted++
			checkCanonical(t, ind)
			checkSpellings(t, ind)
			if upper, err := Normalise(typ, upperASCII(raw)); err != nil || upper.Key != ind.Key {
				t.Fatalf("upper-cased %q as %s: got %+v, %v, want key %q", raw, typ, upper, err, ind.Key)
			}
		}
		if ind, err := Identify(raw); err == nil {
			checkCanonical(t, ind)
			if again, err := Identify(ind.Value); err != nil || again.Type != ind.Type || again.Value != ind.Value {
				t.Fatalf("Identify(%q) = %+v, then %+v, %v", raw, ind, again, err)
			}
			if r := Readings(raw); len(r) == 0 || r[0].Key != ind.Key {
				t.Fatalf("Readings(%q) = %v, want first %q", raw, r, ind.Key)
			}
		}
	}
	if accepted < propertyRounds/10 {
		t.Errorf("only %d of %d spellings were accepted: the generator tests nothing", accepted, propertyRounds)
	}
}

// TestFastPathAgreesWithTheLongWay is the differential test behind canonical:
// values near the canonical ones, so that both answers occur often.
func TestFastPathAgreesWithTheLongWay(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	parts := []string{
		"/", "a", "B", "-", "_", "~", ".", "..", "%20", "%2f", "%2F", "%7E", "%25", "?", "q=1", "&", "=", "'", "(", ")", "[", "]", "|", "^", "{", "\\",
		"+", "*", "!", "$", ",", ";", ":", "@", ":81", ":80", ":0", "a.example", "192.0.2.1", "0", "xn--zzz9999", "#", "/.", "/..a", "%",
	}
	prefixes := []string{"http://a.example/", "https://a.example:444/", "http://", "ldap://a.example/", "ws://192.0.2.1/", "tcp://a.example", "", "evil.example"}
	yes := 0
	for range propertyRounds {
		s := prefixes[rng.IntN(len(prefixes))]
		for range rng.IntN(6) {
			s += parts[rng.IntN(len(parts))]
		}
		for _, typ := range Types() {
			if !typ.info().canonical(s) {
				continue
			}
			yes++
			p, reason := typ.info().parse(s)
			if reason != "" || p != (parsed{typ: typ, value: s}) || tidy(s) != s {
				t.Fatalf("%s: canonical(%q), but the long way gives %+v, %q, tidied %q", typ, s, p, reason, tidy(s))
			}
			if typ == URL {
				checkWHATWG(t, s)
			}
		}
	}
	if yes < propertyRounds/10 {
		t.Errorf("only %d of %d values took the fast path: the test tests nothing", yes, propertyRounds)
	}
}

// checkWHATWG holds a canonical URL against the WHATWG parser itself, whole.
func checkWHATWG(t *testing.T, s string) {
	t.Helper()
	u, err := pathParser.Parse(s)
	if err != nil {
		if strings.Contains(s, "xn--") {
			return // the contract keeps labels that the parser refuses
		}
		t.Fatalf("canonicalURL(%q), but WHATWG refuses it: %v", s, err)
	}
	if href := canonicalEscapes(u.Href(true), false); href != s {
		t.Fatalf("canonicalURL(%q), but WHATWG makes it %q", s, href)
	}
}

// TestHostileInputEnds feeds 64 KiB of what would hurt if any step were not
// linear: this test would then take minutes instead of a moment.
func TestHostileInputEnds(t *testing.T) {
	t.Parallel()
	fill := func(head, body, tail string) string {
		return head + strings.Repeat(body, (MaxInputBytes-len(head)-len(tail))/len(body)) + tail
	}
	const site = "http://a.example/"
	hostile := []string{
		fill("a", " ", "b"), fill("a", " dot", " b"), fill("", "[.]", ""), fill("", "[", ""), fill("", "(", "x"), fill("a", `\.`, "b"),
		fill("", ":", ""), fill("", "a@", "b.example"), fill("a.example", ".", ""), fill("", "\u200b", "a.example"),
		fill(site, "a/../", ""), fill(site, "../", ""), fill(site, "%", ""), fill(site, "%2E", ""), fill(site, "x.#", ""), fill(site, "?", "x"),
		fill("http://", "ü", "/"), fill("http://", "ü.", "/"), fill("http://", "%41", "/"), fill("http://", "[", "/"), fill("http://[", "1:", "]/"),
		strings.Repeat("(\"", MaxInputBytes/4) + strings.Repeat("\")", MaxInputBytes/4),
		site + strings.Repeat(" ", maxRest/2) + "x", site + strings.Repeat("../", maxRest/4), site + "?" + strings.Repeat("'", maxRest/2),
	}
	for _, s := range hostile {
		for _, typ := range Types() {
			if ind, err := Normalise(typ, s); err == nil {
				checkCanonical(t, ind)
			}
		}
		_ = Readings(s)
		_ = Needle(s)
		_ = DefangText(s)
	}
}
