package extract

import (
	"context"
	"slices"
	"strings"

	"spoor/internal/ioc"
)

// Report is what a text says, as a whole and value by value.
type Report struct {
	// Candidates are in order of appearance.
	Candidates []Candidate
	// Techniques and CVEs are what the text mentions anywhere, in links too:
	// canonical, sorted, each once. Techniques has no tactics, software or
	// groups.
	Techniques, CVEs []string
	// TLP is the marking on a line of its own at either end of the text, the
	// strictest if there are several; zero without one.
	TLP ioc.TLP
	// Teaser says that the text is the beginning of one that goes on
	// elsewhere.
	Teaser bool
}

// Read returns what a plain, Markdown or AsciiDoc text, or one that Render
// returned, says. The error is the context's or ErrLimit; both come with what
// was found until then. No input is refused.
func Read(ctx context.Context, text string, opt Options) (Report, error) {
	s, err := scan(ctx, text, opt)
	return Report{
		Candidates: s.out,
		Techniques: s.techniques.sorted(),
		CVEs:       s.cves.sorted(),
		TLP:        marking(text),
		Teaser:     isTeaser(text),
	}, err
}

// mentions are values that a text names, each once.
type mentions map[string]struct{}

// add keeps a value, in memory of its own, up to more than any report has.
func (m *mentions) add(value string) {
	const most = 10_000
	if _, ok := (*m)[value]; ok || len(*m) >= most {
		return
	}
	if *m == nil {
		*m = mentions{}
	}
	(*m)[strings.Clone(value)] = struct{}{}
}

func (m mentions) sorted() []string {
	if len(m) == 0 {
		return nil
	}
	list := make([]string, 0, len(m))
	for value := range m {
		list = append(list, value)
	}
	slices.Sort(list)
	return list
}

// mention keeps what a report says as a whole.
func (s *scanner) mention(ind ioc.Indicator) {
	switch {
	case ind.Type == ioc.CVE:
		s.cves.add(ind.Value)
	case ind.Type == ioc.MITREAttack && ind.Value[0] == 'T' && ind.Value[1] != 'A':
		s.techniques.add(ind.Value)
	}
}

// edge is how much of each end of a text is looked at for its marking.
const edge = 4 << 10

// marking returns the strictest marking (FIRST, TLP 2.0: the label in
// capitals) on the lines at both ends of a text, where the standard wants it.
func marking(text string) ioc.TLP {
	strictest := markingIn(text[:min(len(text), edge)])
	if len(text) > edge {
		strictest = max(strictest, markingIn(text[max(edge, len(text)-edge):]))
	}
	return strictest
}

func markingIn(text string) ioc.TLP {
	var strictest ioc.TLP
	for {
		i := strings.Index(text, "TLP")
		if i < 0 {
			return strictest
		}
		rest := strings.TrimLeft(text[i+len("TLP"):], " ")
		if strings.HasPrefix(rest, ":") {
			rest = strings.TrimLeft(rest[1:], " ")
			word := markWord(rest)
			if t, err := ioc.ParseTLP(word); err == nil && marksLine(text[:i], rest[len(word):]) {
				strictest = max(strictest, t)
			}
		}
		text = text[i+len("TLP"):]
	}
}

// markWord is the word of a marking at the start of s.
func markWord(s string) string {
	n := 0
	for n < len(s) && s[n] >= 'A' && s[n] <= 'Z' {
		n++
	}
	if s[:n] == "AMBER" && (strings.HasPrefix(s[n:], "+STRICT") || strings.HasPrefix(s[n:], "-STRICT")) {
		n += len("+STRICT")
	}
	if n < len(s) && (isAlnum(s[n]) || s[n] == '_') {
		return ""
	}
	return s[:n]
}

// marksLine says that a marking between before and after marks the text, and
// is not what a sentence speaks about: it begins or ends a line, or stands on
// a short one.
func marksLine(before, after string) bool {
	const short = 60
	before = before[strings.LastIndexByte(before, '\n')+1:]
	if i := strings.IndexByte(after, '\n'); i >= 0 {
		after = after[:i]
	}
	const marks = " \t\r#*_|[](){}>-=:/\"'`"
	return len(before)+len(after) <= short || strings.Trim(before, marks) == "" || strings.Trim(after, marks) == ""
}

// isTeaser says that a text is short and ends as the beginnings of articles
// do that feeds carry.
func isTeaser(text string) bool {
	const longest, tail = 2000, 200
	text = strings.TrimRight(text, " \t\r\n\u00a0")
	if len(text) > longest {
		return false
	}
	end := strings.ToLower(text[max(0, len(text)-tail):])
	for _, mark := range [...]string{"…", "...", "[…]", "[...]", "(more)", "»", "→", "read more", "continue reading",
		"read more.", "more…", "full story", "read the full article", "weiterlesen", "lire la suite"} {
		if strings.HasSuffix(end, mark) {
			return true
		}
	}
	// "The post … appeared first on …": WordPress's last line of a summary.
	return strings.Contains(end, "the post ") && strings.Contains(end, " appeared first on ")
}
