package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"spoor/internal/store"
)

// A cursor is base64url without padding of, big-endian:
//
//	version 1 · UpdatedAt 8 (Unix seconds) · Seq 8 · Began 8 · ID 16 · scope 8 · check 4
//
// scope is a hash of the filters it was made for, check of everything before
// it. Neither is secret and nothing is signed: a forged position shows nothing
// that the key may not list anyway.
const (
	cursorVersion = 1
	cursorBody    = 1 + 8 + 8 + 8 + 16
	cursorScope   = 8
	cursorCheck   = 4
	cursorSize    = cursorBody + cursorScope + cursorCheck
)

func encodeCursor(p store.Position, scope [cursorScope]byte) string {
	var buf [cursorSize]byte
	b := append(buf[:0], cursorVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(p.UpdatedAt.Unix())) //nolint:gosec // decoded back
	b = binary.BigEndian.AppendUint64(b, uint64(p.Seq))              //nolint:gosec // decoded back
	b = binary.BigEndian.AppendUint64(b, uint64(p.Began))            //nolint:gosec // decoded back
	b = append(b, p.ID[:]...)
	b = append(b, scope[:]...)
	sum := sha256.Sum256(b)
	b = append(b, sum[:cursorCheck]...)
	return base64.RawURLEncoding.EncodeToString(b)
}

func decodeCursor(token string, scope [cursorScope]byte) (store.Position, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != cursorSize || b[0] != cursorVersion {
		return store.Position{}, damagedCursor()
	}
	sum := sha256.Sum256(b[:cursorSize-cursorCheck])
	if !bytes.Equal(sum[:cursorCheck], b[cursorSize-cursorCheck:]) {
		return store.Position{}, damagedCursor()
	}
	if !bytes.Equal(b[cursorBody:cursorBody+cursorScope], scope[:]) {
		return store.Position{}, badParam("cursor", "was made for other filters; keep the filters of the page it came from, or start again without cursor")
	}
	number := func(from int) int64 {
		return int64(binary.BigEndian.Uint64(b[from:])) //nolint:gosec // encoded so
	}
	p := store.Position{UpdatedAt: time.Unix(number(1), 0).UTC(), Seq: number(9), Began: number(17)}
	p.ID = uuid.UUID(b[25:41])
	return p, nil
}

func damagedCursor() *apiError {
	return badParam("cursor", "is not a cursor of this server, or is damaged; use links.next as it is, or start again without cursor")
}

// cursorScope is what a cursor of this request is bound to.
func (req *listRequest) cursorScope() [cursorScope]byte {
	f := &req.bound
	sum := sha256.Sum256([]byte(strings.Join([]string{
		f.Type, f.Category, f.Confidence, f.Industry, f.Tag, f.Feed, f.Origin, f.Technique, f.ArticleID,
		f.Since, f.Until, strconv.FormatBool(req.filter.WithoutWarned),
	}, "\x00")))
	return [cursorScope]byte(sum[:cursorScope])
}
