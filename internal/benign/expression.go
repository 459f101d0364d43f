package benign

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

const (
	maxExpressionBytes = 1000
	// maxLiterals is how many alternatives an expression may begin from.
	maxLiterals = 64
)

var (
	errTooLong = errors.New("too long")
	errFlag    = errors.New("unknown flag")
)

// parseExpression reads a regular expression as lists write it, bare or as
// "/…/flags". It returns texts in lower case of which every match contains at
// least one, or nil when there are none.
func parseExpression(s string) (*regexp.Regexp, []string, error) {
	if len(s) > maxExpressionBytes {
		return nil, nil, errTooLong
	}
	flags := ""
	if end := strings.LastIndexByte(s, '/'); end > 0 && s[0] == '/' {
		for _, c := range s[end+1:] {
			switch c {
			case 'i', 's', 'm':
				flags += string(c)
			case 'g', 'u': // one match is enough; text is UTF-8 anyway
			default:
				return nil, nil, fmt.Errorf("%w %q", errFlag, c)
			}
		}
		s = s[1:end]
	}
	if flags != "" {
		s = "(?" + flags + ")" + s
	}
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return nil, nil, fmt.Errorf("read expression: %w", err)
	}
	expression, err := regexp.Compile(s)
	if err != nil {
		return nil, nil, fmt.Errorf("compile expression: %w", err)
	}
	return expression, literals(tree.Simplify()), nil
}

// literals returns texts one of which is in everything that re matches: those
// of the part that makes the best ones. Depth is bounded by the parser.
func literals(re *syntax.Regexp) []string {
	switch re.Op {
	case syntax.OpLiteral:
		text := strings.ToLower(string(re.Rune))
		if len(text) < minNeedle || !isASCII(text) {
			return nil
		}
		return []string{text}
	case syntax.OpCapture, syntax.OpPlus:
		return literals(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return literals(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if found := literals(sub); found != nil && (best == nil || shortest(found) > shortest(best)) {
				best = found
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			found := literals(sub)
			if found == nil || len(all)+len(found) > maxLiterals {
				return nil
			}
			all = append(all, found...)
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	return nil
}

func shortest(texts []string) int {
	n := len(texts[0])
	for _, t := range texts[1:] {
		n = min(n, len(t))
	}
	return n
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
