package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bench is one run of the whole measurement.
type bench struct {
	options
	work           string
	stdout, stderr io.Writer
	product        product
	server, static *process
	key            string
	imported       string // what was imported
}

const (
	starts       = 5
	mixedQueries = 10_000
)

// figures is what a run found.
type figures struct {
	source     string
	imported   imported
	again      imported
	records    int
	disk       int64
	classes    []measured
	start      time.Duration
	rssAnon    int64
	rssAtEnd   int64
	comparison *comparison
}

// measured is a class with the medians of its rounds.
type measured struct {
	class
	bytes              int64
	p50, p95, p99      time.Duration
	perSecond          float64
	staticPerSecond    float64
	ratio              float64
	answers, surprises int64
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.stderr, time.Now().Format(time.TimeOnly)+" "+format+"\n", args...)
}

func (b *bench) run(ctx context.Context) (err error) {
	logFile, err := os.Create(filepath.Join(b.work, "spoor.log"))
	if err != nil {
		return fmt.Errorf("make log: %w", err)
	}
	defer func() {
		if err = errors.Join(err, logFile.Close()); err != nil {
			b.tail(logFile.Name())
		}
	}()
	var f figures
	b.product = product{binary: b.spoor, data: filepath.Join(b.work, "data"), stderr: logFile}
	if err := b.load(ctx, &f); err != nil {
		return err
	}
	if err := b.again(ctx, &f); err != nil {
		return err
	}
	s, err := readSet(b.product.storePath())
	if err != nil {
		return err
	}
	f.records = len(s.entries)
	r := rand.New(rand.NewPCG(b.seed, 2)) //nolint:gosec // repeatable on purpose
	b.say("drawing needles from %d records", f.records)
	exact, contains := exactClasses(s, r), containsClasses(s, r)
	all := b.chosen(append(exact, contains...))
	if len(all) == 0 {
		return fmt.Errorf("choose classes: none has %q in its name", b.only)
	}
	if err := b.startTimes(ctx, logFile, &f, exact[0]); err != nil {
		return err
	}
	if err := b.serve(ctx, logFile); err != nil {
		return err
	}
	err = b.measure(ctx, &f, r, all)
	if err == nil && b.postgres != "" {
		err = b.compareContains(ctx, &f, all)
	}
	// What was measured before something failed is still a result.
	return errors.Join(err, b.server.stop(), b.static.stop(), f.print(b.stdout, b.options), f.wrong())
}

// tail shows the end of the log of a run that failed.
func (b *bench) tail(path string) {
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	fmt.Fprintf(b.stderr, "the last of the log:\n%s\n", strings.Join(lines[max(0, len(lines)-10):], "\n"))
}

// load imports the set and measures what that took.
func (b *bench) load(ctx context.Context, f *figures) error {
	path := b.set
	f.source = "the set in " + path
	if b.rows > 0 {
		path = filepath.Join(b.work, "generated.csv")
		f.source = fmt.Sprintf("%d generated rows", b.rows)
		b.say("generating %d rows", b.rows)
		if err := generate(path, b.rows, b.seed); err != nil {
			return err
		}
	}
	var err error
	b.say("importing %s", path)
	if f.imported, err = b.product.importSet(ctx, path); err != nil {
		return err
	}
	b.imported = path
	f.disk, err = b.product.diskBytes()
	return err
}

// again imports the same set once more, which must change nothing, and makes
// the key that everything is asked with.
func (b *bench) again(ctx context.Context, f *figures) (err error) {
	b.say("importing it again")
	if f.again, err = b.product.importSet(ctx, b.imported); err != nil {
		return err
	}
	b.key, err = b.product.key(ctx)
	return err
}

func (b *bench) chosen(all []class) []class {
	var some []class
	for _, c := range all {
		if strings.Contains(c.name, b.only) {
			some = append(some, c)
		}
	}
	return some
}

func (b *bench) startTimes(ctx context.Context, log io.Writer, f *figures, exact class) error {
	b.say("starting %d times", starts)
	var times []time.Duration
	for i := range starts {
		took, err := b.product.firstAnswer(ctx, log, exact.target(exact.queries[i]), b.key)
		if err != nil {
			return err
		}
		times = append(times, took)
	}
	f.start = median(times)
	return nil
}

// serve starts the server under test and the yardstick.
func (b *bench) serve(ctx context.Context, log io.Writer) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	if b.server, err = b.product.serve(ctx, log); err != nil {
		return err
	}
	if b.static, err = start(ctx, log, self, "-static"); err != nil {
		return errors.Join(err, b.server.stop())
	}
	return nil
}

func (b *bench) requests(c class, limit int) [][]byte {
	out := make([][]byte, 0, min(limit, len(c.queries)))
	for _, q := range c.queries[:min(limit, len(c.queries))] {
		out = append(out, request(b.server.address, c.target(q), b.key))
	}
	return out
}

func (b *bench) measure(ctx context.Context, f *figures, r *rand.Rand, all []class) error {
	if err := b.memory(ctx, f, r, all); err != nil {
		return err
	}
	for _, c := range all {
		b.say("%s", c.name)
		m, err := b.measureClass(ctx, c)
		if err != nil {
			return fmt.Errorf("measure %s: %w", c.name, err)
		}
		f.classes = append(f.classes, m)
	}
	var err error
	f.rssAtEnd, err = b.server.rssAnon()
	return err
}

// memory asks a mixture of all classes and then reads what the server holds.
func (b *bench) memory(ctx context.Context, f *figures, r *rand.Rand, all []class) error {
	b.say("%d mixed queries", mixedQueries)
	var mixed [][]byte
	for _, c := range all {
		mixed = append(mixed, b.requests(c, mixedQueries/len(all)+1)...)
	}
	r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	s := &script{address: b.server.address, requests: mixed}
	if _, err := s.drive(ctx, b.connections, 0, mixedQueries); err != nil {
		return fmt.Errorf("mixed queries: %w", err)
	}
	var err error
	f.rssAnon, err = b.server.rssAnon()
	return err
}

// measureClass drives both servers in turn, the order changing every round.
func (b *bench) measureClass(ctx context.Context, c class) (measured, error) {
	m := measured{class: c}
	ours := &script{address: b.server.address, requests: b.requests(c, exactValues), want: c.want}
	warm, err := ours.drive(ctx, b.connections, b.leg/2, 0)
	if err != nil {
		return m, err
	}
	m.bytes = warm.bytes / max(1, int64(len(warm.latencies)))
	size := fmt.Sprintf("/%d", min(m.bytes, maxBody))
	yardstick := &script{address: b.static.address, requests: [][]byte{request(b.static.address, size, b.key)}}
	if _, err := yardstick.drive(ctx, b.connections, b.leg/4, 0); err != nil {
		return m, err
	}
	var p50, p95, p99 []time.Duration
	var rates, staticRates, ratios []float64
	for round := range b.rounds {
		order := []*script{yardstick, ours}
		if round%2 == 1 {
			order[0], order[1] = order[1], order[0]
		}
		legs := map[*script]leg{}
		for _, s := range order {
			if legs[s], err = s.drive(ctx, b.connections, b.leg, 0); err != nil {
				return m, err
			}
		}
		l := legs[ours]
		p50, p95, p99 = append(p50, l.percentile(50)), append(p95, l.percentile(95)), append(p99, l.percentile(99))
		rates, staticRates = append(rates, l.perSecond()), append(staticRates, legs[yardstick].perSecond())
		ratios = append(ratios, l.perSecond()/legs[yardstick].perSecond())
		m.answers += int64(len(l.latencies))
		m.surprises += l.surprises
	}
	m.p50, m.p95, m.p99 = median(p50), median(p95), median(p99)
	m.perSecond, m.staticPerSecond, m.ratio = median(rates), median(staticRates), median(ratios)
	return m, nil
}

func (b *bench) compareContains(ctx context.Context, f *figures, all []class) error {
	var queries []comparedQueries
	for _, c := range all {
		if c.contains {
			queries = append(queries, comparedQueries{class: c, requests: b.requests(c, needles)})
		}
	}
	result, err := compare(ctx, b.options, b.work, b.product.storePath(), b.server.address, b.say, queries)
	f.comparison = &result
	return err
}
