package ingest

import (
	"context"
	"fmt"
	"slices"

	"spoor/internal/extract"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// exploitedTag is the tag of vulnerabilities that are known to be exploited. A
// government's feed is believed that: any other can write any tag.
const exploitedTag = "kev"

// severity reckons how serious a report is that names actors. Which of its
// vulnerabilities are known to be exploited, the store says, as it is now.
func (p *pass) severity(ctx context.Context, said extract.Report, actors []string) (int, error) {
	facts := store.ReportFacts{Techniques: techniques(said.Techniques), Actors: actors}
	exploited, err := p.exploited(ctx, first(said.CVEs, maxMentions))
	if err != nil {
		return 0, err
	}
	facts.Exploited, facts.CVEs = exploited, len(said.CVEs)-exploited
	score, _ := store.Severity(facts)
	return score, nil
}

// exploited counts those of the vulnerabilities that a catalogue of exploited
// ones names.
func (p *pass) exploited(ctx context.Context, cves []string) (int, error) {
	st, ok := p.in.st.(store.Viewer)
	if !ok || len(cves) == 0 {
		return 0, nil
	}
	n := 0
	err := st.View(ctx, func(s store.Snapshot) error {
		n = 0 // a view may be had twice
		for _, cve := range cves {
			ind, err := ioc.Normalise(ioc.CVE, cve)
			if err != nil {
				continue
			}
			found, err := s.Exact(ctx, store.ExactQuery{
				Keys:       []store.TypedKey{{Type: ioc.CVE, Key: ind.Key}},
				Visibility: store.Visibility{MaxTLP: ioc.Red}, Window: store.Window{Limit: 100},
			})
			if err != nil {
				return err
			}
			if slices.ContainsFunc(found.Records, isExploited) {
				n++
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("look up vulnerabilities: %w", err)
	}
	return n, nil
}

func isExploited(r store.Record) bool {
	return r.Feed.Category == store.Government && slices.Contains(r.Tags, exploitedTag)
}
