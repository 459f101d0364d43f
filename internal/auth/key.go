package auth

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// DefaultPrefix is the word that keys begin with unless it is configured
// otherwise.
const DefaultPrefix = "sk_live_"

const (
	secretLen   = 32 // base62 characters: 190 bits
	checksumLen = 6  // base62 characters: enough for 32 bits
	shownLen    = 4  // characters of the secret in a display prefix
	maxKeyLen   = 128
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// unbiased is the largest multiple of 62 in a byte: bytes from there on are
// thrown away, or the first characters would come up more often.
const unbiased = 256 / len(base62) * len(base62)

var errMalformed = errors.New("key is malformed")

// Mint makes the text of a new key: the prefix word, 32 base62 characters read
// from random (which must be a CSPRNG) and 6 of CRC-32 over both (contract
// section 1.1). An empty prefix means DefaultPrefix.
func Mint(random io.Reader, prefix string) (string, error) {
	if prefix == "" {
		prefix = DefaultPrefix
	}
	if err := checkPrefix(prefix); err != nil {
		return "", err
	}
	text := make([]byte, 0, len(prefix)+secretLen+checksumLen)
	text = append(text, prefix...)
	var buf [64]byte
	for len(text) < len(prefix)+secretLen {
		if _, err := io.ReadFull(random, buf[:]); err != nil {
			return "", fmt.Errorf("read random bytes: %w", err)
		}
		for _, b := range buf {
			if int(b) < unbiased && len(text) < len(prefix)+secretLen {
				text = append(text, base62[int(b)%len(base62)])
			}
		}
	}
	return string(appendChecksum(text, checksum(string(text)))), nil
}

// checkPrefix keeps the prefix to what survives a header, a URL and a shell.
func checkPrefix(prefix string) error {
	if len(prefix) > 32 || !strings.HasSuffix(prefix, "_") {
		return fmt.Errorf("use key prefix %q: at most 32 characters, the last an underscore", prefix)
	}
	for i := range len(prefix) {
		if prefix[i] != '_' && strings.IndexByte(base62, prefix[i]) < 0 {
			return fmt.Errorf("use key prefix %q: only letters, digits and underscores", prefix)
		}
	}
	return nil
}

// appendChecksum writes sum as six base62 digits, the most significant first.
func appendChecksum(dst []byte, sum uint32) []byte {
	var digits [checksumLen]byte
	for i := checksumLen - 1; i >= 0; i-- {
		digits[i] = base62[sum%uint32(len(base62))]
		sum /= uint32(len(base62))
	}
	return append(dst, digits[:]...)
}

// Verify reports whether text has the form of a key and its checksum is right,
// without looking anywhere: a mistyped key costs no query. The prefix word is
// not compared, so that keys outlive a change of it.
func Verify(text string) error {
	if len(text) < secretLen+checksumLen || len(text) > maxKeyLen {
		return errMalformed
	}
	body := text[:len(text)-checksumLen]
	for i := range len(body) {
		if body[i] != '_' && strings.IndexByte(base62, body[i]) < 0 {
			return errMalformed
		}
	}
	var buf [checksumLen]byte
	if string(appendChecksum(buf[:0], checksum(body))) != text[len(body):] {
		return errMalformed
	}
	return nil
}

// checksum is crc32.ChecksumIEEE of a string: every request pays for it, and
// the conversion to bytes would be its one allocation.
func checksum(s string) uint32 {
	crc := ^uint32(0)
	for i := range len(s) {
		crc = crc32.IEEETable[byte(crc)^s[i]] ^ crc>>8
	}
	return ^crc
}

// Hash returns what is stored of a key. A fast hash is right here: the secret
// has 190 bits, there is nothing to guess.
func Hash(text string) [sha256.Size]byte {
	var buf [maxKeyLen]byte // does not escape: no allocation for any real key
	return sha256.Sum256(append(buf[:0], text...))
}

// DisplayPrefix returns what may be shown of a key: its prefix word and four
// characters. Text that is no key shows nothing.
func DisplayPrefix(text string) string {
	n := len(text) - secretLen - checksumLen
	if n < 0 {
		return ""
	}
	return text[:n+shownLen]
}
