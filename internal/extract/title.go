package extract

import "strings"

// captionOf is the subject that a line without a heading's markup gives to
// what follows: a title line of its own, "C2 servers:", ".Domains". A
// paragraph that is neither leaves things as they are.
func (p *place) captionOf(line string, doc *facts) area {
	const longest, longestIntro = 60, 200
	p.titles.keysKnown = unasked
	intro := line[len(line)-1] == ':' || strings.HasSuffix(line, ":**")
	if len(line) > longest && !(intro && len(line) <= longestIntro) {
		p.intro, p.titles.intro = neutral, ""
		if p.introduced && p.listed {
			p.introduced, p.titles.caption = false, ""
			return neutral // prose behind the list that a line with a colon announced
		}
		return p.caption
	}
	block := doc.asciidoc && line[0] == '.' && len(line) > 1 && isAlnum(line[1])
	bold := strings.HasPrefix(line, "**") && strings.HasSuffix(strings.TrimRight(line, ":"), "**")
	title := p.blank || p.last == "" || isDigestTitle(line)
	if !intro && !block && !bold && !(title && isTableTitle(line)) && !(title && strings.Count(line, " ") < 5 && !strings.ContainsAny(line, ".,;")) {
		return p.caption
	}
	p.intro, p.titles.intro = neutral, ""
	subject := subjectOf(line)
	said := line
	if intro {
		said = p.sentence(line)
		subject = subjectOf(said)
	}
	if i := strings.Index(line, ": "); i > 0 && !bold && !block && subject != references {
		subject = subjectOf(line[i+1:]) // "IOC list: GitHub" is no title, "Appendix A: IOCs" is one
	}
	if intro && refersReader(said) {
		subject = references
	}
	if intro && (len(line) > longest/2 || subject == references) {
		p.intro, p.titles.intro = subject, line
		return p.caption
	}
	if isTableTitle(line) {
		p.titles.caption = line
		return subject
	}
	if subject == neutral && !bold {
		if intro {
			p.titles.intro = line
		}
		if block {
			p.titles.caption = line
		}
		if (intro && p.caption == references) || hasWord(line, otherTitles) {
			p.titles.caption = line
			return neutral
		}
		return p.caption
	}
	p.titles.caption, p.titles.intro = line, ""
	p.introduced, p.listed = intro && !bold && !block, false
	return subject
}

// isTableTitle reads "Table 2: …": what stood before has ended.
func isTableTitle(line string) bool {
	word, rest, _ := strings.Cut(line, " ")
	return numberedTitles.has(word) && rest != "" && classes[rest[0]]&isDigit != 0
}

// sentence is what of the current sentence stands up to the end of the
// current line.
func (p *place) sentence(line string) string {
	const longest = 400
	said := line
	if !p.blank && p.kind == paragraph && p.end-p.began <= longest && p.began <= p.start {
		said = p.text[p.began:p.end]
	}
	for i := len(said) - 1; i > 0; i-- {
		if isStop(said, i-1) {
			return said[i:]
		}
	}
	return said
}

// refersReader says that a line that ends in a colon announces something to
// read: "The full report is available here:".
func refersReader(line string) bool {
	n := 0
	for w := range strings.FieldsFuncSeq(line, notWordFold) {
		if readWords.has(w) {
			n++
		}
		if badWords.has(w) && !readWords.has(w) {
			return false
		}
	}
	return n > 0
}

// labelled reads "Reference: https://…" and "C2: …": a label that makes the
// line one.
func (p *place) labelled(line string) {
	const longest = 40
	i := strings.IndexByte(line, ':')
	if i < 0 || i > longest || strings.HasPrefix(line[i:], "://") {
		return
	}
	switch subjectOf(line[:i]) {
	case references:
		p.reference = true
	case network:
		p.label = network
	}
}

// subjectOf classifies a heading, a caption or a label by its words.
func subjectOf(line string) area {
	const longest = 200
	if len(line) > longest {
		return neutral
	}
	found, strong, before := neutral, false, ""
	for w := range strings.FieldsFuncSeq(line, notWordFold) {
		w = strings.Trim(w, "-")
		last := before
		before = w
		switch {
		case foldPrefix(w, "based") && foldPrefix(last, "host"):
			found = files // "host based indicators"
		case referenceTitles.has(w):
			return references
		case strongTitles.has(w):
			found, strong = network, true
		case fileTitles.has(w):
			if !strong {
				found = files
			}
		case networkTitles.has(w):
			if found != files {
				found = network
			}
		}
	}
	if found == neutral && strings.Contains(strings.ToLower(line), "command and control") {
		return network
	}
	return found
}

// hasWord says that one of the words of a line is in a set.
func hasWord(line string, set *words) bool {
	for w := range strings.FieldsFuncSeq(line, notWordFold) {
		if set.has(w) {
			return true
		}
	}
	return false
}

func notWord(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '&' || r == '-' || r > 0x7f)
}
