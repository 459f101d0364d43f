package ioc

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClean(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"nothing to do", "evil.example", "evil.example"},
		{"space of all kinds", "\t\u2003 evil.example\u3000\r\n", "evil.example"},
		{"bidi isolates", "\u2066evil.example\u2069", "evil.example"},
		{"soft hyphen at the edge", "evil.example\u00ad", "evil.example"},
		{"punctuation", "evil.example.,;:!?", "evil.example"},
		{"punctuation inside stays", "a,b", "a,b"},
		{"leading punctuation stays", ".evil.example", ".evil.example"},
		{"typographic quotes", "„evil.example“", "evil.example"},
		{"guillemets", "«evil.example»", "evil.example"},
		{"CJK brackets", "【evil.example】", "evil.example"},
		{"unmatched quote stays", `"evil.example`, `"evil.example`},
		{"mismatched brackets stay", "(evil.example]", "(evil.example]"},
		{"defanged marks are no wrapping", "[:][:]", "[:][:]"},
		{"deep wrapping", strings.Repeat("(", 50) + "x" + strings.Repeat(")", 50), "x"},
		{"double colon of an address", "2001:db8::", "2001:db8::"},
		{"colons that are punctuation", "evil::", "evil"},
		{"one character", "'", "'"},
	}
	for _, pair := range []string{`""`, "''", "``", "()", "[]", "{}", "<>", "“”", "”“", "‘’", "’‘", "‚‘", "«»", "»«", "‹›", "「」", "『』", "【】", "（）", "［］"} {
		open, size := utf8.DecodeRuneInString(pair)
		tests = append(tests, struct{ name, in, want string }{"pair " + pair, string(open) + "x" + pair[size:], "x"})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Clean(tt.in); got != tt.want {
				t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestRefang(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"nothing to do", "http://evil.example/(x)[y]{z}", "http://evil.example/(x)[y]{z}"},
		{"upper-case words", "a[DOT]b(Dot)c", "a.b.c"},
		{"space inside brackets", "a[ . ]b[ dot ]c", "a.b.c"},
		{"runs of spaces", "a   dot   b", "a.b"},
		{"spaces around brackets", "a (dot) b", "a.b"},
		{"runs of spaces around brackets", "a   [.]   b  [@] c", "a.b@c"},
		{"a space on one side", "a [.]b[.] c", "a.b.c"},
		{"a space before other brackets", "a (b) c", "a (b) c"},
		{"a space at the end", "a ", "a "},
		{"the word without spaces stays", "polkadot.example", "polkadot.example"},
		{"escaped dots between words only", `a\.b\..c`, `a.b\..c`},
		{"half-width ideographic dot is IDNA's", "a｡b", "a｡b"},
		{"half a mark stays", "a[.b", "a[.b"},
		{"nested mark", "a[[.]]b", "a[.]b"},
		{"scheme in capitals", "HXXPS://a", "https://a"},
		{"curly colon", "hxxp{:}//a", "http://a"},
		{"separator in two marks", "http[:][//]a", "http://a"},
		{"backslash separator in brackets", `hxxp[:\\]a`, "http://a"},
		{"slash and backslash", `http:/\a`, "http://a"},
		{"fxp", "fxp://a", "ftp://a"},
		{"ldap[s]", "ldap[s]://a", "ldaps://a"},
		{"smb has no secure form", "smbs://a", "smbs://a"},
		{"unknown scheme stays", "gopher[:]//a", "gopher://a"},
		{"hxxp that is no scheme stays", "hxxp.example", "hxxp.example"},
		{"meow that is no scheme stays", "meow.example", "meow.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Refang(tt.in); got != tt.want {
				t.Errorf("Refang(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestDefang(t *testing.T) {
	t.Parallel()
	tests := []struct {
		typ         Type
		value, want string
	}{
		{IPv4, "192.0.2.10", "192[.]0[.]2[.]10"},
		{IPv6, "2001:db8::", "2001[:]db8[:][:]"},
		{Domain, "evil.example", "evil[.]example"},
		{URL, "http://evil.example/x", "hxxp[://]evil[.]example/x"},
		{URL, "https://evil.example:8443/a.php", "hxxps[://]evil[.]example:8443/a[.]php"},
		{URL, "http://[2001:db8::1]:8080/", "hxxp[://][2001[:]db8[:][:]1]:8080/"},
		{URL, "ldap://evil.example/?u=http://b.example/", "ldap[://]evil[.]example/?u=http[://]b[.]example/"},
		{Email, "user@evil.example", "user[@]evil[.]example"},
		{MD5, "abc", "abc"},
		{CVE, "CVE-2024-3094", "CVE-2024-3094"},
		{MITREAttack, "T1059.001", "T1059.001"},
		{URL, "not a URL.example", "not a URL[.]example"},
		{0, "evil.example", "evil[.]example"},
	}
	for _, tt := range tests {
		t.Run(tt.typ.String()+" "+tt.value, func(t *testing.T) {
			t.Parallel()
			if got := Defang(tt.typ, tt.value); got != tt.want {
				t.Errorf("Defang(%s, %q) = %q, want %q", tt.typ, tt.value, got, tt.want)
			}
		})
	}
}

func TestDefangText(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"prose", "Saw https://evil.example/x. Then 192.0.2.10!", "Saw https[://]evil[.]example/x. Then 192[.]0[.]2[.]10!"},
		{"e-mail", "from user@evil.example today", "from user[@]evil[.]example today"},
		{"IPv6", "dial tcp [2001:db8::1]:443: refused", "dial tcp [2001[:]db8[:][:]1]:443: refused"},
		{"times stay", "at 12:34:56 sharp", "at 12:34:56 sharp"},
		{"defanged text stays", "hxxp[://]evil[.]example", "hxxp[://]evil[.]example"},
		{"control and bidi characters", "a\nb\x1b[31mc\u202ed", "a b [31mc d"},
		{"long text is cut at a rune", strings.Repeat("ü", maxDefangText), strings.Repeat("ü", maxDefangText/2) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := DefangText(tt.in); got != tt.want {
				t.Errorf("DefangText(%q) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}
