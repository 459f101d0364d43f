package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"

	"spoor/internal/ioc"
)

// ErrDiffers says that two stores that should answer alike do not; the
// wrapping error names the first question and what differed.
var ErrDiffers = errors.New("stores differ")

// Compared counts the questions that two stores answered alike.
type Compared struct {
	Records, Sightings, Articles, Exact, Contains, Related, Lists int
	// Runs, FeedStates and Allowed count what was compared whole.
	Runs, FeedStates, Allowed int
}

// Asked is a store that Compare can ask.
type Asked interface {
	Viewer
	FeedKeeper
	AllowKeeper
}

// comparedRuns is how many of the last runs are compared.
const comparedRuns = 1000

// Comparison says what to ask.
type Comparison struct {
	// Sample are records of both: each is compared whole, with what was said
	// of it, and its key looked up; from some of them come the other questions.
	Sample []uuid.UUID
	// Random picks the parts of keys to look for.
	Random *rand.Rand
	// Progress is told how many of the sample are through; may be nil.
	Progress func(done, total int64)
}

// Compare asks two stores the same questions and returns ErrDiffers with the
// first that they do not answer alike. What is to be equal is what the store
// contract promises: all of an answer but the work that it took.
func Compare(ctx context.Context, got, want Asked, c Comparison) (Compared, error) {
	p := pair{got: got, want: want}
	if err := p.kept(ctx); err != nil {
		return p.Compared, err
	}
	for i, id := range c.Sample {
		if err := p.record(ctx, id, i, c.Random); err != nil {
			return p.Compared, err
		}
		if c.Progress != nil {
			c.Progress(int64(i+1), int64(len(c.Sample)))
		}
	}
	return p.Compared, p.walk(ctx, Filter{Visibility: everyone()}, 5)
}

// Of the sample, so many records are asked for each of the dearer questions.
const (
	containsEvery = 10
	relatedEvery  = 4
	listEvery     = 50
)

// everyone sees everything; public what has no restriction.
func everyone() Visibility { return Visibility{MaxTLP: ioc.Red} }
func public() Visibility   { return Visibility{MaxTLP: ioc.Clear} }

// pair are two stores and what they agreed on.
type pair struct {
	got, want Asked
	Compared
}

// kept compares what is kept beside records, whole.
func (p *pair) kept(ctx context.Context) error {
	if err := bothLists(p, "last runs", &p.Runs, func(s Asked) ([]RunRecord, error) { return s.Runs(ctx, "", comparedRuns) }); err != nil {
		return err
	}
	if err := bothLists(p, "states of feeds", &p.FeedStates, func(s Asked) ([]FeedState, error) { return s.FeedStates(ctx) }); err != nil {
		return err
	}
	return bothLists(p, "allowed values", &p.Allowed, func(s Asked) ([]Allowed, error) { return s.Allowed(ctx) })
}

// bothLists asks both stores for a list, compares, and counts its entries.
func bothLists[T any](p *pair, what string, n *int, ask func(Asked) ([]T, error)) error {
	want, err := ask(p.want)
	if err != nil {
		return fmt.Errorf("ask the source for %s: %w", what, err)
	}
	got, err := ask(p.got)
	if err != nil {
		return fmt.Errorf("ask the target for %s: %w", what, err)
	}
	if d := difference("", reflect.ValueOf(got), reflect.ValueOf(want)); d != "" {
		return fmt.Errorf("%w: %s: %s", ErrDiffers, what, d)
	}
	*n = len(want)
	return nil
}

// record asks all questions that begin with one record of the sample.
func (p *pair) record(ctx context.Context, id uuid.UUID, i int, random *rand.Rand) error {
	r, err := both(ctx, p, fmt.Sprintf("record %s", id), &p.Records, func(s Snapshot) (Record, error) { return s.Record(ctx, id) })
	if err != nil {
		return err
	}
	if _, err := both(ctx, p, fmt.Sprintf("sightings of %s", id), &p.Sightings, func(s Snapshot) ([]Sighting, error) {
		return s.Sightings(ctx, id)
	}); err != nil {
		return err
	}
	if r.Article != nil {
		a := r.Article.ID
		if _, err := both(ctx, p, fmt.Sprintf("article %s", a), &p.Articles, func(s Snapshot) (Article, error) { return s.Article(ctx, a) }); err != nil {
			return err
		}
	}
	name := ioc.Defang(r.Type, r.Value)
	sees := everyone()
	if i%2 == 1 {
		sees = public()
	}
	exact := ExactQuery{Keys: []TypedKey{{Type: r.Type, Key: r.Key}}, Visibility: sees, Window: Window{Limit: 20}}
	if _, err := both(ctx, p, "exact search for "+name, &p.Exact, func(s Snapshot) (Matches, error) { return withoutWork(s.Exact(ctx, exact)) }); err != nil {
		return err
	}
	exact.AsOf = r.AddedAt // the state that it was made in
	if _, err := both(ctx, p, "exact search, as of its making, for "+name, &p.Exact, func(s Snapshot) (Matches, error) { return withoutWork(s.Exact(ctx, exact)) }); err != nil {
		return err
	}
	if i%containsEvery == 0 {
		if err := p.contains(ctx, part(r.Key, random), sees); err != nil {
			return err
		}
	}
	if i%relatedEvery == 0 {
		q := RelatedQuery{Matches: []Record{r}, Limit: RelatedLimit, Visibility: sees}
		if _, err := both(ctx, p, "related to "+name, &p.Related, func(s Snapshot) ([]Related, error) { return s.Related(ctx, q) }); err != nil {
			return err
		}
	}
	if i%listEvery == 0 {
		return p.lists(ctx, &r, sees)
	}
	return nil
}

// part returns a piece of a key to look for, of three bytes or more where the
// key has them.
func part(key string, random *rand.Rand) string {
	text := []rune(key)
	if len(text) <= MinTrigram {
		return key
	}
	n := MinTrigram + random.IntN(min(12, len(text)-MinTrigram+1))
	n = min(n, len(text))
	at := random.IntN(len(text) - n + 1)
	return string(text[at : at+n])
}

func (p *pair) contains(ctx context.Context, text string, sees Visibility) error {
	q := ContainsQuery{Needle: Needle{Text: text}, Visibility: sees, Window: Window{Limit: 20}}
	_, err := both(ctx, p, fmt.Sprintf("search for what contains %q", text), &p.Contains, func(s Snapshot) (Matches, error) {
		return withoutWork(s.Contains(ctx, q))
	})
	return err
}

// withoutWork leaves out what engines may differ in.
func withoutWork(m Matches, err error) (Matches, error) {
	m.Work = Work{}
	return m, err
}

// lists walks the lists that a record is in.
func (p *pair) lists(ctx context.Context, r *Record, sees Visibility) error {
	filters := []Filter{
		{Types: []ioc.Type{r.Type}}, {Feeds: []string{r.Feed.Name}}, {Confidences: []ioc.Confidence{r.Confidence}, WithoutWarned: true},
		{Categories: []Category{r.Feed.Category}, Origins: []Origin{r.Origin}},
		{Since: r.UpdatedAt.Add(-time.Hour), Until: r.UpdatedAt.Add(time.Hour)},
	}
	if len(r.Tags) > 0 {
		filters = append(filters, Filter{Tags: r.Tags[:1]})
	}
	if r.Article != nil {
		filters = append(filters, Filter{Article: r.Article.ID})
	}
	for _, f := range filters {
		f.Visibility = sees
		if err := p.walk(ctx, f, 2); err != nil {
			return err
		}
	}
	return nil
}

// walk compares the first pages of a list.
func (p *pair) walk(ctx context.Context, f Filter, pages int) error {
	page := Page{Limit: 50}
	for n := range pages {
		l, err := both(ctx, p, fmt.Sprintf("page %d of the list of %s", n+1, f.text()), &p.Lists, func(s Snapshot) (List, error) { return s.List(ctx, f, page) })
		if err != nil || l.Next == nil {
			return err
		}
		page = Page{Limit: 50, After: l.Next}
	}
	return nil
}

// text names what narrows the filter.
func (f Filter) text() string {
	var b strings.Builder
	v := reflect.ValueOf(f)
	for i := range v.NumField() {
		if field := v.Field(i); !field.IsZero() {
			fmt.Fprintf(&b, "%s %v, ", v.Type().Field(i).Name, field.Interface())
		}
	}
	return strings.TrimSuffix(b.String(), ", ")
}

// both asks both stores, compares, and counts what they agreed on.
func both[T any](ctx context.Context, p *pair, what string, n *int, ask func(Snapshot) (T, error)) (T, error) {
	want, err := view(ctx, p.want, ask)
	if err != nil {
		return want, fmt.Errorf("ask the source for %s: %w", what, err)
	}
	got, err := view(ctx, p.got, ask)
	if errors.Is(err, ErrNotFound) {
		return want, fmt.Errorf("%w: %s: it is missing", ErrDiffers, what)
	}
	if err != nil {
		return want, fmt.Errorf("ask the target for %s: %w", what, err)
	}
	if d := difference("", reflect.ValueOf(got), reflect.ValueOf(want)); d != "" {
		return want, fmt.Errorf("%w: %s: %s", ErrDiffers, what, d)
	}
	*n++
	return want, nil
}

func view[T any](ctx context.Context, v Viewer, ask func(Snapshot) (T, error)) (answer T, err error) {
	err = v.View(ctx, func(s Snapshot) error {
		answer, err = ask(s)
		return err
	})
	return answer, err
}

// difference names the first part in which two values differ, or returns "". A
// list that is nil equals one that is empty.
func difference(at string, got, want reflect.Value) string {
	if t, ok := got.Interface().(time.Time); ok {
		if u, ok := want.Interface().(time.Time); ok && t.Equal(u) {
			return ""
		}
		return unequal(at, got, want)
	}
	switch got.Kind() { //nolint:exhaustive // the others are compared whole
	case reflect.Struct:
		for i := range got.NumField() {
			if d := difference(at+"."+got.Type().Field(i).Name, got.Field(i), want.Field(i)); d != "" {
				return d
			}
		}
		return ""
	case reflect.Pointer:
		if got.IsNil() || want.IsNil() {
			if got.IsNil() && want.IsNil() {
				return ""
			}
			return unequal(at, got, want)
		}
		return difference(at, got.Elem(), want.Elem())
	case reflect.Slice:
		for i := range min(got.Len(), want.Len()) {
			if d := difference(fmt.Sprintf("%s[%d]", at, i), got.Index(i), want.Index(i)); d != "" {
				return d
			}
		}
		if got.Len() != want.Len() {
			return fmt.Sprintf("%s has %d entries, want %d", at, got.Len(), want.Len())
		}
		return ""
	}
	if !reflect.DeepEqual(got.Interface(), want.Interface()) {
		return unequal(at, got, want)
	}
	return ""
}

func unequal(at string, got, want reflect.Value) string {
	return fmt.Sprintf("%s is %v, want %v", at, got.Interface(), want.Interface())
}
