package benign

import (
	_ "embed"
	"strings"
	"sync"

	"github.com/weppos/publicsuffix-go/publicsuffix"
)

//go:embed builtin/tenants.txt
var tenantsText string

// tenants are providers' names below which strangers have names of their own,
// and which the public suffix list does not have.
//
//nolint:gochecknoglobals // read-only table, built from an embedded file when first asked for
var tenants = sync.OnceValue(func() map[string]struct{} {
	all := map[string]struct{}{}
	for line := range lines(tenantsText) {
		all[line] = struct{}{}
	}
	return all
})

// ownedFrom returns where in a canonical name the longest part begins whose
// owner has everything below it: the label before the public suffix. A list's
// entry that begins later names somebody else, or the provider. A name that is
// a public suffix is its provider's own, and so is all above it: the result is
// its length. One that is such by a wildcard (ec2-….compute-1.amazonaws.com) is
// a customer's all the same.
func ownedFrom(name string) int {
	rule := publicsuffix.DefaultList.Find(name, &publicsuffix.FindOptions{})
	suffix := 1 // labels; an unknown one is taken for a suffix
	if rule != nil {
		suffix = 1 + strings.Count(rule.Value, ".")
		switch rule.Type {
		case publicsuffix.WildcardType:
			suffix++
		case publicsuffix.ExceptionType:
			suffix--
		}
	}
	start := len(name) + 1 // of the suffix
	for ; suffix > 0 && start > 0; suffix-- {
		start = 1 + strings.LastIndexByte(name[:start-1], '.')
	}
	// A tenant's border may lie further left.
	for i := 0; i < start; i++ {
		if i == 0 || name[i-1] != '.' {
			continue
		}
		if _, ok := tenants()[name[i:]]; ok {
			start = i
		}
	}
	if start == 0 && rule != nil && rule.Type == publicsuffix.WildcardType {
		return 0
	}
	if start == 0 {
		return len(name)
	}
	return 1 + strings.LastIndexByte(name[:start-1], '.')
}
