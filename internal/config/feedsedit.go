package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// ErrByHand says that the feeds file is written in a way that cannot be changed
// by a program without losing something: it is left as it was.
var ErrByHand = errors.New("edit it by hand")

// AddFeed writes one more feed to the end of the feeds file, which is made when
// it is not there. What people wrote in it, comments included, stays.
func AddFeed(path string, f Feed) error {
	return editFeeds(path, func(text []byte) ([]byte, []Feed, error) {
		return appendFeed(path, text, f)
	})
}

// EnableFeed sets whether a feed is run, in the feeds file: in its entry, or in
// a new one when it is one of the catalogue.
func EnableFeed(path, name string, on bool) error {
	return editFeeds(path, func(text []byte) ([]byte, []Feed, error) {
		have, err := ParseFeeds(path, text)
		if err != nil {
			return nil, nil, err
		}
		at := slices.IndexFunc(have, func(f Feed) bool { return f.Name == name })
		if at < 0 {
			return appendFeed(path, text, Feed{Name: name, Enabled: &on})
		}
		list, err := feedList(path, text)
		if err != nil {
			return nil, nil, err
		}
		have[at].Enabled = &on
		return setEnabled(text, list.Values[at], on), have, nil
	})
}

// setEnabled writes the setting into an entry of the file: over the one that is
// there, or behind the name. Who calls reads what comes out.
func setEnabled(text []byte, item ast.Node, on bool) []byte {
	value := fmt.Sprintf("enabled: %t", on)
	var name *ast.MappingValueNode
	for _, p := range mappingOf(item) {
		switch p.Key.GetToken().Value {
		case "enabled":
			return replaceScalar(text, p, value)
		case "name":
			name = p
		}
	}
	if name == nil {
		return text
	}
	at := name.Key.GetToken().Position
	lines := splitLines(text)
	if m, ok := item.(*ast.MappingNode); ok && m.IsFlowStyle {
		line, column := lines[at.Line-1], byteColumn(lines[at.Line-1], at.Column)
		lines[at.Line-1] = slices.Concat(line[:column], []byte(value+", "), line[column:])
		return bytes.Join(lines, nil)
	}
	newLine := ending(text)
	line := lines[at.Line-1]
	if !bytes.HasSuffix(line, []byte("\n")) {
		line = slices.Concat(line, []byte(newLine))
	}
	lines[at.Line-1] = slices.Concat(line, []byte(strings.Repeat(" ", at.Column-1)+value+newLine))
	return bytes.Join(lines, nil)
}

// replaceScalar puts text in the place of a key and its value, which stand on
// one line; what is behind them, such as a comment, stays.
func replaceScalar(text []byte, p *ast.MappingValueNode, with string) []byte {
	key, value := p.Key.GetToken(), p.Value.GetToken()
	lines := splitLines(text)
	line := lines[key.Position.Line-1]
	from := byteColumn(line, key.Position.Column)
	colon := bytes.IndexByte(line[from:], ':')
	if colon < 0 {
		return text
	}
	to := from + colon + 1
	if value.Type != token.ImplicitNullType && value.Position.Line == key.Position.Line {
		to = byteColumn(line, value.Position.Column) + len(value.Value)
	}
	lines[key.Position.Line-1] = slices.Concat(line[:from], []byte(with), line[min(to, len(line)):])
	return bytes.Join(lines, nil)
}

// byteColumn is where the character in a column, the first of which is 1,
// begins.
func byteColumn(line []byte, column int) int {
	at := 0
	for range column - 1 {
		_, n := utf8.DecodeRune(line[at:])
		at += n
	}
	return at
}

func splitLines(text []byte) [][]byte { return bytes.SplitAfter(text, []byte("\n")) }

// ending is what the file's lines end with.
func ending(text []byte) string {
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// appendFeed returns the file with one feed more, and all its feeds.
func appendFeed(path string, text []byte, f Feed) ([]byte, []Feed, error) {
	have, err := ParseFeeds(path, text)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case f.Name == "":
		return nil, nil, fmt.Errorf("%w: the feed has no name", ErrInvalid)
	case slices.ContainsFunc(have, func(h Feed) bool { return h.Name == f.Name }):
		return nil, nil, fmt.Errorf("%w: %s has a feed %q already", ErrInvalid, path, f.Name)
	}
	if err := f.Check(); err != nil {
		return nil, nil, fmt.Errorf("%w: feed %q: %w", ErrInvalid, f.Name, err)
	}
	list, err := feedList(path, text)
	if err != nil {
		return nil, nil, err
	}
	out, indent := bytes.Clone(text), "  "
	newLine := ending(text)
	if len(out) > 0 && !bytes.HasSuffix(out, []byte("\n")) {
		out = append(out, newLine...)
	}
	switch {
	case list != nil && len(list.Values) > 0:
		indent = strings.Repeat(" ", list.Start.Position.Column-1)
	default:
		out = emptyList(out, newLine)
	}
	entry, err := marshalFeed(f)
	if err != nil {
		return nil, nil, err
	}
	for line := range strings.Lines(entry) {
		out = append(out, indent+strings.TrimSuffix(line, "\n")+newLine...)
	}
	return out, append(have, f), nil
}

// emptyList makes the file end where the first feed goes: behind "feeds:".
func emptyList(text []byte, newLine string) []byte {
	lines := splitLines(text)
	for i, line := range lines {
		rest, ok := bytes.CutPrefix(line, []byte("feeds:"))
		if !ok {
			continue
		}
		rest = bytes.TrimLeft(rest, " \t")
		for _, nothing := range []string{"[]", "null", "~"} {
			rest = bytes.TrimLeft(bytes.TrimPrefix(rest, []byte(nothing)), " \t")
		}
		lines[i] = slices.Concat([]byte("feeds:"), rest)
		if len(rest) > 0 && rest[0] == '#' {
			lines[i] = slices.Concat([]byte("feeds: "), rest)
		}
		return bytes.Join(lines, nil)
	}
	return append(text, "feeds:"+newLine...)
}

// marshalFeed writes an entry as people would.
func marshalFeed(f Feed) (string, error) {
	text, err := yaml.MarshalWithOptions([]Feed{f}, yaml.IndentSequence(true), yaml.CustomMarshaler(func(d time.Duration) ([]byte, error) {
		return []byte(duration(d)), nil
	}))
	if err != nil {
		return "", fmt.Errorf("write feed: %w", err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		b.WriteString(strings.TrimPrefix(line, "  ")) // the list is indented by who appends it
	}
	return b.String(), nil
}

// duration writes 6h as 6h, and not as 6h0m0s.
func duration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// sameFeeds returns ErrByHand unless the text holds these feeds, just as they
// are: an edit that changed anything else is none.
func sameFeeds(path string, text []byte, want []Feed) error {
	if len(text) > maxFeedsFile {
		return fmt.Errorf("%w: %s would be larger than %d bytes", ErrInvalid, path, maxFeedsFile)
	}
	got, err := ParseFeeds(path, text)
	if err == nil && !reflect.DeepEqual(got, want) {
		err = errors.New("it would not say what was meant")
	}
	if err != nil {
		return fmt.Errorf("change feeds: %s is written in a way that cannot be changed here: %w: %w", path, ErrByHand, err)
	}
	return nil
}
