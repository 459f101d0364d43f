package feed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path"
	"strings"
)

// HeadSize is how much of an input Detect wants to see, in bytes. Less is
// enough when the input is shorter.
const HeadSize = 64 << 10

// detectOrder is the order in which formats are asked: the narrow ones before
// those that nearly any table or list of words would fit.
//
//nolint:gochecknoglobals // read-only
var detectOrder = []string{newsFormat, "misp", "stix", "taxii", "kev", "threatfox", "feodo", "urlhaus", "maltrail", "csv", "list"}

// foreignExtensions are names of prose, markup, programs and pictures. What
// they hold is not read here, however it looks, except that markup may be news.
const foreignExtensions = " .md .markdown .adoc .asciidoc .rst .html .htm .xhtml .xml .rss .atom .svg" +
	" .pdf .doc .docx .rtf .odt .eml .msg .yaml .yml .toml .ini .conf .yar .yara .rules" +
	" .go .py .js .css .sh .ps1 .bat .mod .sum .png .jpg .jpeg .gif .webp .ico .exe .dll .so .db .sqlite "

// Detect recognises a format by the input's name and its first HeadSize bytes.
// It is strict: false when nothing fits, and for prose of any kind.
func Detect(name string, head []byte) (Format, bool) {
	ext := strings.ToLower(path.Ext(name))
	foreign := ext != "" && strings.Contains(foreignExtensions, " "+ext+" ")
	if foreign && !isNewsExtension(ext) {
		return Format{}, false
	}
	head = wholeLines(head)
	formats := Formats()
	for _, wanted := range detectOrder {
		if foreign && wanted != newsFormat {
			continue
		}
		if ext == ".json" && (wanted == "list" || wanted == "csv" || wanted == "maltrail") {
			continue
		}
		for _, f := range formats {
			if f.Name == wanted && f.detect(name, head) {
				return f, true
			}
		}
	}
	return Format{}, false
}

func isNewsExtension(ext string) bool { return ext == ".xml" || ext == ".rss" || ext == ".atom" }

// wholeLines decodes a head and drops the line that it cuts in two.
func wholeLines(head []byte) []byte {
	cut := len(head) >= HeadSize
	text, err := io.ReadAll(io.LimitReader(decode(bytes.NewReader(head)), HeadSize))
	if err != nil {
		return nil
	}
	if i := bytes.LastIndexByte(text, '\n'); cut && i > 0 {
		return text[:i+1]
	}
	return text
}

// firstRow returns the fields of the first object that elements would hand
// over, or nil when head is no JSON or does not hold a whole one.
func firstRow(head []byte, member func(string) bool) map[string]json.RawMessage {
	if rest := bytes.TrimLeft(head, " \t\r\n"); len(rest) == 0 || rest[0] != '{' && rest[0] != '[' {
		return nil
	}
	var fields map[string]json.RawMessage
	stop := errors.New("found")
	e := elements{
		member: member,
		skip:   func(Skip) error { return stop },
		row: func(_ string, raw []byte) error {
			if err := json.Unmarshal(raw, &fields); err != nil {
				fields = nil
			}
			return stop
		},
	}
	// The end is an error on purpose, or that of a head that is cut short.
	_ = e.walk(context.Background(), bytes.NewReader(head))
	return fields
}

// oneToken reports whether there is no white space in the line.
func oneToken(line []byte) bool {
	return len(line) > 0 && !bytes.ContainsAny(line, " \t")
}

// looksLikeValue reports whether a word could be an indicator: a name with a
// dot inside, an address, a URL, a digest, an identifier. Strict on purpose:
// it keeps word lists, markup and data of other formats out.
func looksLikeValue(word []byte) bool {
	if bytes.ContainsAny(word, "<>\"'`,;\\") || bytes.ContainsFunc(word, func(r rune) bool { return r < ' ' || r == 0x7F }) {
		return false
	}
	// A JSON or shell-like line; an IPv6 address in brackets is no such thing.
	if word[0] == '{' || word[0] == '$' || word[0] == '-' || word[0] == '*' && !bytes.HasPrefix(word, []byte("*.")) {
		return false
	}
	switch len(word) {
	case 32, 40, 64, 128:
		if isHex(word) {
			return true
		}
	}
	text := strings.ToLower(string(word))
	if strings.HasPrefix(text, "cve-") || isTechnique(text) {
		return true
	}
	host, _, isPath := strings.Cut(text, "/")
	if !isPath && strings.Contains(host, "=") {
		return false
	}
	inner := strings.Trim(text, ".,:;!?")
	return strings.ContainsAny(inner, ".:") || strings.Contains(inner, "[dot]") || strings.Contains(inner, "(dot)")
}

func isHex(word []byte) bool {
	for _, c := range word {
		if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f') {
			return false
		}
	}
	return true
}

// isTechnique reports whether a lower-cased word is shaped like an ATT&CK id.
func isTechnique(word string) bool {
	digits := strings.TrimLeft(word, "tasgm")
	if len(word) == len(digits) || len(digits) < 4 || len(word)-len(digits) > 2 {
		return false
	}
	return strings.Trim(digits, "0123456789.") == ""
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}
