package ingest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/extract"
	"spoor/internal/ioc"
)

// qualityScore counts distinct values of documents, and the places where they stand.
type qualityScore struct {
	right, wrong, missed int
	places, reported     int // labelled, and of these found: information only
}

func (s *qualityScore) add(o qualityScore) {
	s.right += o.right
	s.wrong += o.wrong
	s.missed += o.missed
	s.places += o.places
	s.reported += o.reported
}

// ratioOf returns part of whole; nothing of nothing is all of it.
func ratioOf(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}

func (s *qualityScore) precision() float64 { return ratioOf(s.right, s.right+s.wrong) }
func (s *qualityScore) recall() float64    { return ratioOf(s.right, s.right+s.missed) }
func (s *qualityScore) f1() float64        { return ratioOf(2*s.right, 2*s.right+s.wrong+s.missed) }

// qualityResult is the score of a corpus.
type qualityResult struct {
	byType map[ioc.Type]*qualityScore
	// documents, those of them without a mistake, and places left open.
	documents, clean, open int
}

func newQualityResult() *qualityResult { return &qualityResult{byType: map[ioc.Type]*qualityScore{}} }

// documentTruth is what the labels of one document say.
type documentTruth struct {
	places map[ioc.Indicator]int // how often each stands there
	first  map[ioc.Indicator]int // offset
	open   map[ioc.Indicator]bool
	opened int // places left open
}

// identityOf keeps what makes two indicators the same one in a score.
func identityOf(ind ioc.Indicator) ioc.Indicator {
	return ioc.Indicator{Type: ind.Type, Value: ind.Value}
}

func truthOf(d *labelledDocument, content []byte) (*documentTruth, error) {
	t := &documentTruth{places: map[ioc.Indicator]int{}, first: map[ioc.Indicator]int{}, open: map[ioc.Indicator]bool{}}
	kind, _ := extract.DetectKind(d.path, content[:min(len(content), headBytes)])
	for _, l := range d.labels {
		ind, err := meaning(l, content, kind)
		if err != nil {
			return nil, err
		}
		id := identityOf(ind)
		if l.role == roleOpen {
			t.open[id] = true
			t.opened++
			continue
		}
		if t.places[id] == 0 {
			t.first[id] = l.offset
		}
		t.places[id]++
	}
	return t, nil
}

// mistake is one value that should not have been found, or should have been.
type mistake struct {
	ioc.Indicator
	kind    string // wrong or missed
	offset  int
	raw     string
	context string
}

// add scores one document and returns what was wrong in it.
func (r *qualityResult) add(d *labelledDocument, t *documentTruth, got []foundValue) []mistake {
	r.documents++
	r.open += t.opened
	times := map[ioc.Indicator]int{}
	var mistakes []mistake
	for _, c := range got {
		id := identityOf(c.Indicator)
		times[id]++
		if times[id] > 1 {
			continue
		}
		switch {
		case t.places[id] > 0:
			r.of(id.Type).right++
		case !t.open[id]:
			r.of(id.Type).wrong++
			mistakes = append(mistakes, mistake{id, "wrong", c.offset, c.raw, c.context})
		}
	}
	for id, places := range t.places {
		s := r.of(id.Type)
		s.places += places
		s.reported += min(times[id], places)
		if times[id] == 0 {
			s.missed++
			mistakes = append(mistakes, mistake{id, "missed", t.first[id], "", ""})
		}
	}
	if len(mistakes) == 0 {
		r.clean++
	}
	return mistakes
}

func (r *qualityResult) of(t ioc.Type) *qualityScore {
	s := r.byType[t]
	if s == nil {
		s = &qualityScore{}
		r.byType[t] = s
	}
	return s
}

// table writes the result for people and for the golden file.
func (r *qualityResult) table(name string) string {
	var b strings.Builder
	var all qualityScore
	for _, s := range r.byType {
		all.add(*s)
	}
	fmt.Fprintf(&b, "%s: %d documents, %d without a mistake; %d values in %d places, %d places left open\n",
		name, r.documents, r.clean, all.right+all.missed, all.places, r.open)
	fmt.Fprintf(&b, "%-13s %6s %6s %6s  %9s %7s %7s  %s\n", "type", "right", "wrong", "missed", "precision", "recall", "f1", "places")
	row := func(name string, s *qualityScore) {
		fmt.Fprintf(&b, "%-13s %6d %6d %6d  %9.4f %7.4f %7.4f  %.4f\n",
			name, s.right, s.wrong, s.missed, s.precision(), s.recall(), s.f1(), ratioOf(s.reported, s.places))
	}
	for _, typ := range ioc.Types() {
		if s := r.byType[typ]; s != nil {
			row(typ.String(), s)
		}
	}
	row("all", &all)
	return b.String()
}

func TestScore(t *testing.T) {
	t.Parallel()
	domain := func(v string) foundValue { return foundValue{Indicator: ioc.Indicator{Type: ioc.Domain, Value: v}} }
	text := []byte("a.example b.example c.example a.example x.example")
	d := &labelledDocument{path: "a.txt", labels: []label{
		{offset: 0, length: 9, typ: ioc.Domain, role: roleListed},
		{offset: 10, length: 9, typ: ioc.Domain, role: roleMentioned},
		{offset: 20, length: 9, typ: ioc.Domain, role: roleOpen},
		{offset: 30, length: 9, typ: ioc.Domain, role: roleMentioned},
	}}
	truth, err := truthOf(d, text)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		got  []foundValue
		want qualityScore
		wrong,
		clean int
	}{
		{"all", []foundValue{domain("a.example"), domain("b.example"), domain("a.example")}, qualityScore{right: 2, places: 3, reported: 3}, 0, 1},
		{"once of twice", []foundValue{domain("a.example"), domain("b.example")}, qualityScore{right: 2, places: 3, reported: 2}, 0, 1},
		{"an open one", []foundValue{domain("a.example"), domain("b.example"), domain("c.example")}, qualityScore{right: 2, places: 3, reported: 2}, 0, 1},
		{"one too many", []foundValue{domain("a.example"), domain("b.example"), domain("x.example"), domain("x.example")}, qualityScore{right: 2, wrong: 1, places: 3, reported: 2}, 1, 0},
		{"nothing", nil, qualityScore{missed: 2, places: 3}, 2, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newQualityResult()
			mistakes := r.add(d, truth, tc.got)
			if diff := cmp.Diff(*r.of(ioc.Domain), tc.want, cmp.AllowUnexported(qualityScore{})); diff != "" {
				t.Errorf("score (-got +want):\n%s", diff)
			}
			if len(mistakes) != tc.wrong || r.clean != tc.clean {
				t.Errorf("got %d mistakes and %d clean, want %d and %d", len(mistakes), r.clean, tc.wrong, tc.clean)
			}
		})
	}
}

func TestShares(t *testing.T) {
	t.Parallel()
	s := qualityScore{right: 6, wrong: 2, missed: 4}
	if got, want := fmt.Sprintf("%.2f %.2f %.4f", s.precision(), s.recall(), s.f1()), "0.75 0.60 0.6667"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := (&qualityScore{}).f1(); got != 1 {
		t.Errorf("f1 of nothing: got %v, want 1", got)
	}
}
