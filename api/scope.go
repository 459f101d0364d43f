package api

// Scope is one thing that a key may do (contract section 1.1).
type Scope string

// The scopes.
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

// Scopes returns all scopes, in contract order.
func Scopes() []Scope {
	return []Scope{
		ReadIOCs, ReadArticles, ReadArticlesExport, ReadSTIX, ReadMISP, ReadCEF, ReadOpenIOC, WriteIOCs, Admin,
	}
}

// The names of the tiers (contract section 1.2).
const (
	TierFree  = "free"
	TierPro   = "pro"
	TierLocal = "local"
)
