package ioc

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// seeds are spellings that once went wrong somewhere, and one of each kind.
func seeds() []string {
	return []string{
		"", " ", "192.0.2.10", "192[.]0[.]2[.]10", "192.0.2.10:443", "192.0.2.0/24", "192.0.2.1/32", "192.0.2.010",
		"2001:db8::1", "2001:DB8:0:0::1", "[2001:db8::1]:443", "2001:db8::", "::", "[:][:]", "fe80::1%eth0", "2001:db8::/32",
		"::ffff:192.0.2.1", "[::ffff:c000:201]:443", "::ffff:192.0.2.1/128",
		"evil.example", "EVIL.Example.", "*.evil.example", "evil.example:8443", "_dmarc.evil.example", "bücher.example",
		"evil。example", "evil dot example", `evil\.example`, `evil.example\.`, "xn--zzzzzz99999.example", "a.0x1", "192.0.2.1-9",
		"http://a.example/%%34%31", "http://a.example/b%2E", "http://a.example/x(%2E)y", "http://a.example./",
		"http://xn--zzzzzz99999.example/", "http://a.example/.%2E/x", "http://a.example/%", "http://a.example/a/../b",
		"http://a.example:80/", "http://u:p@a.example/#f", "http://a.example/?", "http://a.example/x?q='[.]'",
		"http://[2001:db8::1]:8080/", "http://[::ffff:192.0.2.1]/", "http://0x7f.1/", "http://ev%69l.example/", "http://a.example/^",
		`http:\\evil[.]example\x`, "hxxps[:]//evil[.]example/a", "h**p://a.example", "meow://a.example/x", "ldap://a.example:1389/o=x",
		"smb://a.example\\share", "tcp://a.example:0/", "a.example/x?y#z", "(http://a.example/x))", "foo://a.example/",
		strings.Repeat("a", 32), strings.Repeat("A", 40), strings.Repeat("0", 64), strings.Repeat("f", 128),
		"user@evil.example", "user[at]evil[.]example", "mailto:User@Evil.example", "Ⱥ@evil.example",
		"CVE-2024-3094", "cve–2024–3094", "T1059.001", "ta0001", "\"evil.example\",", "<http://evil.example/>", "/gate.php",
		"http://a.example/x\\[.]y", "http://a.example/?a={[.]}", "http://a.example/x?u=http://b.example/", "a.example/\x00", "\xff.example",
	}
}

// FuzzIdentify: no panic, an error or a stable indicator, and every spelling
// that the contract promises leads to the same key.
func FuzzIdentify(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		ind, err := Identify(raw)
		if err != nil {
			checkRefusal(t, raw, err)
			return
		}
		checkCanonical(t, ind)
		again, err := Identify(ind.Value)
		if err != nil || again.Type != ind.Type || again.Value != ind.Value || again.Key != ind.Key {
			t.Fatalf("Identify(%q) = %+v, %v; first from %q: %+v", ind.Value, again, err, raw, ind)
		}
		if readings := Readings(raw); len(readings) == 0 || readings[0].Key != ind.Key || readings[0].Type != ind.Type {
			t.Fatalf("Readings(%q) = %v, want first %+v", raw, readings, ind)
		}
	})
}

// FuzzNormalise: the same for each type on its own.
func FuzzNormalise(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for _, typ := range Types() {
			ind, err := Normalise(typ, raw)
			if err != nil {
				checkRefusal(t, raw, err)
				continue
			}
			if ind.Type != typ && (typ != IPv6 || ind.Type != IPv4) {
				t.Fatalf("Normalise(%s, %q) has type %s", typ, raw, ind.Type)
			}
			checkCanonical(t, ind)
			checkSpellings(t, ind)
			if upper, err := Normalise(typ, upperASCII(raw)); err != nil || upper.Key != ind.Key {
				t.Fatalf("upper-cased %q: got %+v, %v, want key %q", raw, upper, err, ind.Key)
			}
		}
	})
}

// FuzzFastPath: what the fast path calls canonical, the long way returns as
// it is; and it is canonical for one type only.
func FuzzFastPath(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var claimed []Type
		for _, typ := range Types() {
			if !typ.info().canonical(s) {
				continue
			}
			claimed = append(claimed, typ)
			if tidied := tidy(s); tidied != s {
				t.Fatalf("%s: canonical(%q), but tidied it is %q", typ, s, tidied)
			}
			if p, reason := typ.info().parse(s); reason != "" || p.typ != typ || p.value != s || p.port != 0 {
				t.Fatalf("%s: canonical(%q), but parsed it is %+v, %q", typ, s, p, reason)
			}
		}
		if len(claimed) > 1 {
			t.Fatalf("canonical(%q) for %v", s, claimed)
		}
	})
}

// FuzzRest: path and query that take the short way come out as the WHATWG
// parser and the escape rules make them.
func FuzzRest(f *testing.F) {
	for _, s := range []string{
		"/", "/a.b/c", "/%20x?y=%2F", "/a/..b/.c", "/[x](y)|z", "/?a=b?c", "/x'", "//", "/...", "/a:b@c",
		"/%2e%2E/x", "/a/%2e", "/%%34%31?%%34%31", "/^?^", "/%7e%c3%bc", "/%", "/.%2e?'%27", "/a\\b?c\\d", "/ ? ",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > maxRest || s == "" || s[0] != '/' || strings.ContainsAny(s, "#\t\r\n") || !utf8.ValidString(s) {
			return // settled before path and query are looked at
		}
		path, query, found := strings.Cut(s, "?")
		path = strings.ReplaceAll(path, `\`, "/")
		if found && query != "" {
			query = "?" + query
		}
		for _, scheme := range schemes {
			got, reason := canonicalRest(scheme.name, s)
			want, refused := parseRest(scheme.name, path, query)
			if got != want || reason != refused {
				t.Fatalf("%s: rest %q is %q, %q by the short way, %q, %q by the parser", scheme.name, s, got, reason, want, refused)
			}
		}
	})
}

// FuzzReadings: no panic, and each reading is canonical and there once.
func FuzzReadings(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, q string) {
		seen := map[Reading]bool{}
		for _, r := range Readings(q) {
			checkCanonical(t, Indicator{Type: r.Type, Value: r.Value, Key: r.Key})
			if seen[r] {
				t.Fatalf("Readings(%q) repeats %+v", q, r)
			}
			seen[r] = true
			if narrowed := Readings(q, r.Type); len(narrowed) == 0 {
				t.Fatalf("Readings(%q, %s) is empty, but has %+v without the type", q, r.Type, r)
			}
		}
	})
}

// FuzzDefangText: no panic, linear output, nothing live left, and doing it
// twice changes nothing.
func FuzzDefangText(f *testing.F) {
	for _, s := range seeds() {
		f.Add("see " + s + " there")
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := DefangText(s)
		for _, scheme := range schemes {
			if strings.Contains(got, scheme.name+"://") {
				t.Fatalf("DefangText(%q) = %q holds a live scheme", s, got)
			}
		}
		if len(got) > 3*maxDefangText+len("…") {
			t.Fatalf("DefangText of %d bytes has %d", len(s), len(got))
		}
		if len(s) < maxDefangText/4 {
			if again := DefangText(got); again != got {
				t.Fatalf("DefangText(%q) = %q, want unchanged", got, again)
			}
		}
	})
}

// FuzzClean: cleaning and the whole tidying take nothing from tidied text.
func FuzzClean(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Clean(s)
		if twice := Clean(once); twice != once {
			t.Fatalf("Clean(%q) = %q, then %q", s, once, twice)
		}
		if refanged := Refang(s); len(refanged) > len(s)+len("://") {
			t.Fatalf("Refang(%q) grew to %q", s, refanged)
		}
		_ = Needle(s)
	})
}

// checkCanonical checks what holds for every indicator that leaves the package.
func checkCanonical(t *testing.T, ind Indicator) {
	t.Helper()
	if !ind.Type.Valid() || ind.Value == "" || ind.Key != strings.ToLower(ind.Value) || strings.ToLower(ind.Key) != ind.Key {
		t.Fatalf("not an indicator: %+v", ind)
	}
	if len(ind.Key) > MaxKeyBytes || strings.IndexByte(ind.Value, 0) >= 0 || !utf8.ValidString(ind.Value) {
		t.Fatalf("no store may see %+v", ind)
	}
	want := Indicator{Type: ind.Type, Value: ind.Value, Key: ind.Key}
	if got, err := Normalise(ind.Type, ind.Value); err != nil || got != want {
		t.Fatalf("Normalise(%s, %q) = %+v, %v, want it unchanged", ind.Type, ind.Value, got, err)
	}
	if got, err := Normalise(ind.Type, ind.Key); err != nil || got.Key != ind.Key {
		t.Fatalf("Normalise(%s, key %q) = %+v, %v, want the same key", ind.Type, ind.Key, got, err)
	}
}

// checkSpellings checks the spellings that promise the same key: defanged,
// upper-cased, in brackets, in quotes, with punctuation behind.
func checkSpellings(t *testing.T, ind Indicator) {
	t.Helper()
	defanged := Defang(ind.Type, ind.Value)
	spellings := []string{
		defanged, upperASCII(ind.Value), upperASCII(defanged),
		"[" + ind.Value + "]", "(" + ind.Value + ")", "<" + ind.Value + ">", "{" + defanged + "}", "`" + ind.Value + "`",
		`"` + ind.Value + `"`, "'" + ind.Value + "'", "“" + defanged + "”,", " \u200b" + ind.Value + "\u2069", "[" + defanged + "]",
	}
	if !strings.HasSuffix(ind.Value, `\`) { // there it would be an escaped dot
		spellings = append(spellings, ind.Value+".")
	}
	for _, spelling := range spellings {
		if len(spelling) > MaxInputBytes {
			continue
		}
		got, err := Normalise(ind.Type, spelling)
		if err != nil || got.Key != ind.Key {
			t.Fatalf("Normalise(%s, %q) = %+v, %v, want key %q", ind.Type, spelling, got, err, ind.Key)
		}
	}
}

// checkRefusal checks what holds for every refusal.
func checkRefusal(t *testing.T, raw string, err error) {
	t.Helper()
	var invalid *InvalidError
	if !errors.Is(err, ErrInvalid) || !errors.As(err, &invalid) {
		t.Fatalf("refusal of %q is no invalid indicator: %v", raw, err)
	}
	if _, known := reasonText[invalid.Reason]; !known {
		t.Fatalf("refusal of %q has unknown reason %q", raw, invalid.Reason)
	}
	if len(err.Error()) > 1000 {
		t.Fatalf("refusal of %d bytes has a message of %d bytes", len(raw), len(err.Error()))
	}
}

// upperASCII upper-cases ASCII letters only: the case-insensitivity of a
// spelling is promised for those (contract section 2.1).
func upperASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 0x20
		}
	}
	return string(b)
}
