package feed

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"spoor/internal/ioc"
)

// stixObject is any object of a bundle, by the members that matter here.
type stixObject struct {
	Type text `json:"type"`
	ID   text `json:"id"`

	Name        text `json:"name"`
	Description text `json:"description"`
	Value       text `json:"value"`
	Pattern     text `json:"pattern"`
	PatternType text `json:"pattern_type"`
	Confidence  text `json:"confidence"`
	Revoked     text `json:"revoked"`
	CreatedBy   text `json:"created_by_ref"`

	Created       text `json:"created"`
	Modified      text `json:"modified"`
	ValidFrom     text `json:"valid_from"`
	ValidUntil    text `json:"valid_until"`
	Published     text `json:"published"`
	FirstObserved text `json:"first_observed"`
	LastObserved  text `json:"last_observed"`

	RelationshipType text `json:"relationship_type"`
	SourceRef        text `json:"source_ref"`
	TargetRef        text `json:"target_ref"`

	Labels         texts `json:"labels"`
	IndicatorTypes texts `json:"indicator_types"`
	ReportTypes    texts `json:"report_types"`

	ObjectRefs loose[[]text]                     `json:"object_refs"`
	SampleRefs loose[[]text]                     `json:"sample_refs"`
	Hashes     loose[map[string]text]            `json:"hashes"`
	Phases     loose[[]stixPhase]                `json:"kill_chain_phases"`
	References loose[[]stixReference]            `json:"external_references"`
	Objects    loose[map[string]json.RawMessage] `json:"objects"`

	// What says how far the object may go. Where these do not parse, the object
	// is broken: its marking would be lost.
	MarkingRefs []text `json:"object_marking_refs"`
	Granular    []struct {
		Ref text `json:"marking_ref"`
	} `json:"granular_markings"`

	DefinitionType text                            `json:"definition_type"`
	Definition     loose[stixDefinition]           `json:"definition"`
	Extensions     loose[map[string]stixExtension] `json:"extensions"`
}

type stixPhase struct {
	Chain text `json:"kill_chain_name"`
	Phase text `json:"phase_name"`
}

type stixReference struct {
	Source text `json:"source_name"`
	ID     text `json:"external_id"`
	URL    text `json:"url"`
}

type stixDefinition struct {
	TLP text `json:"tlp"`
}

type stixExtension struct {
	TLP text `json:"tlp_2_0"`
}

// loose is a member that is nothing when it is not written as it should be.
type loose[T any] struct{ value T }

// UnmarshalJSON never fails on valid JSON.
func (l *loose[T]) UnmarshalJSON(raw []byte) error {
	var value T
	if json.Unmarshal(raw, &value) == nil {
		l.value = value
	}
	return nil
}

// stixObservables are the types of observables; those that hold no value of
// ours are rows of an unknown type.
//
//nolint:gochecknoglobals // read-only
var stixObservables = map[string]bool{
	"ipv4-addr": true, "ipv6-addr": true, "domain-name": true, "url": true, "email-addr": true, "file": true, "artifact": true,
	"autonomous-system": true, "directory": true, "email-message": true, "mac-addr": true, "mutex": true, "network-traffic": true,
	"process": true, "software": true, "user-account": true, "windows-registry-key": true, "x509-certificate": true,
}

// stixTLP are the marking definitions whose ids the standards fix: TLP 1 in
// STIX 2.1 section 7.2.1.4, TLP 2 in the OASIS extension for it. Bundles need
// not hold them, and cannot redefine them.
//
//nolint:gochecknoglobals // read-only
var stixTLP = map[string]ioc.TLP{
	"marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": ioc.Clear,
	"marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": ioc.Green,
	"marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": ioc.Amber,
	"marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": ioc.Red,

	"marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": ioc.Clear,
	"marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": ioc.Green,
	"marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": ioc.Amber,
	"marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": ioc.AmberStrict,
	"marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": ioc.Red,
}

// modified is when this version of the object was made.
func (o *stixObject) modified() time.Time { return parseTime(either(o.Modified, o.Created)) }

// markings are the ids of the object's markings, those of its parts included:
// what holds for a part of an object may not get out with the whole.
func (o *stixObject) markings() []text {
	refs := o.MarkingRefs
	for _, g := range o.Granular {
		refs = append(refs, g.Ref)
	}
	return refs
}

// defines is the TLP that a marking definition stands for, zero for another
// kind of marking.
func (o *stixObject) defines() ioc.TLP {
	tlp := parseTLP(string(o.Definition.value.TLP))
	for _, extension := range o.Extensions.value {
		tlp = max(tlp, parseTLP(string(extension.TLP)))
	}
	if tlp == 0 && hasPrefixFold(string(o.Name), "tlp:") {
		tlp = parseTLP(string(o.Name))
	}
	return tlp
}

// What is held of an object beside its text, in bytes, with the room that maps
// and lists keep free: few bytes of input may name very many others.
const (
	stixObjectCost = 128
	stixWordCost   = 64
	stixReportCost = 96  // an object of a report
	stixSampleCost = 256 // a sample of a malware
	stixSeenCost   = 400 // an observable of observed data

	// maxKeptWords bounds what is kept of what nodes say to rows.
	maxKeptWords = 1 << 20
)

// cost is what is held of an object that is no row, beside its text.
func (o *stixObject) cost() int {
	words := len(o.MarkingRefs) + len(o.Granular) + len(o.Labels) + len(o.IndicatorTypes) + len(o.ReportTypes) +
		len(o.Phases.value) + len(o.References.value)
	refs := stixReportCost
	if o.Type == "observed-data" {
		refs = stixSeenCost
	}
	return words*stixWordCost + len(o.ObjectRefs.value)*refs + len(o.SampleRefs.value)*stixSampleCost + len(o.Objects.value)*stixSeenCost
}

// links are the web addresses of the external references, in order, without
// those of catalogues, which describe a technique or weakness and no report.
func (o *stixObject) links() (links []string) {
	for _, ref := range o.References.value {
		switch strings.ToLower(string(ref.Source)) {
		case "mitre-attack", "mitre-mobile-attack", "mitre-ics-attack", "capec", "cve", "cwe", "nvd":
			continue
		}
		if url := strings.TrimSpace(string(ref.URL)); isURL(url) && len(links) < maxTags && !contains(links, url) {
			links = append(links, url)
		}
	}
	return links
}

// techniques are the ATT&CK ids among the external references.
func (o *stixObject) techniques() (ids []string) {
	for _, ref := range o.References.value {
		if hasPrefixFold(string(ref.Source), "mitre-") {
			ids = addTechnique(ids, string(ref.ID))
		}
	}
	return ids
}

// tags are the object's own words about what it is, and its ATT&CK tactics.
func (o *stixObject) tags() []string {
	tags := addTags(nil, o.IndicatorTypes...)
	tags = addTags(tags, o.ReportTypes...)
	tags = addTags(tags, o.Labels...)
	for _, phase := range o.Phases.value {
		if hasPrefixFold(string(phase.Chain), "mitre-") {
			tags = addTags(tags, string(phase.Phase))
		}
	}
	return tags
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
