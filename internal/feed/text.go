package feed

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// decode returns r as UTF-8: a UTF-8 byte order mark is dropped, UTF-16 with
// one is decoded, anything else passes as it is (ioc refuses invalid UTF-8).
// The buffer of the result holds one line of maxLine bytes with its end.
func decode(r io.Reader) *bufio.Reader {
	b := bufio.NewReaderSize(r, maxLine+2)
	// An error here is met again by the first read.
	mark, _ := b.Peek(3)
	switch {
	case bytes.Equal(mark, []byte{0xEF, 0xBB, 0xBF}):
		_, _ = b.Discard(3)
		return b
	case bytes.HasPrefix(mark, []byte{0xFF, 0xFE}), bytes.HasPrefix(mark, []byte{0xFE, 0xFF}):
		utf16 := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)
		return bufio.NewReaderSize(transform.NewReader(b, utf16.NewDecoder()), maxLine+2)
	default:
		return b
	}
}

// lines reads a text line by line in constant memory.
type lines struct {
	r *bufio.Reader
	n int
}

func newLines(r io.Reader) *lines { return &lines{r: decode(r)} }

// next returns the next line without its end; it is valid until the next call.
// A line over maxLine is read past and comes back empty, with long true. The
// error is io.EOF after the last line.
func (l *lines) next() (line []byte, long bool, err error) {
	line, err = l.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		l.n++
		return nil, true, l.discardLine()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, fmt.Errorf("read line %d: %w", l.n+1, err)
	}
	if len(line) == 0 {
		return nil, false, io.EOF
	}
	l.n++
	line = bytes.TrimSuffix(line, []byte{'\n'})
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(line) > maxLine {
		return nil, true, nil
	}
	return line, false, nil
}

// discardLine reads past the rest of a line that fills the buffer.
func (l *lines) discardLine() error {
	for {
		_, err := l.r.ReadSlice('\n')
		switch {
		case err == nil, errors.Is(err, io.EOF):
			return nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("read line %d: %w", l.n, err)
		}
	}
}

// where names the line last read.
func (l *lines) where() string { return lineName(l.n) }

func lineName(n int) string {
	var buf [24]byte
	return string(strconv.AppendInt(append(buf[:0], "line "...), int64(n), 10))
}

// tooLong is the Skip of a line that next did not keep.
func (l *lines) tooLong() Skip {
	return Skip{Where: l.where(), Reason: ReasonLineTooLong, Detail: "longer than " + strconv.Itoa(maxLine) + " bytes"}
}

// cutComment splits "value # comment" at the first white space that is
// followed by one of the marks. A mark inside the value (a URL's fragment, a
// path with ';') begins no comment.
func cutComment(line []byte, marks ...string) (value []byte, comment string) {
	for i := 1; i < len(line); i++ {
		if line[i-1] != ' ' && line[i-1] != '\t' {
			continue
		}
		for _, mark := range marks {
			if rest := line[i:]; len(rest) >= len(mark) && string(rest[:len(mark)]) == mark {
				text := bytes.TrimSpace(rest[len(mark):])
				return bytes.TrimSpace(line[:i]), prose(string(text))
			}
		}
	}
	return line, ""
}

// quote shortens a piece of input for a message.
func quote(s string) string {
	if len(s) > maxDetail {
		s = s[:maxDetail] + "…"
	}
	return strconv.QuoteToGraphic(strings.ToValidUTF8(s, "\uFFFD"))
}
