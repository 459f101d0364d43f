package ingest

import (
	"context"
	"fmt"
	"time"

	"spoor/internal/benign"
	"spoor/internal/extract"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// The reasons for which a report's candidate is no indicator.
const (
	// ReasonKnownGood is a value on a known-good list that nobody defanged.
	ReasonKnownGood = "known_good"
	// ReasonExample is a value that is reserved for examples, in running text.
	ReasonExample = "example_value"
)

// exampleList is the list of what is reserved for documentation and tests.
const exampleList = "examples"

// Lists returns the known-good lists as they are now.
type Lists func(context.Context) (*benign.Lists, error)

// Judged returns what of a report's candidates a good analyst would keep, and
// counts the rest by reason. A value that is kept is kept wherever it stands.
func Judged(lists *benign.Lists, found []extract.Candidate) ([]extract.Candidate, map[string]int64) {
	by := judge{Lists: lists}
	meant := meantBy(found)
	by.examples = by.inExamples(meant)
	kept := make([]extract.Candidate, 0, len(found))
	var dropped map[string]int64
	for i := range found {
		c := meant[found[i].Indicator]
		if _, reason := by.prose(&c); reason != "" {
			if dropped == nil {
				dropped = map[string]int64{}
			}
			dropped[reason]++
			continue
		}
		kept = append(kept, found[i])
	}
	return kept, dropped
}

// meantBy returns each value as it is meant in the whole of a report: one
// mention among indicators, or a defanged one, says how all are meant.
func meantBy(found []extract.Candidate) map[ioc.Indicator]extract.Candidate {
	best := make(map[ioc.Indicator]extract.Candidate, len(found))
	for i := range found {
		c := found[i]
		if b, known := best[c.Indicator]; known {
			c.Defanged, c.Listed = b.Defanged || c.Defanged, b.Listed || c.Listed
		}
		best[c.Indicator] = c
	}
	return best
}

// judge tells by known-good lists what is an indicator.
type judge struct {
	*benign.Lists
	// examples says that the report at hand is written in names and addresses
	// that are reserved for examples: there they stand for indicators.
	examples bool
}

// inExamples reports whether an author means example values, defanged or among
// indicators, as those who write tests, exercises and documentation do.
func (j judge) inExamples(meant map[ioc.Indicator]extract.Candidate) bool {
	for ind, c := range meant {
		if (c.Defanged || c.Listed) && isExample(j.Judge(ind)) {
			return true
		}
	}
	return false
}

// prose says what becomes of a candidate of a report: why it is dropped, or
// with which warnings it is kept. What its author defanged is meant, whoever
// owns it; a link to a known-good host is a link unless it is listed.
func (j judge) prose(c *extract.Candidate) (warnings []store.Warning, reason string) {
	verdicts := j.Judge(c.Indicator)
	strong := marking(verdicts)
	switch {
	case c.Defanged:
		return strong, ""
	case len(strong) > 0:
		return nil, ReasonKnownGood
	case c.Listed:
		return nil, ""
	case isExample(verdicts) && !j.examples:
		return nil, ReasonExample
	case j.leadsToGood(c.Indicator):
		return nil, ReasonKnownGood
	}
	return nil, ""
}

// row returns the warnings of a value of a structured source: it is never
// dropped.
func (j judge) row(ind ioc.Indicator) []store.Warning { return marking(j.Judge(ind)) }

// leadsToGood reports whether a link or a mailbox is at a known-good host.
func (j judge) leadsToGood(ind ioc.Indicator) bool {
	if ind.Type != ioc.URL && ind.Type != ioc.Email {
		return false
	}
	from, to := store.Host(ind.Type, ind.Key)
	_, good := j.Host(ind.Key[from:to])
	return good
}

// marking are the verdicts that make a value known-good, as records keep them.
func marking(verdicts []benign.Verdict) []store.Warning {
	var warnings []store.Warning
	for _, v := range verdicts {
		if v.Marks() {
			warnings = append(warnings, store.Warning{List: v.List, Reason: v.Reason})
		}
	}
	return warnings
}

func isExample(verdicts []benign.Verdict) bool {
	for _, v := range verdicts {
		if v.List == exampleList {
			return true
		}
	}
	return false
}

// Verdict returns how stored records are judged by the lists, for store.Judge.
func Verdict(lists *benign.Lists) func(*store.Record) []store.Warning {
	by := judge{Lists: lists}
	return func(r *store.Record) []store.Warning {
		return by.row(ioc.Indicator{Type: r.Type, Value: r.Value, Key: r.Key})
	}
}

// Anew returns how stored records are judged by the lists and by the time:
// Verdict, and whether the source still vouches for the value.
func Anew(lists *benign.Lists, now time.Time) func(*store.Record) []store.Warning {
	listed := Verdict(lists)
	return func(r *store.Record) []store.Warning {
		return append(listed(r), expired(r.ValidUntil, now)...)
	}
}

// ListExpired is the list that a value is on whose source no longer vouches
// for it: block lists leave it out like a known-good one.
const ListExpired = store.WarningExpired

// expired is the warning of a value that was valid until then.
func expired(until, now time.Time) []store.Warning {
	if until.IsZero() || until.After(now) {
		return nil
	}
	return []store.Warning{{List: ListExpired, Reason: "the source vouched for it until " + until.UTC().Format(time.DateOnly)}}
}

// judgedBy fetches the lists for one pass.
func (in *Ingester) judgedBy(ctx context.Context) (judge, error) {
	if in.lists == nil {
		return judge{Lists: benign.Builtin()}, nil
	}
	lists, err := in.lists(ctx)
	if err != nil {
		return judge{}, fmt.Errorf("read known-good lists: %w", err)
	}
	return judge{Lists: lists}, nil
}

// assess gives a report's value the confidence that it has for where it stands
// and who says it.
func (p *pass) assess(o *store.Observation, c *extract.Candidate) {
	e := store.EvidenceProse
	if c.Defanged {
		e |= store.EvidenceDefanged
	}
	if c.Listed {
		e |= store.EvidenceListed
	}
	if p.src != nil {
		e |= store.Standing(p.src.Confidence)
	}
	o.Evidence, o.Confidence = e, store.ProseConfidence(o.Indicator.Type, e)
}
