package main

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// keyEntry is a key as "keys list" shows it.
type keyEntry struct {
	ID         string   `json:"id"`
	Prefix     string   `json:"prefix"`
	Name       string   `json:"name"`
	Account    string   `json:"account"`
	Tier       string   `json:"tier"`
	Scopes     []string `json:"scopes"`
	AllowedIPs []string `json:"allowed_ips"`
	MaxTLP     string   `json:"max_tlp"`
	// Status is active, expired or revoked.
	Status    string     `json:"status"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"`
	RevokedAt *time.Time `json:"revoked_at"`
}

func keyEntries(keys []store.Key, now time.Time) []keyEntry {
	out := make([]keyEntry, 0, len(keys))
	for _, k := range keys {
		e := keyEntry{
			ID: k.ID.String(), Prefix: k.Prefix, Name: k.Name, Account: k.Account, Tier: k.Tier,
			Scopes: append([]string{}, k.Scopes...), AllowedIPs: []string{}, MaxTLP: maxTLP(k).String(),
			Status: "active", CreatedAt: k.CreatedAt, ExpiresAt: pointer(k.ExpiresAt), RevokedAt: pointer(k.RevokedAt),
		}
		for _, p := range k.AllowedIPs {
			e.AllowedIPs = append(e.AllowedIPs, p.String())
		}
		switch {
		case e.RevokedAt != nil:
			e.Status = "revoked"
		case e.ExpiresAt != nil && !e.ExpiresAt.After(now):
			e.Status = "expired"
		}
		out = append(out, e)
	}
	return out
}

func (a *app) keyTable(keys []keyEntry) error {
	if len(keys) == 0 {
		fmt.Fprintln(a.stderr, "no keys yet: make one with 'spoor keys create'")
		return nil
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tPREFIX\tNAME\tACCOUNT\tTIER\tMAX TLP\tSTATUS\tCREATED\tEXPIRES\tFROM")
	for _, k := range keys {
		expires := "never"
		if k.ExpiresAt != nil {
			expires = k.ExpiresAt.Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Prefix, cmp.Or(printable(k.Name), "-"), printable(k.Account),
			k.Tier, k.MaxTLP, k.Status, k.CreatedAt.Format(time.DateTime), expires, cmp.Or(strings.Join(k.AllowedIPs, ","), "any"))
	}
	return w.Flush()
}

// maxTLP is the strictest marking that the key is shown; an unset one shows
// what store.Visibility lets its zero value see.
func maxTLP(k store.Key) ioc.TLP { return max(k.MaxTLP, ioc.Clear) }

// untilText says when a key ends, in a sentence about it.
func untilText(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return ", until " + at.Format(time.RFC3339)
}

// pointer returns nil for the zero time, which JSON writes as null.
func pointer(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// printable drops what would move a terminal's cursor, change its colours or
// break a table: names, titles and contexts come from others.
func printable(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
	}), " ")
}
