package ingest

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"spoor/internal/extract"
	"spoor/internal/feed"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// Source is a feed as its operator set it up: where it is, how it is read, and
// what its values are worth.
type Source struct {
	// Name identifies the feed for whoever runs it.
	Name string
	// Title is the feed's name in the store, and so in every answer; empty is
	// Name.
	Title string
	// URL is http, https or file; a file's may name a folder.
	URL      string
	Category store.Category
	// Format is one of SourceFormats; empty recognises what is there.
	Format string
	// Interval is the time from one run to the next.
	Interval time.Duration
	// Confidence is the standing of the source: what its values are worth when
	// it does not say. Zero is medium.
	Confidence ioc.Confidence
	// TLP marks what carries no marking of its own; zero is clear.
	TLP ioc.TLP
	// Tags and Industries are added to every record.
	Tags, Industries []string
	// Header is sent with every request to the source's own host: never shown,
	// it may hold a key.
	Header map[string]string
	// Pages says when the pages that a news feed announces are read.
	Pages PageMode
	// MaxChange is the factor by which a copy may shrink or grow before it is
	// held; zero is DefaultMaxChange, below zero nothing is held.
	MaxChange float64
}

// PageMode says when the page of a news feed's entry is fetched.
type PageMode string

// The page modes. Empty is PagesAuto.
const (
	PagesAuto   PageMode = "auto"   // when the feed carries only a teaser
	PagesAlways PageMode = "always" // for every entry
	PagesNever  PageMode = "never"
)

// DefaultMaxChange is the factor of Source.MaxChange when it is not set.
const DefaultMaxChange = 5

// The formats that only a source has: they are read in several requests.
const (
	FormatMISPFeed = "misp-feed" // a manifest and the events it names
	FormatTAXII    = "taxii"     // a collection of a TAXII 2.1 server
)

// SourceFormats returns the names that Source.Format takes, besides the empty
// one.
func SourceFormats() []string {
	names := Formats()
	for _, more := range []string{FormatMISPFeed, FormatTAXII} {
		known := false
		for _, n := range names {
			known = known || n == more
		}
		if !known {
			names = append(names, more)
		}
	}
	return names
}

const (
	minInterval = time.Minute
	maxInterval = 31 * 24 * time.Hour
)

// Check returns an ErrRequest that says what to change when the source cannot
// be meant as it is.
func (s Source) Check() error {
	switch {
	case s.Name == "" || !isFeedName(s.Name):
		return fmt.Errorf("%w: the feed's name has to be printable, at most %d bytes, without space around it", ErrRequest, maxFeedName)
	case s.Title != "" && !isFeedName(s.Title):
		return fmt.Errorf("%w: feed %q: title has to be printable, at most %d bytes, without space around it", ErrRequest, s.Name, maxFeedName)
	case !hasSourceScheme(s.URL):
		return fmt.Errorf("%w: feed %q: url has to begin with https://, http:// or file://", ErrRequest, s.Name)
	case s.Interval < minInterval || s.Interval > maxInterval:
		return fmt.Errorf("%w: feed %q: interval has to be between %s and %s", ErrRequest, s.Name, minInterval, maxInterval)
	case s.MaxChange != 0 && s.MaxChange > -1 && s.MaxChange < 1:
		return fmt.Errorf("%w: feed %q: max_change is a factor of at least 1, or -1 for no limit", ErrRequest, s.Name)
	}
	if _, err := s.form(); err != nil {
		return fmt.Errorf("feed %q: %w", s.Name, err)
	}
	return nil
}

func isFeedName(name string) bool {
	return len(name) <= maxFeedName && strings.TrimSpace(name) == name && printable(name) == name
}

func hasSourceScheme(url string) bool {
	for _, scheme := range [...]string{"https://", "http://", "file://"} {
		if len(url) > len(scheme) && strings.EqualFold(url[:len(scheme)], scheme) {
			return true
		}
	}
	return false
}

// form is how the source's documents are read, nil to recognise each.
func (s Source) form() (*form, error) {
	if s.Format == FormatMISPFeed {
		return formNamed("misp")
	}
	return formNamed(s.Format)
}

// setup is a digest of all that makes another record or another copy.
func (s Source) setup() string {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%q %q %q %q %d %d %q %q %q", s.Title, s.URL, s.Category, s.Format, s.Confidence, s.TLP, s.Tags, s.Industries, s.Pages)
	return strconv.FormatUint(h.Sum64(), 16)
}

// remembered is the state from which a run of the source begins. A feed that
// was set up anew is read anew: what its source had said before would be passed
// over as known, and a place in another collection is none in this one. A state
// from before set-ups were noted is taken to be of this one.
func (s Source) remembered(was store.FeedState) store.FeedState {
	now := s.setup()
	if was.Setup != "" && was.Setup != now {
		was.ETag, was.LastModified, was.Digest, was.Cursor, was.Format = "", "", "", "", ""
		was.Seen, was.Items, was.Held = nil, 0, nil
	}
	was.Setup = now
	return was
}

// Feed returns the feed as records show it.
func (s Source) Feed() store.Feed {
	f := store.Feed{Name: cmp.Or(s.Title, s.Name), Category: s.Category}
	if f.Category == "" {
		f.Category = store.Community
	}
	return f
}

// complete fills what an item does not say with what the source is set up to.
func (s *Source) complete(o *store.Observation) {
	if o.Confidence == 0 {
		o.Confidence = s.Confidence
	}
	if o.TLP == 0 {
		o.TLP = s.TLP
	}
	if len(s.Tags) > 0 {
		o.Tags = append(o.Tags[:len(o.Tags):len(o.Tags)], s.Tags...)
	}
	if len(s.Industries) > 0 {
		o.Industries = append(o.Industries[:len(o.Industries):len(o.Industries)], s.Industries...)
	}
}

// misread says why a copy of the feed that was recognised as f is not to be
// read as that, nil when it is: one that is read as prose for want of a format
// may be anything, a login page or a proxy's excuse.
func (s *Source) misread(f *form, was string, head []byte) error {
	guessed := s.Format == "" && !isFileURL(s.URL)
	switch {
	case isWebPage(head) && f.name != extract.HTML.String():
		return errWebPage
	case guessed && isWebPage(head):
		return errUnnamedPage
	case guessed && f.parser == nil && !f.news && was != "" && was != f.name && isRows(was):
		return fmt.Errorf("a text (%s) came instead of the feed (%s); has it moved? If it is right, set its format", f.name, was)
	}
	return nil
}

// isRows reports whether a form is one of rows or of news, not of prose.
func isRows(name string) bool {
	_, err := feed.ByName(name)
	return err == nil
}

// isWebPage reports whether the head of a document is a page for people: what
// a captive portal, an error page or a login form is, in the place of a feed.
func isWebPage(head []byte) bool {
	text := strings.ToLower(string(head[:min(len(head), 2<<10)]))
	text = strings.TrimLeft(strings.TrimPrefix(text, "\ufeff"), " \t\r\n")
	for strings.HasPrefix(text, "<!--") {
		_, rest, ok := strings.Cut(text, "-->")
		if !ok {
			return false
		}
		text = strings.TrimLeft(rest, " \t\r\n")
	}
	if strings.HasPrefix(text, "<?xml") {
		_, text, _ = strings.Cut(text, "?>")
		text = strings.TrimLeft(text, " \t\r\n")
	}
	return strings.HasPrefix(text, "<!doctype html") || strings.HasPrefix(text, "<html") ||
		strings.HasPrefix(text, "<head") || strings.HasPrefix(text, "<body")
}
