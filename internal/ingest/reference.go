package ingest

import (
	"strings"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// introLines is how far into a document its own address is looked for: reports
// name it in the first paragraphs.
const introLines = 60

// behind is how far behind a link a cue may stand, in bytes.
const behind = 160

// cues are the words of which one stands near the address of a report: before
// it in the same section, or just behind it. Without any, a link is a link.
//
//nolint:gochecknoglobals // read-only table
var cues = []string{"blog", "post", "paper", "report", "article", "research", "publi", "available", "detail", "analysis", "read "}

// articleURL finds the address under which a report was published, in the
// report's own words ("the blog post is available at https://..."), or returns
// an empty text. It is the first such link in running text that leads to a
// page and not just to a site. Links in literal text, tables, code and bare
// list items are what the report is about, and so is everything defanged.
func articleURL(text string) string {
	literal := false
	var section strings.Builder
	for range introLines {
		line, rest, more := strings.Cut(text, "\n")
		text = rest
		line = strings.TrimSpace(line)
		switch {
		case isFence(line):
			literal = !literal
		case literal || isAside(line):
		case strings.HasPrefix(line, "="), strings.HasPrefix(line, "#"): // a heading
			section.Reset()
		default:
			link, before, after := pageLink(line)
			section.WriteString(before)
			section.WriteByte(' ')
			if link == "" {
				break
			}
			after += " " + rest[:min(len(rest), behind)]
			if hasCue(section.String()) || hasCue(after[:min(len(after), behind)]) {
				return link
			}
		}
		if !more {
			break
		}
	}
	return ""
}

func hasCue(words string) bool {
	words = strings.ToLower(words)
	for _, cue := range cues {
		if strings.Contains(words, cue) {
			return true
		}
	}
	return false
}

// isAside reports a line that is no running text: a table row, an AsciiDoc
// attribute (":name: value"), a comment.
func isAside(line string) bool {
	if strings.HasPrefix(line, ":") {
		return strings.Contains(line[1:], ": ")
	}
	return strings.HasPrefix(line, "|") || strings.HasPrefix(line, "//") || strings.HasPrefix(line, "<!--")
}

// isFence reports the delimiter of a literal block, of AsciiDoc ("----",
// "....", "|===") or Markdown ("```").
func isFence(line string) bool {
	if strings.HasPrefix(line, "```") || strings.HasPrefix(line, "|===") {
		return true
	}
	return len(line) >= 4 && (strings.Trim(line, "-") == "" || strings.Trim(line, ".") == "")
}

// pageLink returns the first link of a line of running text and what stands
// before and behind it: all of the line is before when there is none.
func pageLink(line string) (link, before, after string) {
	for from := 0; ; {
		i := strings.Index(line[from:], "http")
		if i < 0 {
			return "", line, ""
		}
		at := from + i
		from = at + len("http")
		if !isWeb(line[at:]) || inCode(line[:at]) || isBareItem(line, at) {
			continue
		}
		end := strings.IndexAny(line[at:], " \t[]()<>\"'`")
		if end < 0 {
			end = len(line) - at
		}
		if isDefangMark(line[at+end:]) {
			continue
		}
		if link := strings.TrimRight(line[at:at+end], ".,;:!?*_"); leadsToPage(link) {
			return link, line[:at], line[at+end:]
		}
	}
}

// isDefangMark tells the bracket of a defanged address from the one around an
// AsciiDoc link's text.
func isDefangMark(s string) bool {
	return strings.HasPrefix(s, "[.]") || strings.HasPrefix(s, "[:]") || strings.HasPrefix(s, "[://") || strings.HasPrefix(s, "(.)")
}

// inCode reports whether what follows is inside `code` or ++literal++ text.
func inCode(before string) bool {
	return strings.Count(before, "`")%2 == 1 || strings.Count(before, "++")%2 == 1
}

// isBareItem reports whether the link at that place is all of a list item: an
// indicator that nobody defanged.
func isBareItem(line string, at int) bool {
	mark := strings.TrimSpace(line[:at])
	if mark == "" || strings.Trim(mark, "*-+•") != "" {
		return false
	}
	return !strings.ContainsAny(line[at:], " [")
}

// leadsToPage reports whether a link has a path beyond the site's front page,
// on a host with a name.
func leadsToPage(link string) bool {
	ind, err := ioc.Normalise(ioc.URL, link)
	if err != nil {
		return false
	}
	from, to := store.Host(ioc.URL, ind.Key)
	if _, err := ioc.Normalise(ioc.Domain, ind.Key[from:to]); err != nil {
		return false
	}
	_, page, _ := strings.Cut(ind.Key[to:], "/") // past the port
	return strings.Trim(page, "/") != ""
}

// ownKeys returns what a report's own address looks like as an indicator,
// which it is not.
func ownKeys(link string) map[string]bool {
	if link == "" {
		return nil
	}
	ind, err := ioc.Normalise(ioc.URL, link)
	if err != nil {
		return nil
	}
	from, to := store.Host(ioc.URL, ind.Key)
	host := ind.Key[from:to]
	return map[string]bool{
		ind.Key: true, host: true, strings.TrimPrefix(host, "www."): true,
		"http://" + host + "/": true, "https://" + host + "/": true,
	}
}
