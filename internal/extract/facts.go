package extract

import "strings"

// facts is what a look at the whole text says about how it was written.
type facts struct {
	text     string // as much as is looked at
	asciidoc bool

	defangs answer // its author defangs: what is live was left so on purpose
	attack  answer // it speaks of ATT&CK
	malice  answer // it speaks of malware or of an attack
}

// answer is one that is looked for when it is first asked for.
type answer uint8

const (
	unasked answer = iota
	no
	yes
)

// surveyed is how much of a text is looked at: longer than any report.
const surveyed = 1 << 20

func survey(text string) *facts {
	f := &facts{text: text[:min(len(text), surveyed)]}
	f.asciidoc = strings.HasPrefix(text, "= ") || begins(f.text, "== ") || begins(f.text, "|===")
	return f
}

// begins says that a line of text begins with mark.
func begins(text, mark string) bool {
	for i := 0; ; {
		k := strings.Index(text[i:], mark)
		if k < 0 {
			return false
		}
		i += k
		if i > 0 && text[i-1] == '\n' {
			return true
		}
		i += len(mark)
	}
}

// authorDefangs says that the text has a mark of defanging somewhere.
func (f *facts) authorDefangs() bool {
	if f.defangs == unasked {
		f.defangs = no
		if hasMark(f.text, '[', "[.]", "[dot]", "[:]") || hasMark(f.text, '(', "(.)", "(dot)") ||
			hasMark(f.text, 'x', "xxp://", "xxps://") || hasMark(f.text, 'X', "xxp://", "xxps://") {
			f.defangs = yes
		}
	}
	return f.defangs == yes
}

// hasMark says that one of the marks, which begin with first, is in text.
func hasMark(text string, first byte, marks ...string) bool {
	for i := 0; ; i++ {
		k := strings.IndexByte(text[i:], first)
		if k < 0 {
			return false
		}
		i += k
		for _, mark := range marks {
			if foldPrefix(text[i:], mark) {
				return true
			}
		}
	}
}

// speaksOfAttack says that the text names ATT&CK.
func (f *facts) speaksOfAttack() bool {
	if f.attack == unasked {
		f.attack = no
		if strings.Contains(f.text, "ATT&CK") || strings.Contains(f.text, "MITRE") {
			f.attack = yes
		}
	}
	return f.attack == yes
}

// speaksOfMalice says that the text is about malware or an attack: a report
// that never says so is about something else.
func (f *facts) speaksOfMalice() bool {
	if f.malice == unasked {
		f.malice = no
		for _, stem := range [...]string{"вредонос", "фишинг", "троян", "マルウェア", "フィッシング", "不正", "恶意", "木马", "악성", "피싱"} {
			if strings.Contains(f.text, stem) {
				f.malice = yes
				return true
			}
		}
		const most = 64 << 10 // a report says it soon
		for w := range strings.FieldsFuncSeq(f.text[:min(len(f.text), most)], notWordFold) {
			if w == "RAT" || w == "APT" || maliceWords.has(w) {
				f.malice = yes
				break
			}
		}
	}
	return f.malice == yes
}
