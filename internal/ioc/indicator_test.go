package ioc

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIdentify is the table of what spellings are stored as. The last column
// of contract section 2.1 is walked row by row; the traps of the issue are all
// here by name.
func TestIdentify(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, raw string
		want      Indicator // Key is the lower case of Value
	}{
		// clean
		{"quotes and comma", `"evil.example",`, Indicator{Type: Domain, Value: "evil.example"}},
		{"angle brackets", "<http://evil.example/>", Indicator{Type: URL, Value: "http://evil.example/"}},
		{"nested wrapping", "(“`evil.example`”).", Indicator{Type: Domain, Value: "evil.example"}},
		{"zero-width and bidi marks", "\ufeff\u202aevil.example\u202c\u200b", Indicator{Type: Domain, Value: "evil.example"}},
		{"no-break space", "\u00a0192.0.2.10\u00a0", Indicator{Type: IPv4, Value: "192.0.2.10"}},
		{"bracketed address is not a port", "[2001:db8::1]", Indicator{Type: IPv6, Value: "2001:db8::1"}},
		{"trailing zero groups are no punctuation", "2001:db8::,", Indicator{Type: IPv6, Value: "2001:db8::"}},
		{"lone bracket in a wrapped path", "(http://evil.example/x))", Indicator{Type: URL, Value: "http://evil.example/x)"}},

		// refang
		{"hxxps", "hxxps://evil.example/a", Indicator{Type: URL, Value: "https://evil.example/a"}},
		{"hXXp", "hXXp://evil.example/a", Indicator{Type: URL, Value: "http://evil.example/a"}},
		{"h**p", "h**p://evil.example/a", Indicator{Type: URL, Value: "http://evil.example/a"}},
		{"h__ps", "h__ps://evil.example/a", Indicator{Type: URL, Value: "https://evil.example/a"}},
		{"meow", "meow://evil.example/a", Indicator{Type: URL, Value: "http://evil.example/a"}},
		{"hxxp with backslashes", `hxxp:\\evil[.]example\x`, Indicator{Type: URL, Value: "http://evil.example/x"}},
		{"http with backslashes", `http:\\evil[.]example\x`, Indicator{Type: URL, Value: "http://evil.example/x"}},
		{"bracketed colon", "hxxps[:]//evil[.]example/a", Indicator{Type: URL, Value: "https://evil.example/a"}},
		{"bracketed separator", "hxxp[://]evil[.]example/a", Indicator{Type: URL, Value: "http://evil.example/a"}},
		{"bracketed s", "http[s]://evil.example/a", Indicator{Type: URL, Value: "https://evil.example/a"}},
		{"square dots", "192[.]0[.]2[.]10", Indicator{Type: IPv4, Value: "192.0.2.10"}},
		{"one dot of three", "192.0.2[.]10", Indicator{Type: IPv4, Value: "192.0.2.10"}},
		{"mixed dots", "a(.)b{.}evil[dot]example", Indicator{Type: Domain, Value: "a.b.evil.example"}},
		{"dot in words", "evil[dot]example", Indicator{Type: Domain, Value: "evil.example"}},
		{"dot in round brackets", "evil(DOT)example", Indicator{Type: Domain, Value: "evil.example"}},
		{"spaced dot", "evil dot example", Indicator{Type: Domain, Value: "evil.example"}},
		{"escaped dot", `evil\.example`, Indicator{Type: Domain, Value: "evil.example"}},
		{"escaped dot at the end", `evil.example\.`, Indicator{Type: Domain, Value: "evil.example"}},
		{"ideographic dot", "evil。example", Indicator{Type: Domain, Value: "evil.example"}},
		{"full-width dot in an address", "192．0．2．10", Indicator{Type: IPv4, Value: "192.0.2.10"}},
		{"at in words", "user[at]evil[.]example", Indicator{Type: Email, Value: "user@evil.example"}},
		{"spaced bracketed dot", "evil (dot) example", Indicator{Type: Domain, Value: "evil.example"}},
		{"spaced bracketed dots in an address", "192 [.] 0 [.] 2 [.] 10", Indicator{Type: IPv4, Value: "192.0.2.10"}},
		{"at in round brackets", "user(at)evil(dot)example", Indicator{Type: Email, Value: "user@evil.example"}},
		{"at in brackets", "user[@]evil.example", Indicator{Type: Email, Value: "user@evil.example"}},
		{"dots in a path", "hxxp://evil[.]example/x[.]php", Indicator{Type: URL, Value: "http://evil.example/x.php"}},
		{"brackets in a path stay", "http://evil.example/x(1)[2]", Indicator{Type: URL, Value: "http://evil.example/x(1)[2]"}},
		{"port behind a bracketed colon", "192.0.2.10[:]443", Indicator{Type: IPv4, Value: "192.0.2.10", Port: 443}},

		// ipv4
		{"port", "192.0.2.10:8080", Indicator{Type: IPv4, Value: "192.0.2.10", Port: 8080}},
		{"port 0 is none", "192.0.2.10:0", Indicator{Type: IPv4, Value: "192.0.2.10"}},
		{"/32", "192.0.2.10/32", Indicator{Type: IPv4, Value: "192.0.2.10"}},

		// ipv6
		{"zeros", "2001:0DB8:0000:0000:0000:0000:0000:0001", Indicator{Type: IPv6, Value: "2001:db8::1"}},
		{"longest run of zeros", "2001:db8:0:0:1:0:0:0", Indicator{Type: IPv6, Value: "2001:db8:0:0:1::"}},
		{"one zero group stays", "2001:db8:0:1:1:1:1:1", Indicator{Type: IPv6, Value: "2001:db8:0:1:1:1:1:1"}},
		{"zone", "fe80::1%eth0", Indicator{Type: IPv6, Value: "fe80::1"}},
		{"brackets, zone and port", "[fe80::1%25eth0]:8443", Indicator{Type: IPv6, Value: "fe80::1", Port: 8443}},
		{"/128", "2001:db8::1/128", Indicator{Type: IPv6, Value: "2001:db8::1"}},
		{"mapped", "::ffff:192.0.2.1", Indicator{Type: IPv4, Value: "192.0.2.1"}},
		{"mapped with port", "[::ffff:c000:201]:443", Indicator{Type: IPv4, Value: "192.0.2.1", Port: 443}},
		{"mapped /128", "::ffff:192.0.2.1/128", Indicator{Type: IPv4, Value: "192.0.2.1"}},
		{"defanged colons", "2001[:]db8[:][:]1", Indicator{Type: IPv6, Value: "2001:db8::1"}},

		// domain
		{"upper case", "EVIL.Example", Indicator{Type: Domain, Value: "evil.example"}},
		{"final dot", "evil.example.", Indicator{Type: Domain, Value: "evil.example"}},
		{"wildcard", "*.evil.example", Indicator{Type: Domain, Value: "evil.example"}},
		{"leading dot", ".evil.example", Indicator{Type: Domain, Value: "evil.example"}},
		{"domain with port", "evil.example:8443", Indicator{Type: Domain, Value: "evil.example", Port: 8443}},
		{"underscore", "_dmarc.Evil.example", Indicator{Type: Domain, Value: "_dmarc.evil.example"}},
		{"odd hyphens", "-a-.b--c.example", Indicator{Type: Domain, Value: "-a-.b--c.example"}},
		{"unicode", "BÜCHER.example", Indicator{Type: Domain, Value: "xn--bcher-kva.example"}},
		{"sharp s is not ss (non-transitional)", "straße.example", Indicator{Type: Domain, Value: "xn--strae-oqa.example"}},
		{"A-label", "XN--BCHER-KVA.example", Indicator{Type: Domain, Value: "xn--bcher-kva.example"}},
		{"A-label that does not decode", "XN--ZZZZZZ99999.example", Indicator{Type: Domain, Value: "xn--zzzzzz99999.example"}},
		{"such a label beside a unicode one", "xn--zzzzzz99999.bücher.example", Indicator{Type: Domain, Value: "xn--zzzzzz99999.xn--bcher-kva.example"}},
		{"public suffix is no condition", "co.example", Indicator{Type: Domain, Value: "co.example"}},

		// url
		{"empty path", "http://evil.example", Indicator{Type: URL, Value: "http://evil.example/"}},
		{"path case is kept", "HTTP://EVIL.example/Gate.PHP", Indicator{Type: URL, Value: "http://evil.example/Gate.PHP"}},
		{"default port", "https://evil.example:443/", Indicator{Type: URL, Value: "https://evil.example/"}},
		{"other port", "https://evil.example:0444/", Indicator{Type: URL, Value: "https://evil.example:444/"}},
		{"user-info and fragment", "http://u:p@ss@evil.example/x#y", Indicator{Type: URL, Value: "http://evil.example/x"}},
		{"dot segments", "http://evil.example/a/../b/./c/%2e%2E/d", Indicator{Type: URL, Value: "http://evil.example/b/d"}},
		{"percent that escapes nothing", "http://a.example/100%", Indicator{Type: URL, Value: "http://a.example/100%25"}},
		{"percent that escapes an escape", "http://a.example/%%34%31", Indicator{Type: URL, Value: "http://a.example/%2541"}},
		{"decoded final dot", "http://a.example/b%2E", Indicator{Type: URL, Value: "http://a.example/b"}},
		{"decoded dot in brackets", "http://a.example/x(%2E)y", Indicator{Type: URL, Value: "http://a.example/x.y"}},
		{"escapes", "http://a.example/%7euser/%c3%bc%2f?q=%41", Indicator{Type: URL, Value: "http://a.example/~user/%C3%BC%2F?q=A"}},
		{"unicode path", "http://a.example/ü?ü", Indicator{Type: URL, Value: "http://a.example/%C3%BC?%C3%BC"}},
		{"space in a path", "http://a.example/a b", Indicator{Type: URL, Value: "http://a.example/a%20b"}},
		{"caret in a path", "http://a.example/a^b", Indicator{Type: URL, Value: "http://a.example/a%5Eb"}},
		{"quote in a query", "http://a.example/?q='x", Indicator{Type: URL, Value: "http://a.example/?q=%27x"}},
		{"breaks inside", "http://a.example/a\r\n\tb", Indicator{Type: URL, Value: "http://a.example/ab"}},
		{"final dot in the host", "http://evil.example./x", Indicator{Type: URL, Value: "http://evil.example/x"}},
		{"label that WHATWG refuses", "http://xn--zzzzzz99999.example/", Indicator{Type: URL, Value: "http://xn--zzzzzz99999.example/"}},
		{"unicode host", "http://bücher.example/", Indicator{Type: URL, Value: "http://xn--bcher-kva.example/"}},
		{"escaped host", "http://ev%69l.example/", Indicator{Type: URL, Value: "http://evil.example/"}},
		{"address host", "http://192.0.2.10", Indicator{Type: URL, Value: "http://192.0.2.10/"}},
		{"IPv6 host", "http://[2001:DB8:0::1]:80/x", Indicator{Type: URL, Value: "http://[2001:db8::1]/x"}},
		{"mapped host", "http://[::ffff:c000:201]/", Indicator{Type: URL, Value: "http://192.0.2.1/"}},
		{"no slashes", "http:evil.example/x", Indicator{Type: URL, Value: "http://evil.example/x"}},
		{"ldap", "ldap://evil.example:1389/o=x", Indicator{Type: URL, Value: "ldap://evil.example:1389/o=x"}},
		{"ldap's own port", "LDAP://EVIL.example:389", Indicator{Type: URL, Value: "ldap://evil.example/"}},
		{"smb with a backslash", `smb://evil.example\share`, Indicator{Type: URL, Value: "smb://evil.example/share"}},
		{"tcp", "tcp://192.0.2.10:4444", Indicator{Type: URL, Value: "tcp://192.0.2.10:4444/"}},
		{"no scheme", "evil.example/Gate.php?id=1", Indicator{Type: URL, Value: "http://evil.example/Gate.php?id=1"}},
		{"no scheme, address and port", "192.0.2.10:8080/x", Indicator{Type: URL, Value: "http://192.0.2.10:8080/x"}},
		{"a range's text with a scheme is a path", "http://203.0.113.0/24", Indicator{Type: URL, Value: "http://203.0.113.0/24"}},

		// hashes, e-mail, identifiers
		{"md5 upper case", strings.Repeat("AB", 16), Indicator{Type: MD5, Value: strings.Repeat("ab", 16)}},
		{"32 digits are an md5", strings.Repeat("1", 32), Indicator{Type: MD5, Value: strings.Repeat("1", 32)}},
		{"sha1", strings.Repeat("0A", 20), Indicator{Type: SHA1, Value: strings.Repeat("0a", 20)}},
		{"sha256", strings.Repeat("Ff", 32), Indicator{Type: SHA256, Value: strings.Repeat("ff", 32)}},
		{"sha512", strings.Repeat("9c", 64), Indicator{Type: SHA512, Value: strings.Repeat("9c", 64)}},
		{"e-mail", "Bill.Ing+x@Evil.EXAMPLE", Indicator{Type: Email, Value: "bill.ing+x@evil.example"}},
		{"mailto", "mailto:user@evil.example?subject=x", Indicator{Type: Email, Value: "user@evil.example"}},
		{"e-mail at a unicode domain", "user@bücher.example", Indicator{Type: Email, Value: "user@xn--bcher-kva.example"}},
		{"cve lower case", "cve-2024-3094", Indicator{Type: CVE, Value: "CVE-2024-3094"}},
		{"cve with dashes of a word processor", "CVE–2024—3094", Indicator{Type: CVE, Value: "CVE-2024-3094"}},
		{"cve with a no-break hyphen", "cve‑2021‑44228", Indicator{Type: CVE, Value: "CVE-2021-44228"}},
		{"technique", "t1059", Indicator{Type: MITREAttack, Value: "T1059"}},
		{"sub-technique", "T1059.001", Indicator{Type: MITREAttack, Value: "T1059.001"}},
		{"tactic", "ta0011", Indicator{Type: MITREAttack, Value: "TA0011"}},
		{"software, group, mitigation", "S0154", Indicator{Type: MITREAttack, Value: "S0154"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := tt.want
			want.Key = strings.ToLower(want.Value)
			got, err := Identify(tt.raw)
			if err != nil {
				t.Fatalf("Identify(%q): %v", tt.raw, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Identify(%q) (-want +got):\n%s", tt.raw, diff)
			}
			checkCanonical(t, got)
			checkSpellings(t, got)
		})
	}
}

// TestIdentifyRefuses is the table of what is no indicator, and why.
func TestIdentifyRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, raw string
		want      Reason
	}{
		{"nothing", "", ReasonEmpty},
		{"only wrapping", ` "()", `, ReasonEmpty},
		{"NUL", "evil.example\x00", ReasonNUL},
		{"invalid UTF-8", "\xff.example", ReasonInvalidUTF8},
		{"over 64 KiB", strings.Repeat("a", MaxInputBytes+1), ReasonTooLong},
		{"key over 2,048 bytes", "http://a.example/" + strings.Repeat("a", MaxKeyBytes), ReasonTooLong},
		{"key over 2,048 bytes once escaped", "http://a.example/" + strings.Repeat("ü", 400), ReasonTooLong},
		{"range", "203.0.113.0/24", ReasonRange},
		{"defanged range", "203[.]0[.]113[.]0/24", ReasonRange},
		{"impossible range", "203.0.113.0/99", ReasonRange},
		{"IPv6 range", "2001:db8::/32", ReasonRange},
		{"mapped range", "::ffff:192.0.2.0/120", ReasonRange},
		{"span", "192.0.2.1-192.0.2.9", ReasonRange},
		{"short span", "192.0.2.1-9", ReasonRange},
		{"bare path", "/gate.php", ReasonBarePath},
		{"quoted bare path", `"/gate.php"`, ReasonBarePath},
		{"leading zero", "192.0.2.010", ReasonNotIndicator},
		{"three octets", "192.0.2", ReasonNotIndicator},
		{"octet over 255", "192.0.2.256", ReasonNotIndicator},
		{"hexadecimal address", "0xc0.0.2.1", ReasonNotIndicator},
		{"hexadecimal last label", "evil.0x1f", ReasonNotIndicator},
		{"two ports", "192.0.2.1:53:53", ReasonNotIndicator},
		{"port over 65535", "192.0.2.1:66086", ReasonNotIndicator},
		{"one label", "localhost", ReasonNotIndicator},
		{"empty label", "evil..example", ReasonNotIndicator},
		{"label over 63", strings.Repeat("a", 64) + ".example", ReasonNotIndicator},
		{"name over 253", strings.Repeat("a.", 124) + "example", ReasonNotIndicator},
		{"words", "evil example", ReasonNotIndicator},
		{"pattern", `evil[0-9]{3}\.example`, ReasonNotIndicator},
		{"account", `EXAMPLE\admin`, ReasonNotIndicator},
		{"31 hex digits", strings.Repeat("a", 31), ReasonNotIndicator},
		{"CVE with three digits", "CVE-2024-309", ReasonNotIndicator},
		{"two lines", "evil.example/x\nevil.example/y", ReasonNotIndicator},
		{"unknown scheme", "gopher://evil.example/", ReasonScheme},
		{"octal host", "http://0300.0.2.1/", ReasonHost},
		{"hexadecimal host", "http://0x7f.1/", ReasonHost},
		{"number host", "http://3221225985/", ReasonHost},
		{"one-label host", "http://localhost/", ReasonHost},
		{"no host", "http:///x", ReasonHost},
		{"host with a space", "http://evil .example/", ReasonHost},
		{"URL port", "http://evil.example:99999/", ReasonPort},
		{"local part with a space", "a b@evil.example", ReasonNotIndicator},
		{"e-mail with a path", "user@evil.example/x", ReasonNotIndicator},
		{"e-mail at one label", "user@localhost", ReasonHost},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			ind, err := Identify(tt.raw)
			var invalid *InvalidError
			if !errors.As(err, &invalid) || !errors.Is(err, ErrInvalid) {
				t.Fatalf("Identify(%q) = %+v, %v, want a refusal", tt.raw, ind, err)
			}
			if invalid.Reason != tt.want {
				t.Errorf("Identify(%q): reason %q, want %q", tt.raw, invalid.Reason, tt.want)
			}
		})
	}
}

// TestNormaliseReadsOneTypeOnly: another type's value is refused, but for the
// IPv4-mapped address, which has one type whichever was asked for.
func TestNormaliseReadsOneTypeOnly(t *testing.T) {
	t.Parallel()
	values := benchValues()
	for _, asked := range Types() {
		for _, v := range values {
			got, err := Normalise(asked, v.Value)
			urlOfHost := asked == URL && (v.Type == Domain || v.Type == IPv4)
			switch {
			case asked == v.Type:
				if err != nil || got.Value != v.Value || got.Type != v.Type {
					t.Errorf("Normalise(%s, %q) = %+v, %v, want it as it is", asked, v.Value, got, err)
				}
			case urlOfHost:
				if err != nil || got.Type != URL {
					t.Errorf("Normalise(%s, %q) = %+v, %v, want a URL", asked, v.Value, got, err)
				}
			case err == nil:
				t.Errorf("Normalise(%s, %q) = %+v, want a refusal", asked, v.Value, got)
			}
		}
	}
	for _, asked := range []Type{IPv4, IPv6} {
		got, err := Normalise(asked, "::ffff:192.0.2.1")
		want := Indicator{Type: IPv4, Value: "192.0.2.1", Key: "192.0.2.1"}
		if err != nil || got != want {
			t.Errorf("Normalise(%s, mapped) = %+v, %v, want %+v", asked, got, err, want)
		}
	}
	if _, err := Normalise(0, "192.0.2.1"); !errors.Is(err, ErrInvalid) {
		t.Errorf("Normalise(0, …) = %v, want a refusal", err)
	}
}

// TestKeysStayInsideTheLimit: 2,048 bytes are in, one more is out.
func TestKeysStayInsideTheLimit(t *testing.T) {
	t.Parallel()
	const base = "http://a.example/"
	longest := base + strings.Repeat("A", MaxKeyBytes-len(base))
	for _, spelling := range []string{longest, "(" + longest + ")", base + strings.Repeat("%41", MaxKeyBytes-len(base)), longest + "#" + longest} {
		ind, err := Identify(spelling)
		if err != nil || ind.Value != longest || len(ind.Key) != MaxKeyBytes {
			t.Errorf("Identify of a key of %d bytes: %d bytes, %v", MaxKeyBytes, len(ind.Key), err)
		}
	}
	_, err := Identify(longest + "A")
	var invalid *InvalidError
	if !errors.As(err, &invalid) || invalid.Reason != ReasonTooLong {
		t.Errorf("Identify of a key of %d bytes: %v, want %s", MaxKeyBytes+1, err, ReasonTooLong)
	}
}

// TestCanonicalInputDoesNotAllocate holds the bar of bars.md that does not
// depend on the machine. It is not parallel: others' allocations would count.
func TestCanonicalInputDoesNotAllocate(t *testing.T) {
	for _, v := range benchValues() {
		want := 0.0
		if strings.ToLower(v.Value) != v.Value {
			want = 1 // the key, where it differs from the value
		}
		got := testing.AllocsPerRun(100, func() {
			if _, err := Normalise(v.Type, v.Value); err != nil {
				t.Fatal(err)
			}
		})
		if got > want {
			t.Errorf("Normalise(%s, %q): %v allocations, want %v", v.Type, v.Value, got, want)
		}
	}
}
