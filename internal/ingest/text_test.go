package ingest

import "testing"

func TestCleanHidesNothing(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ in, want string }{
		"plain":            {"für 字 text", "für 字 text"},
		"not UTF-8":        {"f\xfcr", "f\uFFFDr"},
		"NUL":              {"a\x00b", "ab"},
		"terminal escapes": {"a\x1b[31mb\x07\x7f", "a[31mb"},
		"C1 controls":      {"a\u009b31mb", "a31mb"},
		"reading order":    {"gpj.\u202eexe\u2066", "gpj.exe"},
		"white space":      {"a\tb\r\nc", "a\tb\r\nc"},
	}
	for name, c := range cases {
		if got := clean(c.in, 100); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		if got := cleanAll([]string{c.in}); len(got) != 1 || got[0] != c.want {
			t.Errorf("%s as a label: got %q, want %q", name, got, c.want)
		}
	}
}
