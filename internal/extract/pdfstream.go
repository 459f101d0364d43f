package extract

import (
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"fmt"
	"io"
)

// maxPDFDecoded bounds what all streams of a document decode to, in bytes.
const maxPDFDecoded = 256 << 20

// decode returns the data of a stream without its filters. A filter that is
// not known (that of a picture, usually) gives nothing, and a stream that
// breaks what was read until then.
func (f *pdfFile) decode(o *pdfObject) []byte {
	d := f.dict(o)
	filters, params := f.list(d["Filter"]), f.list(d["DecodeParms"])
	const most = 4
	if len(filters) > most {
		return nil
	}
	data := o.raw
	for i, filter := range filters {
		var param pdfDict
		if i < len(params) {
			param = f.getDict(params[i])
		}
		name, _ := f.get(filter).(pdfName)
		data = f.filter(string(name), data, param)
		f.spend(len(data))
	}
	return data
}

// spend counts decoded bytes.
func (f *pdfFile) spend(n int) {
	if f.decoded -= n; f.decoded < 0 && f.err == nil {
		f.err = fmt.Errorf("%w: streams of more than %d bytes", ErrTooLarge, maxPDFDecoded)
	}
}

// list returns the elements of an array, or the value itself as the only one.
func (f *pdfFile) list(v any) pdfArray {
	switch v := f.get(v).(type) {
	case nil:
		return nil
	case pdfArray:
		return v
	default:
		return pdfArray{v}
	}
}

func (f *pdfFile) filter(name string, data []byte, param pdfDict) []byte {
	most := max(0, f.decoded) + 1
	switch name {
	case "FlateDecode", "Fl":
		r, err := zlib.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil
		}
		// A checksum that is wrong, or an early end, costs the rest.
		out, _ := io.ReadAll(io.LimitReader(r, int64(most)))
		return f.unpredict(out, param)
	case "ASCIIHexDecode", "AHx":
		p := pdfParser{data: append([]byte{'<'}, data...)}
		return []byte(p.hex())
	case "ASCII85Decode", "A85":
		data = bytes.TrimPrefix(bytes.TrimSpace(data), []byte("<~"))
		data, _, _ = bytes.Cut(data, []byte("~>"))
		out, _ := io.ReadAll(io.LimitReader(ascii85.NewDecoder(bytes.NewReader(data)), int64(most)))
		return out
	case "RunLengthDecode", "RL":
		return runLength(data, most)
	case "LZWDecode", "LZW":
		early := f.getNumber(param["EarlyChange"], 1) != 0
		return f.unpredict(pdfLZW(data, early, most), param)
	}
	return nil
}

// runLength decodes section 7.4.5.
func runLength(data []byte, most int) []byte {
	var out []byte
	for i := 0; i < len(data) && len(out) < most; {
		n := int(data[i])
		i++
		switch {
		case n == 128:
			return out
		case n < 128:
			end := min(i+n+1, len(data))
			out = append(out, data[i:end]...)
			i = end
		case i < len(data):
			out = append(out, bytes.Repeat(data[i:i+1], 257-n)...)
			i++
		}
	}
	return out
}

// pdfLZW decodes section 7.4.4, which differs from what compress/lzw reads in
// when codes grow.
func pdfLZW(data []byte, early bool, most int) []byte {
	const clearTable, end, first = 256, 257, 258
	type entry struct{ start, length int } // in out
	var (
		out   []byte
		table []entry
		last  entry
		width = 9
		bits  uint32
		have  int
		lead  = 0
	)
	if early {
		lead = 1
	}
	for _, b := range data {
		bits, have = bits<<8|uint32(b), have+8
		if have < width {
			continue
		}
		have -= width
		code := int(bits >> have & (1<<width - 1))
		at := len(out)
		switch {
		case code == clearTable:
			table, last, width = table[:0], entry{}, 9
			continue
		case code == end || len(out) >= most:
			return out
		case code < clearTable:
			out = append(out, byte(code))
		case code-first < len(table):
			e := table[code-first]
			out = append(out, out[e.start:e.start+e.length]...)
		case code-first == len(table) && last.length > 0:
			out = append(out, out[last.start:last.start+last.length]...)
			out = append(out, out[last.start])
		default:
			return out
		}
		if last.length > 0 && len(table) < 4096-first {
			table = append(table, entry{last.start, last.length + 1})
		}
		last = entry{at, len(out) - at}
		for width < 12 && len(table)+first+lead >= 1<<width {
			width++
		}
	}
	return out
}

// unpredict undoes a predictor (section 7.4.4.4): that of PNG, by row.
func (f *pdfFile) unpredict(data []byte, param pdfDict) []byte {
	if f.getNumber(param["Predictor"], 1) < 10 {
		return data
	}
	colors, bits := f.getNumber(param["Colors"], 1), f.getNumber(param["BitsPerComponent"], 8)
	columns := f.getNumber(param["Columns"], 1)
	const widest = 1 << 20
	if colors < 1 || bits < 1 || columns < 1 || colors*bits > 256 || columns > widest {
		return nil
	}
	pixel := max(1, int(colors*bits)/8)
	width := int(colors*bits*columns+7) / 8
	out := make([]byte, 0, len(data))
	above := make([]byte, width)
	for len(data) > 1 {
		kind, row := data[0], data[1:min(1+width, len(data))]
		data = data[1+len(row):]
		start := len(out)
		for i, c := range row {
			var left, corner byte
			if i >= pixel {
				left, corner = out[start+i-pixel], above[i-pixel]
			}
			out = append(out, c+predicted(kind, left, above[i], corner))
		}
		copy(above, out[start:])
	}
	return out
}

// predicted is what a PNG filter expects of a byte (RFC 2083, section 6).
func predicted(kind, left, up, corner byte) byte {
	switch kind {
	case 1:
		return left
	case 2:
		return up
	case 3:
		return byte((int(left) + int(up)) / 2)
	case 4:
		p := int(left) + int(up) - int(corner)
		a, b, c := distance(p, int(left)), distance(p, int(up)), distance(p, int(corner))
		switch {
		case a <= b && a <= c:
			return left
		case b <= c:
			return up
		}
		return corner
	}
	return 0
}

func distance(a, b int) int { return max(a-b, b-a) }
