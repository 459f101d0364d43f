package feed

import (
	"errors"
	"fmt"
	"strings"
)

// stixComparison is one comparison of an object path with constants.
type stixComparison struct {
	// object is the type of the observable ("domain-name"); path are the
	// components behind its colon, lower case, indexes left out.
	object string
	path   []string
	// values are the constants of = and IN, without their escapes; nil for any
	// other operator, and where the comparison is negated.
	values []string
	// operator is as written, with its NOT, for messages.
	operator string
	// observation numbers the square brackets that it stands in, from 0.
	observation int
}

// errPattern marks a text that is no pattern.
var errPattern = errors.New("not a STIX pattern")

// stixComparisons reads a pattern by its grammar (STIX 2.1, section 9) and
// returns its comparisons, in order. They are all that a feed of single values
// can keep: how they are joined, repeated and timed is checked and let go.
// Linear in the pattern; parentheses nest at most maxDepth deep.
//
//	[file:hashes.'SHA-256' = '…' OR domain-name:value IN ('a', 'b')] FOLLOWEDBY [url:value = '…'] WITHIN 300 SECONDS
func stixComparisons(pattern string) ([]stixComparison, error) {
	p := patternParser{lex: patternLexer{in: pattern}}
	p.next()
	p.observations(0)
	if p.err == nil && p.token.kind != tokenEnd {
		p.fail("the end")
	}
	return p.found, p.err
}

// patternParser is a recursive descent over tokens. After the first error all
// its methods return at once, with the token at the end.
type patternParser struct {
	lex   patternLexer
	token patternToken // the one ahead
	found []stixComparison
	// observation is the number of the square brackets last opened.
	observation int
	err         error
}

func (p *patternParser) next() {
	if p.err != nil {
		return
	}
	if p.token, p.err = p.lex.token(); p.err != nil {
		p.token = patternToken{}
	}
}

// fail records that something else was wanted than the token ahead.
func (p *patternParser) fail(want string) {
	if p.err == nil {
		p.err = fmt.Errorf("%w: %s at byte %d, want %s", errPattern, p.token, p.token.at, want)
	}
	p.token = patternToken{}
}

// word takes a keyword if it is ahead. Keywords are upper case, but nobody
// means anything else by a lower-case one.
func (p *patternParser) word(keyword string) bool {
	if p.token.kind != tokenWord || !strings.EqualFold(p.token.text, keyword) {
		return false
	}
	p.next()
	return true
}

// sign takes a punctuation mark if it is ahead.
func (p *patternParser) sign(mark string) bool {
	if p.token.kind != tokenSign || p.token.text != mark {
		return false
	}
	p.next()
	return true
}

func (p *patternParser) need(mark string) {
	if !p.sign(mark) {
		p.fail(mark)
	}
}

// observations reads observation expressions joined with AND, OR and
// FOLLOWEDBY, each with its qualifiers.
func (p *patternParser) observations(depth int) {
	for p.err == nil {
		switch {
		case depth > maxDepth:
			p.fail("fewer parentheses")
		case p.sign("("):
			p.observations(depth + 1)
			p.need(")")
		case p.sign("["):
			p.comparisons(depth + 1)
			p.need("]")
			p.observation++
		default:
			p.fail("[ or (")
		}
		p.qualifiers()
		if !p.word("AND") && !p.word("OR") && !p.word("FOLLOWEDBY") {
			return
		}
	}
}

// qualifiers reads WITHIN n SECONDS, REPEATS n TIMES, START t STOP t.
func (p *patternParser) qualifiers() {
	for p.err == nil {
		switch {
		case p.word("WITHIN"):
			p.constant()
			if !p.word("SECONDS") {
				p.fail("SECONDS")
			}
		case p.word("REPEATS"):
			p.constant()
			if !p.word("TIMES") {
				p.fail("TIMES")
			}
		case p.word("START"):
			p.constant()
			if !p.word("STOP") {
				p.fail("STOP")
			}
			p.constant()
		default:
			return
		}
	}
}

// comparisons reads comparison expressions joined with AND and OR.
func (p *patternParser) comparisons(depth int) {
	for p.err == nil {
		switch {
		case depth > maxDepth:
			p.fail("fewer parentheses")
		case p.sign("("):
			p.comparisons(depth + 1)
			p.need(")")
		default:
			p.comparison()
		}
		if !p.word("AND") && !p.word("OR") {
			return
		}
	}
}

// comparison reads one comparison.
func (p *patternParser) comparison() {
	not := p.word("NOT")
	exists := p.word("EXISTS")
	c := stixComparison{observation: p.observation, operator: "EXISTS"}
	c.object, c.path = p.objectPath()
	if !exists {
		not = p.word("NOT") != not
		var values []string
		c.operator, values = p.operation()
		if c.operator == "=" || c.operator == "IN" {
			c.values = values
		}
	}
	if not {
		c.operator, c.values = "NOT "+c.operator, nil
	}
	if p.err == nil {
		p.found = append(p.found, c)
	}
}

// objectPath reads type:component.component[index].'component'.
func (p *patternParser) objectPath() (object string, path []string) {
	object = p.component()
	p.need(":")
	path = append(path, p.component())
	for p.err == nil {
		switch {
		case p.sign("."):
			path = append(path, p.component())
		case p.sign("["):
			if p.token.kind != tokenNumber && (p.token.kind != tokenSign || p.token.text != "*") {
				p.fail("an index")
			}
			p.next()
			p.need("]")
		default:
			return object, path
		}
		if len(path) > maxDepth {
			p.fail("a shorter path")
		}
	}
	return object, path
}

// component reads one name of a path, quoted or not.
func (p *patternParser) component() string {
	if p.token.kind != tokenWord && p.token.kind != tokenString {
		p.fail("an object path")
	}
	name := strings.ToLower(p.token.text)
	p.next()
	return name
}

// operation reads an operator and its constants.
func (p *patternParser) operation() (operator string, values []string) {
	operator = strings.ToUpper(p.token.text)
	switch p.token.kind {
	case tokenSign:
		switch operator {
		case "=", "==", "!=", "<>", "<", ">", "<=", ">=":
			p.next()
			return strings.Replace(operator, "==", "=", 1), []string{p.constant()}
		}
	case tokenWord:
		switch operator {
		case "LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET":
			p.next()
			return operator, []string{p.constant()}
		case "IN":
			p.next()
			return operator, p.set()
		}
	}
	p.fail("an operator")
	return operator, nil
}

// set reads (a, b, …).
func (p *patternParser) set() (values []string) {
	p.need("(")
	for p.err == nil {
		values = append(values, p.constant())
		if !p.sign(",") {
			break
		}
	}
	p.need(")")
	return values
}

// constant reads a literal of any type as its text.
func (p *patternParser) constant() string {
	text := p.token.text
	switch p.token.kind {
	case tokenString, tokenNumber:
	case tokenWord:
		switch strings.ToLower(text) {
		case "true", "false":
		case "t", "b", "h":
			// t'2026-01-02T03:04:05Z', b'' in Base64, h'' in hexadecimal.
			p.next()
			if text = p.token.text; p.token.kind != tokenString {
				p.fail("a quoted constant")
			}
		default:
			p.fail("a constant")
		}
	default:
		p.fail("a constant")
	}
	p.next()
	return text
}
