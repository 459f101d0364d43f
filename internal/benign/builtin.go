package benign

import (
	"embed"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"sync"

	"spoor/internal/ioc"
)

//go:embed builtin/*.txt
var builtinFiles embed.FS

// builtinList is one of our own lists: a file of entries under headings.
type builtinList struct {
	name    string
	class   class
	uploads bool
	tops    bool // has top-level names, which nobody has mail below
}

//nolint:gochecknoglobals // read-only table
var builtinLists = []builtinList{
	{name: "special-purpose-addresses", class: classes[reserved]},
	{name: "special-use-names", class: classes[reserved], tops: true},
	{name: "examples", class: classes[example], tops: true},
	{name: "known-good-names", class: classes[own]},
	{name: "analysis-sites", class: classes[site]},
	{name: "shared-services", class: classes[own], uploads: true},
	{name: "public-resolvers", class: classes[own]},
	{name: "harmless-files", class: classes[own]},
}

// builtin is compiled once: its files do not change.
//
//nolint:gochecknoglobals // read-only, from embedded files
var builtin = sync.OnceValue(func() *Lists {
	b := newBuilder()
	for _, l := range builtinLists {
		text, err := builtinFiles.ReadFile("builtin/" + l.name + ".txt")
		if err == nil {
			err = l.compile(b, string(text))
		}
		if err != nil {
			panic(fmt.Sprintf("built-in list %s: %v", l.name, err)) // impossible: a test reads them all
		}
	}
	return &Lists{base: b.layer()}
})

// Builtin returns our own lists: special-purpose addresses and names, names
// that everyone knows, public resolvers, files that harm nobody. All are Strong
// but the list "examples" of what is reserved for documentation and tests: those
// values are used, so they are no news in running text, and meant where they are
// listed.
func Builtin() *Lists { return builtin() }

// compile reads a file of ours: comments, headings "= words" that say what the
// entries below them are, and entries: a range, an indicator, or a name, which
// stands for all names below it as well.
func (l builtinList) compile(b *builder, text string) error {
	headed := false
	for line := range lines(text) {
		if says, ok := strings.CutPrefix(line, "= "); ok {
			b.begin(list{name: l.name, says: says, strength: l.class.strength, across: l.class.across, uploads: l.uploads})
			headed = true
			continue
		}
		if !headed {
			return fmt.Errorf("%q stands under no heading", line)
		}
		if err := l.entry(b, line); err != nil {
			return err
		}
	}
	return nil
}

func (l builtinList) entry(b *builder, e string) error {
	c := compiler{b: b, types: setOf(ioc.Types()...) &^ setOf(ioc.Email), class: l.class}
	if l.tops {
		c.types = setOf(ioc.Types()...) // mail there reaches nobody either
		if !strings.ContainsAny(e, ".:") {
			// A top-level name is no indicator, but stands above some.
			c.name(e, onName|onBelow)
			return nil
		}
	}
	if p, err := netip.ParsePrefix(e); err == nil && p.Masked() == p {
		return refused(e, c.cidr(e))
	}
	ind, err := ioc.Identify(e)
	if err != nil {
		return fmt.Errorf("read entry: %w", err)
	}
	if ind.Value != e {
		return fmt.Errorf("%q is not its canonical form", e)
	}
	if ind.Type == ioc.Domain {
		return refused(e, c.name(e, onName|onBelow))
	}
	return refused(e, c.text(e))
}

func refused(entry, reason string) error {
	if reason == "" {
		return nil
	}
	return fmt.Errorf("%q: %s", entry, reason)
}

// lines returns the lines of a file of ours that say something.
func lines(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' {
				continue
			}
			if !yield(line) {
				return
			}
		}
	}
}
