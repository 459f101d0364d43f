package feed

import (
	"strings"
	"testing"
)

func TestListParse(t *testing.T) {
	t.Parallel()
	runCases(t, listParser{}, []parseCase{
		{name: "empty"},
		{
			name:  "comments",
			input: "# head\n; head\n// head\n\nfox.example\n192.0.2.1 # seen twice\nhxxp://fox[.]example/a;b#c // odd\n2001:db8::1\t; six\n",
			items: []Item{
				{Where: "line 5", Raw: "fox.example"},
				{Where: "line 6", Raw: "192.0.2.1", Context: "seen twice"},
				{Where: "line 7", Raw: "hxxp://fox[.]example/a;b#c", Context: "odd"},
				{Where: "line 8", Raw: "2001:db8::1", Context: "six"},
			},
		},
		{
			name:  "long line, NUL, invalid UTF-8",
			input: strings.Repeat("x", maxLine+1) + "\na\x00\n\xff # \xff\n" + strings.Repeat("x", 3*maxLine),
			items: []Item{{Where: "line 2", Raw: "a\x00"}, {Where: "line 3", Raw: "\xff", Context: "\uFFFD"}},
			skips: []Skip{{Where: "line 1", Reason: ReasonLineTooLong}, {Where: "line 4", Reason: ReasonLineTooLong}},
		},
		{
			name:  "longest line",
			input: strings.Repeat("x", maxLine) + "\r\ny.example",
			items: []Item{{Where: "line 1", Raw: strings.Repeat("x", maxLine)}, {Where: "line 2", Raw: "y.example"}},
		},
	})
}

func FuzzList(f *testing.F) {
	fuzzParser(f, listParser{}, samples()["list"], "a // b\r\n;\n\xef\xbb\xbf#")
}
