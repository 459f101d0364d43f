package extract

// byteSet is a set of ASCII bytes that is built once: the functions of package
// strings build theirs at every call, which is most of their cost on a few
// bytes.
type byteSet [256]bool

func setOf(bytes string) *byteSet {
	var set byteSet
	for i := range len(bytes) {
		set[bytes[i]] = true
	}
	return &set
}

func (set *byteSet) trimRight(s string) string {
	for s != "" && set[s[len(s)-1]] {
		s = s[:len(s)-1]
	}
	return s
}

func (set *byteSet) trimLeft(s string) string {
	for s != "" && set[s[0]] {
		s = s[1:]
	}
	return s
}

func (set *byteSet) trim(s string) string { return set.trimLeft(set.trimRight(s)) }

// first is the position of the first byte of s that is in the set, or -1.
func (set *byteSet) first(s string) int {
	for i := range len(s) {
		if set[s[i]] {
			return i
		}
	}
	return -1
}

// last is the position of the last byte of s that is in the set, or -1.
func (set *byteSet) last(s string) int {
	i := len(s) - 1
	for i >= 0 && !set[s[i]] {
		i--
	}
	return i
}

// The sets that are asked for every value and every line.
//
//nolint:gochecknoglobals // read-only tables
var (
	blanks       = setOf(" \t\r")
	anySpace     = setOf(" \t\r\n\v\f")
	betweenWords = setOf(" \t\r\n\v\f,;|")
	quotes       = setOf(" `'\"*+_=:(\t")
	wordStarts   = setOf(" |\t(,;/\"'`")
	closings     = setOf(" `'\"*+_),")
	keyMarks     = setOf(" `'\"*+_=:<>\t\r\n")
	keyStarts    = setOf(" -_`*'\"\n")
	cellMarks    = setOf("|\t\v,;()[]")
	cellStarts   = setOf("|\t\v,;")
	itemMarks    = setOf("-*+>0123456789.) ")
	entryMarks   = setOf(" `'\"*+_=(<[{\\")
	nameMarks    = setOf(" \n\r\t`'\"*_(")
	nameStarts   = setOf(" \n\t(")
	referMarks   = setOf(" \n\r\t`'\"*+_=:(<[,")
	spaceStarts  = setOf(" \n\t")
	wordMarks    = setOf("`'\"*.,:;()[]")
	sentenceEnds = setOf("`'\"*.,:;()[]{}!?")
	linkMarks    = setOf(" \"'=:")
	linkStarts   = setOf(" \t;(,<\"'{")
)
