package feed

import (
	"fmt"
	"strings"
)

// Format is one source format that the package reads.
type Format struct {
	// Name is the word by which a person chooses it.
	Name string
	// Feed is the feed that its items belong to unless the caller names one.
	Feed string
	// Category is that feed's category (contract section 2).
	Category string
	// Parser is nil for the one format that announces reports and not
	// indicators; see News.
	Parser Parser
	// detect reports whether the input looks like this format. head is UTF-8
	// and ends with a whole line unless the input is shorter than one.
	detect func(name string, head []byte) bool
}

// Formats returns all formats, sorted by name.
func Formats() []Format {
	return []Format{
		{"csv", "imported CSV", "community", csvParser{}, detectCSV},
		{"feodo", "Feodo Tracker", "community", feodoParser{}, detectFeodo},
		{"kev", "CISA KEV", "government", kevParser{}, detectKEV},
		{"list", "imported list", "community", listParser{}, detectList},
		{"maltrail", "maltrail", "community", maltrailParser{}, detectMaltrail},
		{"misp", "imported MISP", "threat-intel", mispParser{}, detectMISP},
		{newsFormat, "imported news", "news", nil, detectNews},
		{"stix", "imported STIX", "threat-intel", stixParser{}, detectSTIX},
		{"taxii", "imported TAXII", "threat-intel", taxiiParser{}, detectTAXII},
		{"threatfox", "ThreatFox", "community", threatfoxParser{}, detectThreatfox},
		{"urlhaus", "URLhaus", "community", urlhausParser{}, detectURLhaus},
	}
}

// News reports whether the format is that of news feeds, which ParseNews reads.
func (f Format) News() bool { return f.Name == newsFormat }

// ByName returns the format with that name, in any case. The error lists the
// names.
func ByName(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if strings.EqualFold(f.Name, name) {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("unknown format %q: use one of %s", name, strings.Join(names, ", "))
}
