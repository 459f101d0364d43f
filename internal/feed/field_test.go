package feed

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"spoor/internal/ioc"
)

func TestParseTime(t *testing.T) {
	t.Parallel()
	want := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	day := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	tests := map[string]time.Time{
		"2026-01-02 03:04:05": want, "2026-01-02 03:04:05 UTC": want, "2026-01-02T03:04:05Z": want, "2026-01-02T05:04:05.9+02:00": want,
		" 2026-01-02T03:04:05 ": want, "1767323045": want, "1767323045123": want, "2026-01-02": day, "2026/01/02": day,
		"": {}, "soon": {}, "0001-01-01": {}, "9999-12-31": {}, "12": {}, "2026-13-01": {}, "99999999999999999999": {},
	}
	for input, want := range tests {
		if got := parseTime(input); !got.Equal(want) || !got.IsZero() && got.Location() != time.UTC {
			t.Errorf("parseTime(%q) = %v, want %v", input, got, want)
		}
	}
}

func TestParseConfidence(t *testing.T) {
	t.Parallel()
	tests := map[string]ioc.Confidence{
		"High": ioc.High, "75": ioc.High, "74": ioc.Medium, "50": ioc.Medium, "0": ioc.Low, "0.8": ioc.High, "1": ioc.Low, "100": ioc.High,
		"": 0, "sure": 0, "-1": 0, "101": 0, "NaN": 0, "1e9": 0,
	}
	for input, want := range tests {
		if got := parseConfidence(input); got != want {
			t.Errorf("parseConfidence(%q) = %v, want %v", input, got, want)
		}
	}
}

func TestParseType(t *testing.T) {
	t.Parallel()
	for _, want := range ioc.Types() {
		if got, known := parseType(want.String(), ""); got != want || !known {
			t.Errorf("parseType(%q) = %v, %v", want, got, known)
		}
	}
	tests := []struct {
		word, raw string
		want      ioc.Type
		known     bool
	}{
		{"ip:port", "192.0.2.1:80", ioc.IPv4, true},
		{"IP", "2001:db8::1", ioc.IPv6, true},
		{"FileHash-SHA256", "", ioc.SHA256, true},
		{"mitre_attack", "", ioc.MITREAttack, true},
		{"hash", "", 0, true},
		{"", "", 0, true},
		{"filename", "", 0, false},
		{"domain|ip", "", 0, false},
	}
	for _, test := range tests {
		if got, known := parseType(test.word, test.raw); got != test.want || known != test.known {
			t.Errorf("parseType(%q, %q) = %v, %v, want %v, %v", test.word, test.raw, got, known, test.want, test.known)
		}
	}
}

func TestProse(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, input, want string }{
		{"trimmed", " a fox \n", "a fox"},
		{"NUL", "a\x00b", "a\uFFFDb"},
		{"invalid UTF-8", "a\xffb", "a\uFFFDb"},
		{"longest", strings.Repeat("x", maxText), strings.Repeat("x", maxText)},
	}
	for _, test := range tests {
		if got := prose(test.input); got != test.want {
			t.Errorf("%s: prose = %.40q, want %.40q", test.name, got, test.want)
		}
	}
	for _, unit := range []string{"x", "é", "狐", "🦊", "\xff", "\x80"} {
		got := prose(strings.Repeat(unit, maxText))
		if len(got) > maxText || !utf8.ValidString(got) {
			t.Errorf("prose of many %q has %d bytes, valid %v", unit, len(got), utf8.ValidString(got))
		}
	}
}
