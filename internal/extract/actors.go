package extract

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed actors.txt
var actorsText string

// maxActors is how many threat actors a report is said to be about; a report
// that names more is an overview.
const maxActors = 20

// actorNames finds names by their first word.
type actorNames map[string][]actorName

type actorName struct{ written, kept string }

//nolint:gochecknoglobals // read-only, from an embedded file
var knownActors = sync.OnceValue(func() actorNames {
	all := actorNames{}
	for line := range strings.Lines(actorsText) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		names := strings.Split(line, " | ")
		for _, name := range names {
			head := actorWord(name)
			all[head] = append(all[head], actorName{name, names[0]})
		}
	}
	for _, names := range all {
		// The longer name first: Lazarus Group before Lazarus.
		slices.SortFunc(names, func(a, b actorName) int { return len(b.written) - len(a.written) })
	}
	return all
})

// Actors returns the threat actors that a text names, each once, in order of
// appearance, under the name that most reports give them; at most twenty.
// Names are looked for as they are written, capitals included, and as whole
// words. Time is linear in the text.
func Actors(text string) []string {
	known := knownActors()
	var found []string
	for i := 0; i < len(text) && len(found) < maxActors; {
		if !startsName(text, i) {
			i++
			continue
		}
		word := actorWord(text[i:])
		name, n := actorAt(known, text[i:], word)
		if n == 0 {
			i += max(len(word), 1)
			continue
		}
		if !slices.Contains(found, name) {
			found = append(found, strings.Clone(name))
		}
		i += n
	}
	return found
}

// startsName reports whether a word that could be a name begins at text[i].
func startsName(text string, i int) bool {
	c := text[i]
	if c < 'A' || c > 'Z' && c != 'm' && c != 'e' {
		return false
	}
	return i == 0 || !isNameByte(text[i-1]) && text[i-1] != '.' && text[i-1] != '/' && text[i-1] != '\\' && text[i-1] != '@'
}

// actorWord is the run of letters, digits and dashes that s begins with.
func actorWord(s string) string {
	n := 0
	for n < len(s) && n < maxActorWord && isNameByte(s[n]) {
		n++
	}
	return s[:n]
}

const maxActorWord = 40

func isNameByte(c byte) bool { return isAlnum(c) || c == '-' || c == '_' || c >= 0x80 }

// actorAt returns the name that s begins with, and how long it is there.
func actorAt(known actorNames, s, word string) (name string, length int) {
	for _, a := range known[word] {
		if strings.HasPrefix(s, a.written) && endsName(s[len(a.written):]) {
			return a.kept, len(a.written)
		}
	}
	if isNumbered(word) && endsName(s[len(word):]) {
		return word, len(word)
	}
	return "", 0
}

// endsName reports whether a name ends before rest: at a border of words that
// is not the dot or slash of an address.
func endsName(rest string) bool {
	if rest == "" || !isNameByte(rest[0]) && rest[0] != '.' && rest[0] != '/' && rest[0] != '\\' && rest[0] != '@' {
		return true
	}
	return rest[0] != '@' && !isNameByte(rest[0]) && (len(rest) == 1 || !isNameByte(rest[1]))
}

// isNumbered reports whether a word is one of the names that vendors count.
func isNumbered(word string) bool {
	for _, series := range [...]struct {
		prefix   string
		min, max int // digits
	}{{"APT", 1, 2}, {"FIN", 1, 2}, {"UNC", 3, 4}, {"TA", 3, 4}, {"TEMP-", 3, 4}, {"Storm-", 4, 4}, {"DEV-", 4, 4}, {"UAC-", 4, 4}, {"UAT-", 4, 4}} {
		digits, ok := strings.CutPrefix(word, series.prefix)
		if ok && len(digits) >= series.min && len(digits) <= series.max && strings.Trim(digits, "0123456789") == "" {
			// TA0001 is a tactic of ATT&CK.
			return series.prefix != "TA" || digits[0] != '0'
		}
	}
	return false
}
