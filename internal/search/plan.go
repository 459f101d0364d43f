package search

import (
	"slices"
	"strings"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// plan is what a query comes to before the store is asked.
type plan struct {
	// readings are what stage 1 looks for; none means no stage 1.
	readings []ioc.Reading
	// needle is what stage 2 looks for; no text means no stage 2.
	needle store.Needle
	// types narrow stage 2; none is any.
	types []ioc.Type
}

// makePlan is the whole interpretation of a query, without any I/O. Its error
// is a *QueryError.
func makePlan(q Query) (plan, error) {
	text, err := q.check()
	if err != nil {
		return plan{}, err
	}
	var p plan
	if q.Type != 0 {
		p.types = []ioc.Type{q.Type}
	}
	if q.Match == Contains {
		p.needle = store.Needle{Text: strings.ToLower(text), Rule: store.Anywhere}
		return p, nil
	}
	all := ioc.Readings(text)
	p.readings = narrowed(all, q.Type)
	if q.Match != Exact {
		p.needle = needleOf(text, all)
	}
	if len(p.needle.Text) > ioc.MaxKeyBytes {
		p.needle = store.Needle{} // longer than any key: in none
	}
	return p, nil
}

func narrowed(all []ioc.Reading, t ioc.Type) []ioc.Reading {
	if t == 0 {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(r ioc.Reading) bool { return r.Type != t })
}

// needleOf chooses the needle of stage 2 and where it may match (contract
// section 3, "No near miss passes for a hit"). What counts is all that the
// text reads as: type=url with a bare domain still asks for that domain, and
// a URL of notevil.example is no answer to it.
//
// The needle of a complete value is its key. It is the cleaned text in the one
// spelling that keys have: an IPv6 address zero-compressed, an international
// name in A-labels, the port of host:port left out as in the reading. A root
// URL reads as its host and is looked for like it; any other URL, and what is
// no indicator at all, is taken literally.
func needleOf(text string, all []ioc.Reading) store.Needle {
	i := slices.IndexFunc(all, func(r ioc.Reading) bool { return r.Type != ioc.URL })
	if i < 0 {
		return store.Needle{Text: ioc.Needle(text), Rule: store.Anywhere}
	}
	switch r := all[i]; r.Type {
	case ioc.Domain:
		return store.Needle{Text: r.Key, Rule: store.WholeHost}
	case ioc.IPv6:
		// In brackets, as URLs have it: a colon ends no address, and without
		// them 2001:db8::1 would be found in 2001:db8::1:2. The address by
		// itself is what stage 1 looks for.
		return store.Needle{Text: "[" + r.Key + "]", Rule: store.WholeToken}
	default:
		return store.Needle{Text: r.Key, Rule: store.WholeToken}
	}
}

// keys are what stage 1 asks the store for.
func (p plan) keys() []store.TypedKey {
	keys := make([]store.TypedKey, 0, len(p.readings))
	for _, r := range p.readings {
		keys = append(keys, store.TypedKey{Type: r.Type, Key: r.Key})
	}
	return keys
}

// isMatch returns what tells a match of the stage from what is only related.
func (p plan) isMatch(s Stage) func(ioc.Type, string) bool {
	if s == StageExact {
		return func(t ioc.Type, key string) bool {
			return slices.ContainsFunc(p.readings, func(r ioc.Reading) bool { return r.Type == t && r.Key == key })
		}
	}
	return func(t ioc.Type, key string) bool {
		if len(p.types) > 0 && !slices.Contains(p.types, t) {
			return false
		}
		_, ok := p.needle.Match(t, key)
		return ok
	}
}
