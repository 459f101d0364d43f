package feed

import (
	"strconv"
	"strings"
	"time"
	"unicode"
)

// months are how names of months begin in the languages of feeds whose dates
// no standard layout reads; those that two months would share are longer.
//
//nolint:gochecknoglobals // read-only table
var months = [12][]string{
	{"jan", "jän", "ene", "gen", "янв", "sty", "oca", "led", "січ"},
	{"feb", "fév", "fev", "фев", "lut", "şub", "úno", "лют"},
	{"mar", "mär", "mrz", "maa", "мар", "бер", "bře"},
	{"apr", "avr", "abr", "апр", "kwi", "nis", "dub", "кві"},
	{"may", "mai", "mei", "mag", "май", "мая", "maj", "kvě", "тра"},
	{"jun", "juin", "giu", "июн", "cze", "haz", "červn", "чер"},
	{"jul", "juil", "lug", "июл", "lip", "tem", "červe", "лип"},
	{"aug", "aoû", "aou", "ago", "авг", "sie", "ağu", "srp", "сер"},
	{"sep", "set", "сен", "wrz", "eyl", "zář", "вер"},
	{"oct", "okt", "out", "ott", "окт", "paź", "eki", "říj", "жов"},
	{"nov", "ноя", "lis", "kas"},
	{"dec", "dez", "déc", "dic", "des", "дек", "gru", "ara", "pro", "гру"},
}

// monthNamed returns the month whose name begins as the word does, 0 for none.
func monthNamed(word string) time.Month {
	best, length := time.Month(0), 0
	for i, names := range months {
		for _, name := range names {
			if len(name) > length && strings.HasPrefix(word, name) {
				best, length = time.Month(i+1), len(name)
			}
		}
	}
	return best
}

// localTime reads a date with the month in words of another language, with the
// day first and dots ("10.03.2024"), or with the year first and signs
// ("2024年3月10日"). Zero when it is none. A time without a zone is UTC.
func localTime(s string) time.Time {
	const longest = 100
	if len(s) > longest {
		return time.Time{}
	}
	d := dateParts{zone: time.UTC}
	for _, word := range strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(",.年月日()", r)
	}) {
		d.add(word)
	}
	return d.time()
}

// dateParts collects what the words of a date say.
type dateParts struct {
	numbers []int
	month   time.Month
	clock   [3]int
	zone    *time.Location
	timed   bool
}

func (d *dateParts) add(word string) {
	switch {
	case strings.Contains(word, ":"):
		if i := strings.IndexAny(word, "+-"); i > 0 {
			defer d.add(strings.ReplaceAll(word[i:], ":", ""))
			word = word[:i]
		}
		for i, part := range strings.SplitN(strings.TrimSuffix(word, "z"), ":", 3) {
			if n, err := strconv.Atoi(part); err == nil && !d.timed {
				d.clock[i] = n
			}
		}
		d.timed = true
	case d.timed && len(word) == 5 && (word[0] == '+' || word[0] == '-'):
		n, err := strconv.Atoi(word[1:])
		if err != nil {
			return
		}
		seconds := n/100*3600 + n%100*60
		if word[0] == '-' {
			seconds = -seconds
		}
		d.zone = time.FixedZone("", seconds)
	default:
		if n, err := strconv.Atoi(word); err == nil && n > 0 {
			d.numbers = append(d.numbers, n)
		} else if m := monthNamed(word); m != 0 && d.month == 0 && len(d.numbers) > 0 {
			// A weekday before the day may begin like a month ("mar. 5 mars").
			d.month = m
		}
	}
}

// time puts the parts together, if they leave nothing open.
func (d *dateParts) time() time.Time {
	day, month, year := 0, int(d.month), 0
	switch n := d.numbers; {
	case d.month != 0 && len(n) >= 2:
		day, year = n[0], n[1]
	case d.month == 0 && len(n) >= 3 && n[0] > 31:
		year, month, day = n[0], n[1], n[2]
	case d.month == 0 && len(n) >= 3:
		day, month, year = n[0], n[1], n[2]
	}
	if day < 1 || day > 31 || month < 1 || month > 12 || year < 1980 || d.clock[0] > 23 || d.clock[1] > 59 {
		return time.Time{}
	}
	t := time.Date(year, time.Month(month), day, d.clock[0], d.clock[1], min(d.clock[2], 59), 0, d.zone)
	if t.Day() != day {
		return time.Time{}
	}
	return plausible(t)
}
