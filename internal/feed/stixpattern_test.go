package feed

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// comparisonText is a comparison as a line of a test table.
func comparisonText(c stixComparison) string {
	text := fmt.Sprintf("%d %s:%s %s", c.observation, c.object, strings.Join(c.path, "."), c.operator)
	for _, value := range c.values {
		text += " <" + value + ">"
	}
	return text
}

func TestSTIXComparisons(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, pattern string
		want          []string
	}{
		{"one", `[ipv4-addr:value = '192.0.2.1']`, []string{"0 ipv4-addr:value = <192.0.2.1>"}},
		{"no space", `[a:b='c']`, []string{"0 a:b = <c>"}},
		{"white space", "\t[ \u00a0a:b\r\n=\n'c'\n]\n", []string{"0 a:b = <c>"}},
		{"comments", "/* x ' */[a:b = 'c' // d ]\n]", []string{"0 a:b = <c>"}},
		{"two equals signs", `[a:b == 'c']`, []string{"0 a:b = <c>"}},
		{"quoted component", `[file:hashes.'SHA-256' = 'aa']`, []string{"0 file:hashes.sha-256 = <aa>"}},
		{"unquoted hyphen", `[file:hashes.SHA-256 = 'aa']`, []string{"0 file:hashes.sha-256 = <aa>"}},
		{"indexes", `[a:b[0].c[*].d_e = 'x']`, []string{"0 a:b.c.d_e = <x>"}},
		{"escapes", `[a:b = 'it\'s \\ \n']`, []string{`0 a:b = <it's \ \n>`}},
		{"backslash at the end", `[a:b = 'C:\\']`, []string{`0 a:b = <C:\>`}},
		{"brackets and quotes in a constant", `[a:b = '] OR ["(' OR a:b = '']`, []string{`0 a:b = <] OR ["(>`, "0 a:b = <>"}},
		{"and, or", `[a:b = 'c' AND (d:e = 'f' OR NOT g:h = 'i')]`, []string{"0 a:b = <c>", "0 d:e = <f>", "0 g:h NOT ="}},
		{"negated behind the path", `[a:b NOT = 'c' OR a:b NOT IN ('c') OR NOT a:b NOT = 'd']`, []string{"0 a:b NOT =", "0 a:b NOT IN", "0 a:b = <d>"}},
		{"set", `[a:b IN ('c', 1, true, 'it\'s')]`, []string{"0 a:b IN <c> <1> <true> <it's>"}},
		{
			"other operators", `[a:b != 'c' AND a:b <> 'c' AND a:b > 1 AND a:b >= 1.5 AND a:b < -1 AND a:b <= +.5 AND a:b LIKE '%c_' AND a:b MATCHES '^c$' AND a:b ISSUBSET '192.0.2.0/24' AND a:b ISSUPERSET 'c' AND EXISTS a:b]`,
			[]string{"0 a:b !=", "0 a:b <>", "0 a:b >", "0 a:b >=", "0 a:b <", "0 a:b <=", "0 a:b LIKE", "0 a:b MATCHES", "0 a:b ISSUBSET", "0 a:b ISSUPERSET", "0 a:b EXISTS"},
		},
		{"other constants", `[a:b = t'2026-01-02T03:04:05Z' OR a:b = h'ff' OR a:b = b'AA==' OR a:b = false OR a:b = -12.5]`, []string{"0 a:b = <2026-01-02T03:04:05Z>", "0 a:b = <ff>", "0 a:b = <AA==>", "0 a:b = <false>", "0 a:b = <-12.5>"}},
		{"observations", `[a:b = '1'] AND [a:b = '2'] OR ([a:b = '3'] FOLLOWEDBY [a:b = '4'])`, []string{"0 a:b = <1>", "1 a:b = <2>", "2 a:b = <3>", "3 a:b = <4>"}},
		{
			"qualifiers", `([a:b = '1'] REPEATS 5 TIMES WITHIN 1.5 SECONDS) FOLLOWEDBY [a:b = '2'] START t'2026-01-01T00:00:00Z' STOP t'2026-01-02T00:00:00Z'`,
			[]string{"0 a:b = <1>", "1 a:b = <2>"},
		},
		{"keywords in lower case", `[a:b in ('c') and a:b like 'd'] followedby [a:b = 'e'] repeats 2 times`, []string{"0 a:b IN <c>", "0 a:b LIKE", "1 a:b = <e>"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			comparisons, err := stixComparisons(test.pattern)
			if err != nil {
				t.Fatalf("error = %v", err)
			}
			var got []string
			for _, c := range comparisons {
				got = append(got, comparisonText(c))
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("comparisons:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestSTIXComparisonsRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, pattern string }{
		{"empty", ""},
		{"empty brackets", "[]"},
		{"no brackets", "a:b = 'c'"},
		{"no path", "[a = 'c']"},
		{"no operator", "[a:b 'c']"},
		{"no constant", "[a:b = ]"},
		{"word for a constant", "[a:b = c]"},
		{"prefix without its constant", "[a:b = t]"},
		{"double quotes", `[a:b = "c"]`},
		{"open brackets", "[a:b = 'c'"},
		{"open parenthesis", "([a:b = 'c']"},
		{"open constant", "[a:b = 'c]"},
		{"escaped end", `[a:b = 'c\']`},
		{"open comment", "[a:b = 'c'] /*"},
		{"open set", "[a:b IN ('c']"},
		{"empty set", "[a:b IN ()]"},
		{"operator at the end", "[a:b = 'c' AND]"},
		{"observations without operator", "[a:b = 'c'] [a:b = 'd']"},
		{"rest", "[a:b = 'c'] x"},
		{"qualifier without unit", "[a:b = 'c'] WITHIN 5"},
		{"START without STOP", "[a:b = 'c'] START t'2026-01-01T00:00:00Z'"},
		{"bad index", "[a:b[c] = 'd']"},
		{"parentheses too deep", "[" + strings.Repeat("(", 1_000_000)},
		{"observations too deep", strings.Repeat("(", 1_000_000)},
		{"path too long", "[a:b" + strings.Repeat(".c", 1_000_000) + " = 'd']"},
		{"a YARA rule", `rule fox { strings: $a = "fox" condition: $a }`},
	}
	for _, test := range tests {
		if found, err := stixComparisons(test.pattern); !errors.Is(err, errPattern) {
			t.Errorf("%s: %d comparisons, error %v, want %v", test.name, len(found), err, errPattern)
		} else if len(err.Error()) > 300 {
			t.Errorf("%s: error of %d bytes", test.name, len(err.Error()))
		}
	}
}

// FuzzSTIXPattern writes what was read in its plainest form and reads it again.
func FuzzSTIXPattern(f *testing.F) {
	for _, seed := range []string{
		`[ipv4-addr:value = '192.0.2.1']`, `[file:hashes.'SHA-256' IN ('a', 'it\'s')] FOLLOWEDBY ([a:b LIKE '%'] REPEATS 5 TIMES)`,
		`[NOT (a:b[*].c != t'x' OR EXISTS d:e)]`, `[a:b = '\\'] WITHIN 1.5 SECONDS`, `/* */[a:b=-1]`,
	} {
		f.Add(seed)
	}
	escape := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	f.Fuzz(func(t *testing.T, pattern string) {
		found, err := stixComparisons(pattern)
		if err != nil {
			if !errors.Is(err, errPattern) {
				t.Errorf("error = %v", err)
			}
			return
		}
		if len(found) == 0 {
			t.Fatal("a pattern without comparisons")
		}
		for _, c := range found {
			if c.values == nil || !isPlainPath(c) {
				continue
			}
			var values []string
			for _, value := range c.values {
				values = append(values, "'"+escape.Replace(value)+"'")
			}
			again := "[" + c.object + ":" + strings.Join(c.path, ".") + " IN (" + strings.Join(values, ", ") + ")]"
			same, err := stixComparisons(again)
			if err != nil || len(same) != 1 || strings.Join(same[0].values, "\x00") != strings.Join(c.values, "\x00") || strings.Join(same[0].path, ".") != strings.Join(c.path, ".") {
				t.Errorf("%s reads as %v, %v, want %v", again, same, err, c)
			}
		}
	})
}

// isPlainPath reports whether the components need no quotes.
func isPlainPath(c stixComparison) bool {
	for _, name := range append([]string{c.object}, c.path...) {
		if name == "" || name == "not" || name == "exists" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return false
		}
	}
	return true
}
