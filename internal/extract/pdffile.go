package extract

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
)

const (
	// maxPDFObjects bounds the objects of a document.
	maxPDFObjects = 500_000
	// maxPDFPages is the most pages that are read.
	maxPDFPages = 2_000
)

// pdfFile is a document whose objects have been found.
type pdfFile struct {
	data    []byte
	objects map[pdfRef]*pdfObject
	// trailers are the dictionaries that may name the catalogue, in order.
	trailers []pdfDict
	values   int // that may still be made
	decoded  int // bytes that may still be decoded
	err      error
}

// pdfObject is one indirect object.
type pdfObject struct {
	// in holds it, at its place: the file, or a decoded object stream.
	in []byte
	at int
	// end is where it ends, once parsed.
	end int
	// order is where in the file it is defined; the last definition counts.
	order int
	// raw is the data of a stream, nil for other objects.
	raw    []byte
	parsed bool
	value  any
}

// openPDF finds the objects of a document by reading it from start to end. It
// does not use the table of cross-references: half of the damaged files are
// damaged there, and a table that lies is how readers are made to loop.
func openPDF(data []byte) (*pdfFile, error) {
	f := &pdfFile{data: data, objects: map[pdfRef]*pdfObject{}, values: maxPDFValues, decoded: maxPDFDecoded}
	if err := f.scan(); err != nil {
		return nil, err
	}
	var packed []*pdfObject
	for _, o := range f.inOrder() {
		if o.raw == nil {
			continue
		}
		switch d := f.dict(o); d["Type"] {
		case pdfName("ObjStm"):
			packed = append(packed, o)
		case pdfName("XRef"):
			f.trailers = append(f.trailers, d)
		}
	}
	for _, t := range f.trailers {
		if t["Encrypt"] != nil {
			return nil, ErrEncrypted
		}
	}
	for _, o := range packed {
		f.unpack(o)
	}
	switch {
	case f.err != nil:
		return nil, f.err
	case f.values <= 0:
		return nil, fmt.Errorf("%w: more than %d values", ErrTooLarge, maxPDFValues)
	case len(f.objects) > maxPDFObjects:
		return nil, fmt.Errorf("%w: more than %d objects", ErrTooLarge, maxPDFObjects)
	case len(f.objects) == 0:
		return nil, fmt.Errorf("%w: there are no objects in it", ErrDamaged)
	}
	return f, nil
}

// inOrder returns the objects as they follow each other in the file.
func (f *pdfFile) inOrder() []*pdfObject {
	return slices.SortedFunc(maps.Values(f.objects), func(a, b *pdfObject) int {
		return cmp.Or(a.order-b.order, a.at-b.at)
	})
}

// scan notes where objects, streams and trailers are.
func (f *pdfFile) scan() error {
	streams, objects, trailers := finder{mark: "stream"}, finder{mark: "obj"}, finder{mark: "trailer"}
	for at := 0; ; {
		obj := objects.from(f.data, at)
		for t := trailers.from(f.data, at); t < obj; t = trailers.from(f.data, t+1) {
			p := pdfParser{data: f.data, at: t + len("trailer"), budget: &f.values}
			if d, ok := p.next(0).(pdfDict); ok {
				f.trailers = append(f.trailers, d)
			}
		}
		if obj == len(f.data) {
			return nil
		}
		at = obj + len("obj")
		number, ok := f.numberBefore(obj)
		if !ok {
			continue
		}
		if len(f.objects) > maxPDFObjects {
			return fmt.Errorf("%w: more than %d objects", ErrTooLarge, maxPDFObjects)
		}
		o := &pdfObject{in: f.data, at: at, order: at}
		f.objects[number] = o
		// Only an object that has the word before the next one begins, at
		// "endobj" the latest, may be a stream.
		if streams.from(f.data, at) < objects.from(f.data, at) {
			at = f.stream(o)
		}
	}
}

// finder finds one mark again and again, each byte once.
type finder struct {
	mark string
	next int
	done bool
}

// from returns where the mark is next, at or behind at; the length of data
// when it is nowhere.
func (s *finder) from(data []byte, at int) int {
	if s.done && s.next >= at {
		return s.next
	}
	s.done, s.next = true, len(data)
	if at < len(data) {
		if i := bytes.Index(data[at:], []byte(s.mark)); i >= 0 {
			s.next = at + i
		}
	}
	return s.next
}

// numberBefore reads "12 0 " backwards from the word obj.
func (f *pdfFile) numberBefore(i int) (pdfRef, bool) {
	back := func(fits func(byte) bool) int {
		from := i
		for i > 0 && from-i < 10 && fits(f.data[i-1]) {
			i--
		}
		return from - i
	}
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	if back(isPDFSpace) == 0 || back(digit) == 0 || back(isPDFSpace) == 0 {
		return 0, false
	}
	end := i
	if back(digit) == 0 {
		return 0, false
	}
	n := 0
	for _, c := range f.data[i:end] {
		n = n*10 + int(c-'0')
	}
	return pdfRef(n), true
}

// stream notes the data of an object that is a stream, and returns where it
// ends. The length is taken from the dictionary where "endstream" follows it,
// else the next "endstream" ends it.
func (f *pdfFile) stream(o *pdfObject) int {
	d := f.dict(o)
	p := pdfParser{data: f.data, at: o.end}
	if p.space(); d == nil || !bytes.HasPrefix(f.data[p.at:], []byte("stream")) {
		return o.at // the word stands in a text
	}
	start := p.at + len("stream")
	if start < len(f.data) && f.data[start] == '\r' {
		start++
	}
	if start < len(f.data) && f.data[start] == '\n' {
		start++
	}
	if n, ok := d["Length"].(float64); ok && n >= 0 && n < float64(len(f.data)-start) {
		end := start + int(n)
		if tail := bytes.TrimLeft(f.data[end:min(end+32, len(f.data))], "\r\n \t"); bytes.HasPrefix(tail, []byte("endstream")) {
			o.raw = f.data[start:end:end]
			return end
		}
	}
	end := len(f.data)
	if i := bytes.Index(f.data[start:], []byte("endstream")); i >= 0 {
		end = start + i
	}
	o.raw = f.data[start:end:end]
	return end
}

// dict returns the dictionary of an object, nil for another value.
func (f *pdfFile) dict(o *pdfObject) pdfDict {
	d, _ := f.parse(o).(pdfDict)
	return d
}

func (f *pdfFile) parse(o *pdfObject) any {
	if !o.parsed {
		o.parsed = true
		p := pdfParser{data: o.in, at: o.at, budget: &f.values}
		switch v := p.next(0).(type) {
		case pdfEnd, pdfClose, pdfWord:
		default:
			o.value = v
		}
		o.end = p.at
	}
	return o.value
}

// get resolves a value that may be a reference. A reference to a reference is
// not followed further than a few steps.
func (f *pdfFile) get(v any) any {
	const steps = 4
	for range steps {
		ref, ok := v.(pdfRef)
		if !ok {
			return v
		}
		o := f.objects[ref]
		if o == nil {
			return nil
		}
		v = f.parse(o)
	}
	return nil
}

func (f *pdfFile) getDict(v any) pdfDict {
	d, _ := f.get(v).(pdfDict)
	return d
}

func (f *pdfFile) getNumber(v any, otherwise float64) float64 {
	if n, ok := f.get(v).(float64); ok {
		return n
	}
	return otherwise
}

// unpack adds the objects of an object stream (section 7.5.7).
func (f *pdfFile) unpack(o *pdfObject) {
	d := f.dict(o)
	n, first := f.getNumber(d["N"], 0), int(f.getNumber(d["First"], 0))
	data := f.decode(o)
	if first <= 0 || first > len(data) || n > maxPDFObjects {
		return
	}
	p := pdfParser{data: data[:first], budget: &f.values}
	for range int(n) {
		number, ok1 := p.next(0).(float64)
		offset, ok2 := p.next(0).(float64)
		if !ok1 || !ok2 || len(f.objects) > maxPDFObjects {
			return
		}
		at := first + int(offset)
		if had := f.objects[pdfRef(number)]; at < first || at >= len(data) || had != nil && had.order > o.order {
			continue
		}
		f.objects[pdfRef(number)] = &pdfObject{in: data, at: at, order: o.order}
	}
}

// pages returns the pages in order, with what they inherit.
func (f *pdfFile) pages() ([]pdfDict, error) {
	w := pdfPages{file: f, seen: map[pdfRef]bool{}}
	w.node(f.catalogue()["Pages"], pdfDict{}, 0)
	if len(w.pages) == 0 {
		// The tree is damaged; the pages may be there.
		for _, o := range f.inOrder() {
			if d := f.dict(o); d["Type"] == pdfName("Page") {
				w.pages = append(w.pages, d)
			}
		}
	}
	switch {
	case len(w.pages) > maxPDFPages:
		return nil, fmt.Errorf("%w: more than %d pages", ErrTooLarge, maxPDFPages)
	case len(w.pages) == 0:
		return nil, fmt.Errorf("%w: there are no pages in it", ErrDamaged)
	}
	return w.pages, nil
}

// catalogue returns the root of the document.
func (f *pdfFile) catalogue() pdfDict {
	for _, t := range slices.Backward(f.trailers) {
		if root := f.getDict(t["Root"]); root["Pages"] != nil {
			return root
		}
	}
	var last pdfDict
	for _, o := range f.inOrder() {
		if d := f.dict(o); d["Type"] == pdfName("Catalog") && d["Pages"] != nil {
			last = d
		}
	}
	return last
}

// pdfPages walks the page tree, each node once.
type pdfPages struct {
	file  *pdfFile
	seen  map[pdfRef]bool
	pages []pdfDict
}

func (w *pdfPages) node(v any, inherited pdfDict, depth int) {
	if ref, ok := v.(pdfRef); ok {
		if w.seen[ref] {
			return
		}
		w.seen[ref] = true
	}
	d := w.file.getDict(v)
	if d == nil || depth > maxPDFDepth || len(w.pages) > maxPDFPages {
		return
	}
	if r := d["Resources"]; r != nil {
		inherited = pdfDict{"Resources": r}
	}
	kids, ok := w.file.get(d["Kids"]).(pdfArray)
	if !ok {
		page := pdfDict{"Resources": inherited["Resources"]}
		for _, key := range [...]string{"Contents", "Annots"} {
			page[key] = d[key]
		}
		w.pages = append(w.pages, page)
		return
	}
	for _, kid := range kids {
		w.node(kid, inherited, depth+1)
	}
}

// The errors of a PDF.
var (
	// ErrEncrypted is returned for a document that needs a key to be read.
	ErrEncrypted = errors.New("document is encrypted")
	// ErrDamaged is returned for a document that cannot be made sense of.
	ErrDamaged = errors.New("document is damaged")
	// ErrNoText is returned for a document of pictures only.
	ErrNoText = errors.New("document has no text in it")
)
