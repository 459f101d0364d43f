package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

// print writes the figures as Markdown, ready for docs/benchmarks.md.
func (f figures) print(out io.Writer, o options) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d cores, %s; seed %d; %d connections; median of %d rounds of %s\n\n",
		processor(), runtime.NumCPU(), runtime.Version(), o.seed, o.connections, o.rounds, o.leg)
	f.printSet(&b)
	f.printClasses(&b)
	if f.comparison != nil && len(f.comparison.classes) > 0 {
		f.printComparison(&b)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// wrong says when fast answers were not right ones: a known value not found,
// an unknown one found, or rows that PostgreSQL gives otherwise.
func (f figures) wrong() error {
	var surprises, differ int64
	for _, c := range f.classes {
		surprises += c.surprises
	}
	if f.comparison != nil {
		for _, c := range f.comparison.classes {
			differ += int64(c.diff)
		}
	}
	if surprises+differ > 0 {
		return fmt.Errorf("check answers: %d not as expected, %d not as PostgreSQL's", surprises, differ)
	}
	return nil
}

func (f figures) printSet(b *strings.Builder) {
	i := f.imported
	rate := func(n int64, d time.Duration) string { return fmt.Sprintf("%.0f a second", float64(n)/d.Seconds()) }
	fmt.Fprintf(b, "| %s | |\n|---|---|\n", f.source)
	fmt.Fprintf(b, "| records | %d |\n", f.records)
	fmt.Fprintf(b, "| import, files to durable and searchable | %.1f s: %s read, %s new |\n",
		i.elapsed.Seconds(), rate(i.Read, i.elapsed), rate(i.New, i.elapsed))
	fmt.Fprintf(b, "| of these | %d read, %d new, %d updated, %d unchanged, %d merged, %d skipped |\n",
		i.Read, i.New, i.Updated, i.Unchanged, i.Merged, total(i.Skipped))
	fmt.Fprintf(b, "| the same again | %.1f s: %s read; %d new, %d updated, %d unchanged |\n",
		f.again.elapsed.Seconds(), rate(f.again.Read, f.again.elapsed), f.again.New, f.again.Updated, f.again.Unchanged)
	fmt.Fprintf(b, "| disk | %.0f MB, %d bytes a record |\n", mega(f.disk), f.disk/int64(max(1, f.records)))
	fmt.Fprintf(b, "| start to first answer | %.3f s (median of %d) |\n", f.start.Seconds(), starts)
	fmt.Fprintf(b, "| RssAnon after %d mixed queries | %.0f MB; %.0f MB at the end of the run |\n\n", mixedQueries, mega(f.rssAnon), mega(f.rssAtEnd))
}

func (f figures) printClasses(b *strings.Builder) {
	b.WriteString("| class | needles | answer bytes | p50 µs | p95 µs | p99 µs | requests/s | static, same bytes | ratio | |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range f.classes {
		note := c.note
		if c.surprises > 0 {
			note = strings.TrimSpace(fmt.Sprintf("%s %d of %d answers not as expected", note, c.surprises, c.answers))
		}
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %d | %.0f | %.0f | %.2f | %s |\n", c.name, len(c.queries), c.bytes,
			c.p50.Microseconds(), c.p95.Microseconds(), c.p99.Microseconds(), c.perSecond, c.staticPerSecond, c.ratio, note)
	}
	b.WriteString("\n")
}

func (f figures) printComparison(b *strings.Builder) {
	c := f.comparison
	importRate := float64(f.imported.New) / f.imported.elapsed.Seconds()
	ratio := func(theirs time.Duration) string {
		rate := float64(c.rows) / theirs.Seconds()
		return fmt.Sprintf("%.1f s, %.0f records a second; ours ÷ this: %.2f", theirs.Seconds(), rate, importRate/rate)
	}
	fmt.Fprintf(b, "| PostgreSQL %s, the same %d records | |\n|---|---|\n", c.version, c.rows)
	fmt.Fprintf(b, "| COPY into the indexed tables | %s |\n", ratio(c.copyIndexed))
	fmt.Fprintf(b, "| COPY, then the indexes | %s |\n", ratio(c.copyFirst))
	fmt.Fprintf(b, "| disk | %.0f MB, %d bytes a record; ours ÷ this: %.2f |\n\n", mega(c.bytes), c.bytes/max(1, c.rows), float64(f.disk)/float64(c.bytes))
	b.WriteString("One connection each, ours over HTTP, PostgreSQL through pgx over its socket:\n\n")
	b.WriteString("| class | needles | p50 µs | PostgreSQL | ratio | p99 µs | PostgreSQL | answers that differ |\n|---|---|---|---|---|---|---|---|\n")
	for _, k := range c.classes {
		differ := fmt.Sprintf("%d of %d", k.diff, k.answers)
		if k.diff > 0 {
			differ += ": " + k.firstDiff
		}
		fmt.Fprintf(b, "| %s | %d | %d | %d | %.3f | %d | %d | %s |\n", k.name, k.needles, k.ours.Microseconds(), k.theirs.Microseconds(),
			k.ratio, k.oursP99.Microseconds(), k.theirsP99.Microseconds(), differ)
	}
	fmt.Fprintf(b, "| geometric mean | | | | %.3f | | | |\n", c.geometricMean())
}

func total(skipped map[string]int64) int64 {
	var n int64
	for _, count := range skipped {
		n += count
	}
	return n
}

func mega(bytes int64) float64 { return float64(bytes) / 1e6 }

// processor returns the name that the kernel gives it.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
