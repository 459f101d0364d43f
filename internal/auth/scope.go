package auth

import "slices"

// Scope is one thing that a key may do.
type Scope string

// The scopes of contract section 1.1.
const (
	ReadIOCs           Scope = "read:iocs"
	ReadArticles       Scope = "read:articles"
	ReadArticlesExport Scope = "read:articles:export"
	ReadSTIX           Scope = "read:stix"
	ReadMISP           Scope = "read:misp"
	ReadCEF            Scope = "read:cef"
	ReadOpenIOC        Scope = "read:openioc"
	WriteIOCs          Scope = "write:iocs"
	Admin              Scope = "admin"
)

// scopeTable says which tiers may carry a scope. It is in contract order.
//
//nolint:gochecknoglobals // read-only table
var scopeTable = []struct {
	scope Scope
	tiers []string
}{
	{ReadIOCs, []string{Free, Pro, Local}},
	{ReadArticles, []string{Free, Pro, Local}},
	{ReadArticlesExport, []string{Pro, Local}},
	{ReadSTIX, []string{Pro, Local}},
	{ReadMISP, []string{Pro, Local}},
	{ReadCEF, []string{Pro, Local}},
	{ReadOpenIOC, []string{Pro, Local}},
	{WriteIOCs, []string{Local}},
	{Admin, []string{Local}},
}

// Scopes returns all scopes, in contract order. The caller owns the slice.
func Scopes() []Scope {
	all := make([]Scope, len(scopeTable))
	for i := range scopeTable {
		all[i] = scopeTable[i].scope
	}
	return all
}

// ScopesOf returns the scopes that a key of the tier may carry, in contract
// order: also what a new key of the tier gets when none are named.
func ScopesOf(tier string) []Scope {
	var some []Scope
	for i := range scopeTable {
		if slices.Contains(scopeTable[i].tiers, tier) {
			some = append(some, scopeTable[i].scope)
		}
	}
	return some
}

// TiersOf returns the tiers that may carry the scope; none for a scope that
// does not exist. It is not to be modified.
func TiersOf(s Scope) []string {
	for i := range scopeTable {
		if scopeTable[i].scope == s {
			return scopeTable[i].tiers
		}
	}
	return nil
}
