package extract

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"spoor/internal/ioc"
)

// DefaultLimit is how many candidates Text returns when Options.Limit is 0.
const DefaultLimit = 100_000

// checkEvery is how many bytes are read between two looks at the context.
const checkEvery = 64 << 10

// ErrLimit is returned, with the candidates found so far, when a text holds
// more of them than Options.Limit.
var ErrLimit = errors.New("more candidates than the limit")

// Candidate is one indicator where it stands in a text.
type Candidate struct {
	// Indicator is the canonical form.
	Indicator ioc.Indicator
	// Raw is the value as written: text[Offset:Offset+len(Raw)]. It shares
	// memory with the text; clone it to outlive the text.
	Raw string
	// Offset is the position of Raw in the text, in bytes: for HTML, in the
	// text that Render returned.
	Offset int
	// Context is the sentence, or the line of a table or list, around Raw, cut
	// between words: at most MaxContext characters of valid UTF-8, white space
	// folded. It may share memory with the text.
	Context string
	// Heading is the nearest heading, caption or introducing line above, at
	// most MaxHeading characters; empty without one.
	Heading string
	// Listed says that the value stands in a section, table, list or block
	// about indicators, or is an entry of its own in a list or table.
	Listed bool
	// Defanged says that the value was written so that it cannot be followed.
	Defanged bool
}

// Options changes what Text returns. The zero value is a sane default.
type Options struct {
	// Limit is the most candidates to return; 0 is DefaultLimit.
	Limit int
	// Distinct drops a value (by type and canonical value) already returned.
	Distinct bool
	// AllLive takes live names, URLs and mail addresses wherever they stand,
	// for input that is a list of indicators by agreement (a bulk look-up)
	// and not a report. What is no name at all (a file, a version) stays out.
	AllLive bool
	// Page is the address of the document, empty if it is not known: live
	// values under its domain are the publisher's own.
	Page string
	// Links are the links of the document where they do not stand in the text
	// (Document.Links of HTML): a live value on one of their hosts is more
	// likely referred to than listed.
	Links []string
}

// Text returns the candidates of a plain, Markdown or AsciiDoc text, or of
// one that Render returned, in order of appearance. Repeated values are
// repeated unless Options.Distinct. The error is the context's or ErrLimit;
// both come with what was found until then. No input is refused.
func Text(ctx context.Context, text string, opt Options) ([]Candidate, error) {
	s, err := scan(ctx, text, opt)
	return s.out, err
}

func scan(ctx context.Context, text string, opt Options) (*scanner, error) {
	if opt.Limit <= 0 {
		opt.Limit = DefaultLimit
	}
	s := &scanner{text: text, opt: opt, doc: survey(text)}
	// Reports have a value in a few hundred bytes; lists are denser and grow.
	s.out = make([]Candidate, 0, min(opt.Limit, 16+len(text)/96, 8192))
	s.own = domainOf(opt.Page)
	if opt.Distinct {
		s.seen = make(map[ioc.Indicator]struct{})
	}
	for start := 0; start < len(text); {
		end := strings.IndexByte(text[start:], '\n')
		if end < 0 {
			end = len(text)
		} else {
			end += start
		}
		s.place.next(text, start, end, s.doc)
		s.steps += end - start
		if err := s.line(ctx, start, end); err != nil {
			return s, err
		}
		start = end + 1
	}
	s.settle()
	return s, nil
}

// scanner walks one text once, from left to right.
type scanner struct {
	text    string
	opt     Options
	doc     *facts
	place   place // of the current line
	end     int   // of the current line
	taken   int   // up to where the line is done with
	last    int   // end of the last indicator
	check   int   // where to look at the context next
	full    bool
	out     []Candidate
	seen    map[ioc.Indicator]struct{}
	hosts   map[string]bool // of the indicators so far: true is one that is listed by itself
	own     string          // the publisher's domain
	linked  linked
	cue     cueCache
	quote   contextCache
	contact contactCache
	above   headingCache

	waiting  []later
	disowned disowned

	techniques, cves mentions

	arena strings.Builder // of values that are not parts of the text
	made  found           // the last of them that dots were put back in

	steps int // bytes looked at, for the test that time is linear
}

// line scans one line chunk by chunk. A chunk is what stands between white
// space; most of them are plain words, and are told from their byte classes
// alone. That is where the speed comes from.
func (s *scanner) line(ctx context.Context, i, end int) error {
	s.end = end
	prev := i
	for i < end {
		if i >= s.check {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("extract text: %w", err)
			}
			s.check = i + checkEvery
		}
		for i < end && classes[s.text[i]]&isSpace != 0 {
			i++
		}
		j, seen := i, class(0)
		for j < end {
			c := classes[s.text[j]]
			if c&isSpace != 0 {
				break
			}
			seen |= c
			j++
		}
		s.steps += j - i
		switch {
		case i == j:
		case isSpacedMark(s.text[i:j]) && prev < i && prev >= s.taken:
			s.chunk(ctx, prev, j)
		case s.taken < j && (worth(s.text[i:j], seen) || s.opensMark(j)):
			s.chunk(ctx, max(i, s.taken), j)
		}
		if s.full {
			return fmt.Errorf("extract text: %w (%d)", ErrLimit, s.opt.Limit)
		}
		prev, i = i, max(j, s.taken)
	}
	return nil
}

// chunk looks at every run of word bytes that begins in text[i:j]. What a run
// turns out to be may reach beyond j (a spaced "dot"), never beyond the line.
func (s *scanner) chunk(ctx context.Context, i, j int) {
	for i < j && !s.full {
		c := classes[s.text[i]]
		switch {
		case c&isWord != 0:
			i = s.word(i)
		case c&isHigh != 0:
			n := wordRune(s.text[i:s.end])
			if n == 0 {
				i += runeLen(s.text[i:])
				continue
			}
			i = s.word(i)
		case s.text[i] == ':' && i+1 < j && s.text[i+1] == ':':
			if n := s.ipv6(i); n > i {
				i = n
				continue
			}
			i += 2
		case s.text[i] == '%' && i+2 < j && allOf(s.text[i+1:i+3], isHex):
			i += 3 // an escape: what follows begins anew
		default:
			i++
		}
		if i >= s.check {
			if ctx.Err() != nil {
				return // line reports it at its next step
			}
			s.check = i + checkEvery
		}
	}
	s.taken = max(s.taken, i)
}

// word reads the construct that begins at i, emits it if it is meant, and
// returns where to go on, always beyond i.
func (s *scanner) word(i int) int {
	if next := s.digest(i); next > i {
		return next
	}
	if n, defanged := schemeAt(s.text[i:s.end]); n > 0 {
		return s.url(i, i+n, defanged)
	}
	r := s.readRun(i)
	s.steps += r.end - i
	if r.end-r.start > maxName {
		return r.end
	}
	if next := s.identifier(r); next > i {
		return next
	}
	if next := s.mail(r); next > i {
		return next
	}
	if next := s.address(r); next > i {
		return next
	}
	return max(r.end, s.name(r))
}

// emit normalises a raw value and appends it, if it is an indicator at all.
func (s *scanner) emit(t ioc.Type, raw found) {
	written := raw.plain
	if written == "" {
		written = s.text[raw.start:raw.end]
	}
	if ind, err := ioc.Normalise(t, written); err == nil {
		s.add(ind, raw)
	}
}

// found is a stretch of text that is one value.
type found struct {
	start, end int
	// plain is the value to normalise, if it is not what is written.
	plain    string
	defanged bool
}

func (s *scanner) add(ind ioc.Indicator, at found) {
	s.last = at.end
	s.remember(ind)
	s.mention(ind)
	if s.opt.Distinct {
		id := ind
		id.Port = 0
		if _, ok := s.seen[id]; ok {
			return
		}
		s.seen[id] = struct{}{}
	}
	if len(s.out) >= s.opt.Limit {
		s.full = true
		return
	}
	s.out = append(s.out, Candidate{
		Indicator: ind,
		Raw:       s.text[at.start:at.end],
		Offset:    at.start,
		Context:   s.around(at.start, at.end),
		Heading:   s.heading(),
		Listed:    s.listed(at),
		Defanged:  at.defanged,
	})
}
