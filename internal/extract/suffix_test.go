package extract

import (
	"testing"

	"github.com/weppos/publicsuffix-go/publicsuffix"
)

// TestKnownNameIsTheLists holds the quick look-up to the library's, for every
// suffix of the list and names below it. Exceptions of the list (!www.ck) are
// names that somebody has.
func TestKnownNameIsTheLists(t *testing.T) {
	t.Parallel()
	rules := publicsuffix.DefaultRules()
	for i := range rules {
		if rules[i].Type == publicsuffix.ExceptionType {
			continue
		}
		for _, name := range []string{rules[i].Value, "a." + rules[i].Value, "b.a." + rules[i].Value} {
			rule := publicsuffix.DefaultList.Find(name, &publicsuffix.FindOptions{DefaultRule: nil})
			want := rule != nil && (rule.Private || rule.Value != name)
			if got := knownName(name); got != want {
				t.Errorf("knownName(%q) = %v; the library says %v", name, got, want)
			}
		}
	}
}

func TestKnownName(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{
		"a.com": true, "A.COM": true, "com": false, "co.uk": false, "a.co.uk": true, "a.invoice": false, "github.io": true,
		"a.github.io": true, "пример.рф": true, "例え.jp": true, "a.onion": true, "a.example": true, "": false, ".": false, "a.": false,
	}
	for name, want := range tests {
		if got := knownName(name); got != want {
			t.Errorf("knownName(%q) = %v; want %v", name, got, want)
		}
	}
}

func TestDomainOf(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"https://www.a.co.uk/x?y": "a.co.uk", "a.com": "a.com", "http://x.y.a.com:80": "a.com", "https://me.github.io/x": "me.github.io",
		"a.b.example": "b.example", "com": "", "": "", "https://192.0.2.1/": "", "https://localhost": "", "http://ä.example": "",
	}
	for address, want := range tests {
		if got := domainOf(address); got != want {
			t.Errorf("domainOf(%q) = %q; want %q", address, got, want)
		}
	}
}
