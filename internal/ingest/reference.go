package ingest

import (
	"strings"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// introLines is how far into a document its own address is looked for: reports
// name it in the first paragraphs.
const introLines = 60

// articleURL finds the address under which a report was published, in the
// report's own words ("the blog post is available at https://..."), or returns
// an empty text. It is the first link in running text that leads to a page and
// not just to a site. Links in literal text, tables, code and bare list items
// are what the report is about, and so is everything that is defanged.
func articleURL(text string) string {
	literal := false
	for range introLines {
		line, rest, more := strings.Cut(text, "\n")
		text = rest
		line = strings.TrimSpace(line)
		if isFence(line) {
			literal = !literal
		} else if !literal && !strings.HasPrefix(line, "|") {
			if link := pageLink(line); link != "" {
				return link
			}
		}
		if !more {
			break
		}
	}
	return ""
}

// isFence reports the delimiter of a literal block, of AsciiDoc ("----",
// "....", "|===") or Markdown ("```").
func isFence(line string) bool {
	if strings.HasPrefix(line, "```") || strings.HasPrefix(line, "|===") {
		return true
	}
	return len(line) >= 4 && (strings.Trim(line, "-") == "" || strings.Trim(line, ".") == "")
}

// pageLink returns the first link of a line of running text.
func pageLink(line string) string {
	for from := 0; ; {
		i := strings.Index(line[from:], "http")
		if i < 0 {
			return ""
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
		// A bracket inside the address is a defanged one, or the text of an
		// AsciiDoc link; the latter begins no label of a host name.
		if rest := line[at+end:]; strings.HasPrefix(rest, "[.]") || strings.HasPrefix(rest, "[:]") || strings.HasPrefix(rest, "[://") {
			continue
		}
		if link := strings.TrimRight(line[at:at+end], ".,;:!?*_"); leadsToPage(link) {
			return link
		}
	}
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
