package extract

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// pdfFont turns the codes of a font into text and widths.
type pdfFont struct {
	// wide says that codes have two bytes.
	wide bool
	// unicode is what the document says of codes, by code and length.
	unicode map[uint32]string
	// table is for the codes of one byte that it says nothing of.
	table *[256]rune
	// widths are in thousandths of the size; missing ones have the default.
	widths map[uint32]float64
	width  float64
	// measured is false where the document leaves widths to the reader.
	measured bool
}

// entryCost is what an entry of a font's tables costs, in values of the
// document: more than a value does to make.
const entryCost = 4

// unknownGlyph stands for a code that the document gives no meaning.
const unknownGlyph = "\uFFFD"

// font returns the font of a dictionary, parsed once.
func (t *pdfText) font(v any) *pdfFont {
	ref, isRef := v.(pdfRef)
	if f := t.fonts[ref]; isRef && f != nil {
		return f
	}
	f := t.newFont(t.file.getDict(v))
	if isRef {
		t.fonts[ref] = f
	}
	return f
}

func (t *pdfText) newFont(d pdfDict) *pdfFont {
	const cost = 1000 // a font that is no object of its own is made each time
	t.steps -= cost
	f := &pdfFont{width: 500, unicode: map[uint32]string{}, widths: map[uint32]float64{}}
	base, _ := t.file.get(d["BaseFont"]).(pdfName)
	if strings.Contains(string(base), "Courier") {
		f.width, f.measured = 600, true
	}
	f.wide = t.file.get(d["Subtype"]) == pdfName("Type0")
	if f.wide {
		if fonts := t.file.list(d["DescendantFonts"]); len(fonts) > 0 {
			t.wideWidths(f, t.file.getDict(fonts[0]))
		}
	} else {
		t.simpleWidths(f, d)
		f.table = t.encoding(t.file.get(d["Encoding"]), d)
	}
	if ref, ok := d["ToUnicode"].(pdfRef); ok {
		if o := t.file.objects[ref]; o != nil && o.raw != nil {
			t.readCMap(f, t.file.decode(o))
		}
	}
	return f
}

// simpleWidths reads section 9.6.2.
func (t *pdfText) simpleWidths(f *pdfFont, d pdfDict) {
	widths, _ := t.file.get(d["Widths"]).(pdfArray)
	first := int(t.file.getNumber(d["FirstChar"], 0))
	scale := 1.0
	if t.file.get(d["Subtype"]) == pdfName("Type3") {
		// Its glyphs have a space of their own, usually not of thousandths.
		if m, ok := t.file.get(d["FontMatrix"]).(pdfArray); ok && len(m) == 6 {
			scale = t.file.getNumber(m[0], 0.001) * 1000
		}
	}
	for i, w := range widths[:min(len(widths), 256)] {
		f.widths[uint32(first+i)&0xFF] = t.file.getNumber(w, f.width) * scale
		f.measured = true
	}
}

// wideWidths reads section 9.7.4.3: "first [w w w]" and "first last w".
func (t *pdfText) wideWidths(f *pdfFont, d pdfDict) {
	f.width, f.measured = t.file.getNumber(d["DW"], 1000), true
	w, _ := t.file.get(d["W"]).(pdfArray)
	for i := 0; i+1 < len(w); {
		first := uint32(max(0, t.file.getNumber(w[i], 0)))
		if list, ok := t.file.get(w[i+1]).(pdfArray); ok {
			if t.file.values -= len(list); t.file.values < 0 {
				return
			}
			for k, n := range list {
				f.widths[(first+uint32(k))&0xFFFF] = t.file.getNumber(n, f.width)
			}
			i += 2
			continue
		}
		if i+2 >= len(w) {
			return
		}
		last := uint32(min(0xFFFF, max(0, t.file.getNumber(w[i+1], 0))))
		for c := first; c <= last && t.file.values > 0; c++ {
			f.widths[c] = t.file.getNumber(w[i+2], f.width)
		}
		t.file.values -= entryCost * (int(last) - int(min(first, last)) + 1)
		i += 3
	}
}

// encoding returns the table of a simple font (section 9.6.6).
func (t *pdfText) encoding(v any, font pdfDict) *[256]rune {
	base, _ := v.(pdfName)
	d, _ := v.(pdfDict)
	if d != nil {
		base, _ = t.file.get(d["BaseEncoding"]).(pdfName)
	}
	chars := charmap.Windows1252
	if base == "MacRomanEncoding" {
		chars = charmap.Macintosh
	}
	table := &[256]rune{}
	for i := range table {
		table[i] = chars.DecodeByte(byte(i))
	}
	if base == "" || base == "StandardEncoding" {
		table['\''], table['`'] = '’', '‘'
		if t.file.get(font["Subtype"]) == pdfName("TrueType") {
			table['\''], table['`'] = '\'', '`'
		}
		table[0xAE], table[0xAF], table[0xB1], table[0xD0] = 'ﬁ', 'ﬂ', '–', '—'
	}
	code := 0
	differences, _ := t.file.get(d["Differences"]).(pdfArray)
	for _, v := range differences {
		switch v := t.file.get(v).(type) {
		case float64:
			code = int(v)
		case pdfName:
			if r := glyphRune(string(v)); r != 0 && code >= 0 && code < len(table) {
				table[code] = r
			}
			code++
		}
	}
	return table
}

// readCMap reads what a document says of its codes (section 9.10.3).
func (t *pdfText) readCMap(f *pdfFont, data []byte) {
	p := pdfParser{data: data, budget: &t.file.values}
	var args []any
	for {
		switch v := p.next(0).(type) {
		case pdfEnd:
			return
		case pdfWord:
			switch v {
			case "endbfchar":
				for i := 0; i+1 < len(args); i += 2 {
					from, to := code(args[i]), utf16Text(args[i+1])
					f.unicode[from] = to
				}
			case "endbfrange":
				t.ranges(f, args)
			}
			args, p.held = args[:0], 0
		default:
			const most = 3 * 1000 // the format allows 100 lines of three
			if len(args) < most {
				args = append(args, v)
			}
		}
	}
}

func (t *pdfText) ranges(f *pdfFont, args []any) {
	for i := 0; i+2 < len(args); i += 3 {
		first, last := code(args[i]), code(args[i+1])
		if last > 0xFFFF || last < first {
			continue
		}
		if t.file.values -= entryCost * int(last-first); t.file.values < 0 {
			return
		}
		list, _ := args[i+2].(pdfArray)
		to, _ := args[i+2].(pdfString)
		for c := first; c <= last; c++ {
			switch k := int(c - first); {
			case list != nil && k < len(list):
				f.unicode[c] = utf16Text(list[k])
			case list == nil && len(to) >= 2:
				next := []byte(to)
				low := int(next[len(next)-2])<<8 + int(next[len(next)-1]) + k
				next[len(next)-2], next[len(next)-1] = byte(low>>8), byte(low)
				f.unicode[c] = utf16Text(pdfString(next))
			case list == nil && len(to) == 1:
				f.unicode[c] = string(rune(int(to[0]) + k))
			}
		}
	}
}

// code reads a code of one or two bytes; others are beyond any that is used.
func code(v any) uint32 {
	s, _ := v.(pdfString)
	switch len(s) {
	case 1:
		return uint32(s[0])
	case 2:
		return uint32(s[0])<<8 | uint32(s[1])
	}
	return 1 << 31
}

// utf16Text reads a text in UTF-16, a short one: ligatures have three letters.
func utf16Text(v any) string {
	s, _ := v.(pdfString)
	const longest = 64
	if len(s) == 1 {
		return string(rune(s[0]))
	}
	var units []uint16
	for i := 0; i+1 < min(len(s), longest); i += 2 {
		units = append(units, uint16(s[i])<<8|uint16(s[i+1]))
	}
	return strings.ReplaceAll(string(utf16.Decode(units)), "\x00", "")
}

// next returns the text and the width of the first code in s, and the rest.
// space says that it is the code 32 of one byte, to which word spacing applies.
func (f *pdfFont) next(s pdfString) (text string, width float64, space bool, rest pdfString) {
	c, n := uint32(s[0]), 1
	if f.wide && len(s) > 1 {
		c, n = c<<8|uint32(s[1]), 2
	}
	width, ok := f.widths[c]
	if !ok {
		width = f.width
	}
	text, ok = f.unicode[c]
	switch {
	case ok:
	case f.table != nil && f.table[c&0xFF] != 0:
		text = string(f.table[c&0xFF])
	default:
		text = unknownGlyph
	}
	return text, width, n == 1 && c == ' ', s[n:]
}

// glyphRune returns the character of a glyph's name in the Adobe Glyph List,
// as far as Western fonts go; 0 for a name that it does not have.
func glyphRune(name string) rune {
	name, _, _ = strings.Cut(name, ".")
	if r, n := utf8.DecodeRuneInString(name); n == len(name) && n == 1 {
		return r
	}
	if r, ok := glyphNames[name]; ok {
		return r
	}
	for _, prefix := range [...]string{"uni", "u"} {
		if digits, ok := strings.CutPrefix(name, prefix); ok && len(digits) >= 4 && len(digits) <= 6 {
			if n, err := strconv.ParseUint(digits, 16, 32); err == nil && n > ' ' && n <= utf8.MaxRune {
				return rune(n)
			}
		}
	}
	const accents = 3
	if len(name) > accents+1 {
		return accented[name]
	}
	return 0
}

//nolint:gochecknoglobals // read-only tables
var (
	glyphNames = glyphTable(`space   exclam ! quotedbl " numbersign # dollar $ percent % ampersand & quotesingle ' parenleft ( parenright )
		asterisk * plus + comma , hyphen - minus - period . slash / zero 0 one 1 two 2 three 3 four 4 five 5 six 6 seven 7 eight 8
		nine 9 colon : semicolon ; less < equal = greater > question ? at @ bracketleft [ backslash \ bracketright ]
		asciicircum ^ underscore _ grave ` + "`" + ` braceleft { bar | braceright } asciitilde ~ quoteleft ‘ quoteright ’
		quotedblleft “ quotedblright ” quotesinglbase ‚ quotedblbase „ bullet • endash – emdash — ellipsis … guilsinglleft ‹
		guilsinglright › guillemotleft « guillemotright » fi ﬁ fl ﬂ ff ﬀ ffi ﬃ ffl ﬄ germandbls ß ae æ AE Æ oe œ OE Œ
		oslash ø Oslash Ø eth ð thorn þ dotlessi ı copyright © registered ® trademark ™ degree ° section § paragraph ¶
		dagger † daggerdbl ‡ periodcentered · middot · sterling £ yen ¥ cent ¢ Euro € mu µ multiply × divide ÷ plusminus ±
		exclamdown ¡ questiondown ¿ sfthyphen - nbspace   nonbreakingspace   arrowright →`)
	accented = glyphTable(`Agrave À Aacute Á Acircumflex Â Atilde Ã Adieresis Ä Aring Å Ccedilla Ç Egrave È Eacute É Ecircumflex Ê
		Edieresis Ë Igrave Ì Iacute Í Icircumflex Î Idieresis Ï Ntilde Ñ Ograve Ò Oacute Ó Ocircumflex Ô Otilde Õ Odieresis Ö
		Ugrave Ù Uacute Ú Ucircumflex Û Udieresis Ü Yacute Ý agrave à aacute á acircumflex â atilde ã adieresis ä aring å
		ccedilla ç egrave è eacute é ecircumflex ê edieresis ë igrave ì iacute í icircumflex î idieresis ï ntilde ñ ograve ò
		oacute ó ocircumflex ô otilde õ odieresis ö ugrave ù uacute ú ucircumflex û udieresis ü yacute ý ydieresis ÿ
		Scaron Š scaron š Zcaron Ž zcaron ž Ccaron Č ccaron č Lslash Ł lslash ł`)
)

// glyphTable reads "name character" pairs; the characters that are white
// space stand in the text as such.
func glyphTable(pairs string) map[string]rune {
	table := map[string]rune{"space": ' ', "nbspace": ' ', "nonbreakingspace": ' '}
	words := strings.Fields(pairs)
	for i := 0; i+1 < len(words); {
		if table[words[i]] == ' ' {
			i++
			continue
		}
		r, _ := utf8.DecodeRuneInString(words[i+1])
		table[words[i]] = r
		i += 2
	}
	return table
}
