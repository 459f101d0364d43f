package feed

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
)

// maltrailParser reads Maltrail trail files: lines of indicators under comment
// lines that name where they come from.
//
// The rules, from reading all trail files:
//
//   - "# Reference: URL", in its many misspellings, names a source. References
//     that no indicator separates are one block: one Article, the first its
//     URL, the rest its OtherURLs. The next reference after an indicator
//     begins a new block. A comment that is only a URL continues the reference
//     on the line above; where it opens a paragraph after indicators, it is a
//     reference whose word was forgotten.
//   - A reference that holds no URL ("curl -vv", a search-engine query) begins
//     a block without an article: what follows is not from the block before.
//   - A comment that opens a paragraph after indicators is a heading
//     ("Generic", "Misc.", "APK", a registrar's name): what follows does not
//     come from the reference above, and has no article. Two exceptions: where
//     the block's own indicators began under a heading, further headings only
//     divide the same report; and "Generic" and "Misc" end a block wherever
//     they stand.
//   - "# KEY=value" (TITLE-HOST=, BANNER_0_HASH-HOST=, REGEX=) and "# Note"
//     explain how the block's indicators were found. They begin nothing.
//   - Any other comment directly above or below other lines is an indicator
//     that was commented out, or an explanation. It begins nothing.
//   - "# Aliases: a, b" give families; a CVE among them is a tag.
//   - All other lines are indicators, one a line, with an optional trailing
//     " # comment". Regular expressions over names are skipped as such.
type maltrailParser struct{}

// Parse implements Parser.
func (maltrailParser) Parse(ctx context.Context, r io.Reader, src Source, sink Sink) error {
	in, trail := newLines(r), newTrail(src.Name)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		line, long, err := in.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line = bytes.TrimSpace(line)
		switch {
		case long:
			err = sink.Skip(in.tooLong())
			trail.last, trail.started = lineIndicator, true
		case len(line) == 0:
			trail.last = lineBlank
		case line[0] == '#':
			trail.comment(string(bytes.TrimSpace(bytes.TrimLeft(line, "#"))))
		default:
			err = trail.indicator(in.where(), line, sink)
		}
		if err != nil {
			return err
		}
	}
}

// detectMaltrail wants the project's own header, or reference lines above
// indicator lines.
func detectMaltrail(_ string, head []byte) bool {
	references, indicators, others := 0, 0, 0
	for raw := range bytes.Lines(head) {
		line := bytes.TrimSpace(raw)
		switch {
		case len(line) == 0:
		case line[0] != '#':
			if value, _ := cutComment(line, "#"); oneToken(value) {
				indicators++
			} else {
				others++
			}
		case bytes.Contains(line, []byte("Maltrail developers")):
			return true
		default:
			text := string(bytes.TrimSpace(bytes.TrimLeft(line, "#")))
			if rest, ok := cutReference(text); ok && findURL(rest) != "" {
				references++
			}
		}
	}
	return references > 0 && indicators > 0 && others*20 <= indicators
}

// lineKind is what stood on the line above.
type lineKind uint8

const (
	lineBlank lineKind = iota
	lineComment
	lineReference
	lineIndicator
)

// trail is the state of one file: what the next indicator line belongs to.
type trail struct {
	last lineKind
	// article is nil outside of a block.
	article *Article
	// inBlock is true from a block's first reference until it ends.
	inBlock bool
	// started is true once the block, or the file's head, had an indicator.
	started bool
	// divided is true when the block's indicators began under a heading.
	divided bool

	tags, families []string
}

func newTrail(name string) *trail {
	tags, families := trailName(name)
	return &trail{tags: tags, families: families}
}

// comment reads a comment line, without its marks.
func (t *trail) comment(text string) {
	above := t.last
	t.last = lineComment
	if rest, ok := cutReference(text); ok {
		t.last = lineReference
		t.reference(findURL(rest))
		return
	}
	if word, _, _ := strings.Cut(text, " "); isURL(word) && t.missingWord(word, above) {
		t.last = lineReference
		t.reference(word)
		return
	}
	if rest, ok := cutWord(text, "aliases"); ok {
		t.aliases(rest)
		return
	}
	if above == lineBlank && isHeading(text) {
		t.heading(text)
	}
}

// missingWord reports whether a comment that begins with a URL is a reference
// rather than an indicator that was commented out.
func (t *trail) missingWord(url string, above lineKind) bool {
	if above == lineReference {
		return true
	}
	_, path, _ := strings.Cut(url, "://")
	return above == lineBlank && t.started && strings.Contains(path, "/")
}

// reference adds a URL to the block, which it begins after indicators.
func (t *trail) reference(url string) {
	if !isLinkText(url) {
		url = ""
	}
	if t.started || !t.inBlock {
		t.inBlock, t.started, t.divided, t.article = true, false, false, nil
	}
	switch {
	case url == "":
	case t.article == nil:
		t.article = &Article{URL: url}
	case len(t.article.OtherURLs) < maxTags && url != t.article.URL && !contains(t.article.OtherURLs, url):
		t.article.OtherURLs = append(t.article.OtherURLs, url)
	}
}

// heading ends the block or divides it.
func (t *trail) heading(text string) {
	if _, generic := cutWord(text, "generic"); !generic {
		if _, misc := cutWord(text, "misc"); !misc {
			if t.inBlock && !t.started {
				t.divided = true
				return
			}
			if t.divided || !t.started {
				return
			}
		}
	}
	t.inBlock, t.divided, t.article = false, false, nil
}

// aliases reads the list of names after "Aliases:". A remark in parentheses
// at its end is not part of it.
func (t *trail) aliases(list string) {
	list, _, _ = strings.Cut(list, "(")
	// The slices were handed out with items: later names go to new ones.
	t.tags, t.families = clip(t.tags), clip(t.families)
	for name := range strings.SplitSeq(list, ",") {
		switch name = strings.TrimSpace(name); {
		case isURL(name):
		case hasPrefixFold(name, "cve-"):
			t.tags = addTags(t.tags, name)
		default:
			t.families = addTags(t.families, family(name))
		}
	}
}

// indicator hands over one line.
func (t *trail) indicator(where string, line []byte, sink Sink) error {
	t.last, t.started = lineIndicator, true
	value, comment := cutComment(line, "#")
	if isPattern(value) {
		return sink.Skip(Skip{Where: where, Reason: ReasonPattern, Detail: quote(string(value))})
	}
	return sink.Item(Item{
		Where: where, Raw: string(value), Article: t.article, Context: comment,
		Tags: t.tags, Families: t.families,
	})
}

// cutReference cuts the word "Reference" off a comment, once or repeated. In
// the files it is misspelt in some twenty ways; all begin with "refe" and are
// one word of at most twelve letters.
func cutReference(text string) (rest string, ok bool) {
	for {
		word := 0
		for word < len(text) && isLetter(text[word]) {
			word++
		}
		if word < len("refere") || word > 12 || !hasPrefixFold(text, "refe") || !nearReference(text[:word]) {
			return text, ok
		}
		ok = true
		text = strings.TrimLeft(text[word:], ":;# \t")
	}
}

// nearReference keeps ordinary words ("refers", "referral") from passing for
// the misspelt one, which always has a second consonant cluster of n, m, b or c.
func nearReference(word string) bool {
	tail := strings.ToLower(word[len("refe"):])
	return strings.ContainsAny(tail, "nmbc")
}

// cutWord cuts the given word (lower case), in any case, and the punctuation
// after it off text.
func cutWord(text, word string) (rest string, ok bool) {
	if !hasPrefixFold(text, word) || len(text) > len(word) && isLetter(text[len(word)]) {
		return text, false
	}
	return strings.TrimLeft(text[len(word):], ":. \t"), true
}

// findURL returns the first URL in the text of a reference: a word with a
// scheme, also one with a letter too few or too many before it ("ttps://",
// "mhttps://"), or else a leading host and path without a scheme.
func findURL(text string) string {
	for word := range strings.FieldsSeq(text) {
		if i := strings.Index(word, "http"); i >= 0 && strings.Contains(word[i:], ":/") {
			return strings.TrimSuffix(word[i:], ")")
		}
		if strings.HasPrefix(word, "ttp://") || strings.HasPrefix(word, "ttps://") {
			return "h" + word
		}
	}
	word, _, _ := strings.Cut(text, " ")
	host, path, _ := strings.Cut(word, "/")
	if path == "" || !strings.Contains(host, ".") || strings.ContainsAny(host, "():=\"") {
		return ""
	}
	return "https://" + word
}

// isHeading reports whether a comment is words at all, and neither a note nor
// the "KEY=value" of a scanner.
func isHeading(text string) bool {
	if !strings.ContainsFunc(text, func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r > 0x7F
	}) {
		return false
	}
	if _, note := cutWord(strings.TrimLeft(text, "("), "note"); note {
		return false
	}
	key, _, found := strings.Cut(text, "=")
	if found && !strings.ContainsAny(key, " \t") {
		return false
	}
	return true
}

// isPattern reports whether a line is a regular expression: a character class,
// a repetition or an alternative in what would be the host name. Paths and
// URLs hold such characters literally; "[.]" and "\." are defanging.
func isPattern(value []byte) bool {
	if value[0] == '/' || bytes.Contains(value, []byte("://")) {
		return false
	}
	host, _, _ := bytes.Cut(value, []byte{'/'})
	for i, c := range host {
		switch c {
		case '|', '{', '^', '$', '+':
			return true
		case '[':
			if i+2 < len(host) && host[i+2] == '-' {
				return true
			}
		}
	}
	return false
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// clip makes the next append copy.
func clip(s []string) []string { return s[:len(s):len(s)] }
