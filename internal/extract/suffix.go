package extract

import (
	"strings"
	"sync"

	"github.com/weppos/publicsuffix-go/publicsuffix"
)

// suffixes is the public suffix list (publicsuffix.org) in the form in which
// prose asks for it, ten times faster than by the library's rules.
type suffixes struct {
	roots *words              // last labels of all rules
	names map[string]struct{} // suffixes of ICANN's part with a dot in them
}

//nolint:gochecknoglobals // read-only, built when first asked for
var publicSuffixes = sync.OnceValue(func() *suffixes {
	out := &suffixes{roots: &words{set: map[string]struct{}{}}, names: map[string]struct{}{}}
	rules := publicsuffix.DefaultRules()
	for i := range rules {
		value := rules[i].Value
		k := strings.LastIndexByte(value, '.')
		out.roots.add(value[k+1:])
		if k > 0 && !rules[i].Private && rules[i].Type == publicsuffix.NormalType {
			out.names[value] = struct{}{}
		}
	}
	return out
})

// knownName says that a name lies under a public suffix that exists, ICANN's
// or private, or one that is reserved or used outside of the public root, and
// is not such a suffix itself.
func knownName(plain string) bool {
	name := lowerASCII(plain)
	root := name[strings.LastIndexByte(name, '.')+1:]
	if len(root) == len(name) {
		return false
	}
	if otherRoots.has(root) {
		return true
	}
	if !isASCII(name) {
		a, err := publicsuffix.ToASCII(name)
		if err != nil {
			return false
		}
		name, root = a, a[strings.LastIndexByte(a, '.')+1:]
	}
	list := publicSuffixes()
	if !list.roots.has(root) {
		return false
	}
	_, suffix := list.names[name]
	return !suffix
}

// domainOf is the registrable domain of a URL or host; empty without one.
func domainOf(address string) string {
	if i := strings.Index(address, "://"); i >= 0 {
		address = address[i+3:]
	}
	if i := strings.IndexAny(address, "/?#:[ "); i >= 0 {
		address = address[:i]
	}
	const longest = 253
	if address == "" || len(address) > longest || !isASCII(address) {
		return ""
	}
	address = lowerASCII(address)
	rule := publicsuffix.DefaultList.Find(address, &publicsuffix.FindOptions{DefaultRule: nil})
	if rule == nil { // of a root that is not public: the last two labels
		k := strings.LastIndexByte(address, '.')
		if k < 0 || allOf(address[k+1:], isDigit) {
			return ""
		}
		return address[strings.LastIndexByte(address[:k], '.')+1:]
	}
	parts := rule.Decompose(address)
	if parts[1] == "" {
		return ""
	}
	return parts[0][strings.LastIndexByte(parts[0], '.')+1:] + "." + parts[1]
}
