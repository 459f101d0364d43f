package main

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// The columns of an answer, in their order.
const (
	colType = iota
	colValue
	colSource
	colConfidence
	colLastSeen
	colNotes
)

// maxCell is how many columns of the terminal SOURCE and NOTES may take: what
// is behind them should not be pushed out of sight.
const maxCell = 40

// gap is what stands between two columns.
const gap = "  "

// answerLayout is what one table may do to fit a terminal.
type answerLayout struct {
	// floor is how narrow a column may get; 0 says: as wide as it is.
	floor [colNotes + 1]int
	// leave are the columns to leave out when the floors do not fit, the
	// first one first.
	leave []int
}

// matchLayout is that of the answer itself. Twelve columns of NOTES still say
// "known good?".
func matchLayout() answerLayout {
	l := answerLayout{leave: []int{colLastSeen, colConfidence, colNotes}}
	l.floor[colValue], l.floor[colSource], l.floor[colNotes] = 24, 16, 12
	return l
}

// relatedLayout keeps NOTES whole: they say why a row is there.
func relatedLayout() answerLayout {
	l := answerLayout{leave: []int{colLastSeen, colConfidence, colNotes}}
	l.floor[colValue], l.floor[colSource] = 20, 16
	return l
}

// fit returns how wide each column is on a terminal; 0 is one left out. With
// columns 0, for no limit, only maxCell applies.
func (l answerLayout) fit(rows [][]string, columns int) []int {
	natural, least := make([]int, colNotes+1), make([]int, colNotes+1)
	for _, r := range rows {
		for i, cell := range r {
			natural[i] = max(natural[i], textWidth(cell))
		}
	}
	natural[colSource] = min(natural[colSource], maxCell)
	natural[colNotes] = min(natural[colNotes], maxCell)
	if columns <= 0 {
		return natural
	}
	for i, n := range natural {
		least[i] = n
		if l.floor[i] > 0 {
			least[i] = min(n, l.floor[i])
		}
	}
	for _, i := range l.leave {
		if lineWidth(least) > columns {
			least[i], natural[i] = 0, 0
		}
	}
	// What is left over goes to SOURCE until it says something, then to the
	// values, which are what people came for.
	spare := columns - lineWidth(least)
	for _, to := range []struct{ column, upTo int }{
		{colSource, 24}, {colValue, natural[colValue]}, {colSource, maxCell}, {colNotes, maxCell},
	} {
		more := max(0, min(spare, min(to.upTo, natural[to.column])-least[to.column]))
		least[to.column] += more
		spare -= more
	}
	return least
}

// lineWidth is the width of a line with columns so wide.
func lineWidth(widths []int) int {
	sum := -len(gap)
	for _, n := range widths {
		if n > 0 {
			sum += n + len(gap)
		}
	}
	return sum
}

// rows writes aligned columns that fit the terminal; columns 0 is no limit. On
// a terminal too narrow for the first three columns, lines are cut.
func (a *app) rows(rows [][]string, l answerLayout, columns int) error {
	return a.rowsWith(rows, nil, l, columns)
}

// rowsWith is rows with further lines below some of them.
func (a *app) rowsWith(rows, below [][]string, l answerLayout, columns int) error {
	widths := l.fit(rows, columns)
	for n, r := range rows {
		var b strings.Builder
		for i, cell := range r {
			if widths[i] == 0 {
				continue
			}
			if b.Len() > 0 {
				b.WriteString(gap)
			}
			if i == colValue {
				cell = cutMiddle(cell, widths[i])
			} else {
				cell = cutEnd(cell, widths[i])
			}
			b.WriteString(cell)
			b.WriteString(strings.Repeat(" ", widths[i]-textWidth(cell)))
		}
		lines := []string{strings.TrimRight(b.String(), " ")}
		if n < len(below) {
			lines = append(lines, below[n]...)
		}
		for _, line := range lines {
			if columns > 0 {
				line = cutEnd(line, columns)
			}
			if _, err := fmt.Fprintln(a.stdout, line); err != nil {
				return err
			}
		}
	}
	return nil
}

// textWidth is how many columns of a terminal a text takes: Chinese, Japanese
// and Korean characters take two each (Unicode Standard Annex 11), marks on
// the character before them none.
func textWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// cutEnd shortens a text to n columns, which are 1 or more, and marks the cut.
func cutEnd(s string, n int) string {
	if textWidth(s) <= n {
		return s
	}
	return beginning(s, n-1) + "…"
}

// cutMiddle is cutEnd for values, whose ends say more than what is between.
func cutMiddle(s string, n int) string {
	if textWidth(s) <= n {
		return s
	}
	head := beginning(s, n/2)
	tail, left := len(s), n-1-textWidth(head)
	for i := range s {
		if textWidth(s[i:]) <= left {
			tail = i
			break
		}
	}
	return head + "…" + s[tail:]
}

// beginning returns as many characters of a text as n columns hold.
func beginning(s string, n int) string {
	for i, r := range s {
		if n -= runeWidth(r); n < 0 {
			return s[:i]
		}
	}
	return s
}
