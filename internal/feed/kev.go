package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// kevParser reads CISA's catalogue of known exploited vulnerabilities. The
// catalogue itself names no report; the links in a row's notes (the vendor's
// bulletin, the NVD page) are its article: the page of the CVE is its URL, the
// rest its OtherURLs, titled by the name of the vulnerability.
type kevParser struct{}

// kevRow is one vulnerability.
type kevRow struct {
	CVE         text  `json:"cveID"`
	Vendor      text  `json:"vendorProject"`
	Product     text  `json:"product"`
	Name        text  `json:"vulnerabilityName"`
	Added       text  `json:"dateAdded"`
	Description text  `json:"shortDescription"`
	Ransomware  text  `json:"knownRansomwareCampaignUse"`
	Notes       text  `json:"notes"`
	CWEs        texts `json:"cwes"`
}

// Parse implements Parser.
func (kevParser) Parse(ctx context.Context, r io.Reader, _ Source, sink Sink) error {
	found := false
	e := elements{
		member: func(name string) bool {
			found = found || isVulnerabilities(name)
			return isVulnerabilities(name)
		},
		skip: sink.Skip,
		row:  func(where string, raw []byte) error { return kevItem(where, raw, sink) },
	}
	if err := e.walk(ctx, r); err != nil {
		return fmt.Errorf("read kev: %w", err)
	}
	if !found {
		return errors.New(`read kev: the document has no "vulnerabilities" list`)
	}
	return nil
}

// detectKEV wants a row of the catalogue.
func detectKEV(_ string, head []byte) bool {
	fields := firstRow(head, isVulnerabilities)
	return fields["cveID"] != nil && fields["dateAdded"] != nil
}

func isVulnerabilities(name string) bool { return name == "vulnerabilities" }

func kevItem(where string, raw []byte, sink Sink) error {
	var row kevRow
	if err := json.Unmarshal(raw, &row); err != nil {
		return sink.Skip(Skip{where, ReasonBrokenRow, err.Error()})
	}
	if row.CVE == "" {
		return sink.Skip(Skip{where, ReasonBrokenRow, "no cveID"})
	}
	t, _ := parseType("cve", string(row.CVE))
	added := parseTime(string(row.Added))
	tags := []string{"kev"}
	if strings.EqualFold(string(row.Ransomware), "Known") {
		tags = append(tags, "known-ransomware")
	}
	return sink.Item(Item{
		Where: where, Type: t, Raw: string(row.CVE), FirstSeen: added,
		Context: prose(row.context()), Tags: addTags(tags, row.CWEs...),
		Article: row.article(added),
	})
}

// context says what is vulnerable and how.
func (row kevRow) context() string {
	what := strings.TrimSpace(string(row.Vendor) + " " + string(row.Product))
	if row.Name != "" {
		what = string(row.Name)
	}
	if row.Description == "" {
		return what
	}
	return strings.TrimPrefix(what+": "+string(row.Description), ": ")
}

// article is built from the links in the notes, which stand between words and
// semicolons. Its URL is the link that ends in the CVE itself (the page of the
// vulnerability), which no other row has: vendors describe several in one
// bulletin, and rows that shared a URL would be one article under one title.
func (row kevRow) article(added time.Time) *Article {
	a := &Article{
		GUID: prose(string(row.CVE)), Title: prose(string(row.Name)), Publisher: "CISA",
		Summary: prose(string(row.Description)), Published: added,
	}
	var links []string
	for word := range strings.FieldsFuncSeq(string(row.Notes), func(r rune) bool { return r == ';' || r == ' ' || r == '\n' || r == '\t' }) {
		word = strings.Trim(word, ",()<>\"")
		if isURL(word) && len(links) < maxTags && !contains(links, word) {
			links = append(links, word)
		}
	}
	own := slices.IndexFunc(links, func(l string) bool { return strings.HasSuffix(l, "/"+string(row.CVE)) })
	if own < 0 && len(links) > 0 {
		own = 0
	}
	if own >= 0 {
		a.URL = links[own]
		a.OtherURLs = slices.Delete(links, own, own+1)
	}
	return a
}
