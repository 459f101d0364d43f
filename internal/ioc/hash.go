package ioc

// Hex digits of the four hashes.
const (
	md5Len    = 32
	sha1Len   = 40
	sha256Len = 64
	sha512Len = 128
)

func canonicalMD5(s string) bool    { return len(s) == md5Len && isLowerHex(s) }
func canonicalSHA1(s string) bool   { return len(s) == sha1Len && isLowerHex(s) }
func canonicalSHA256(s string) bool { return len(s) == sha256Len && isLowerHex(s) }
func canonicalSHA512(s string) bool { return len(s) == sha512Len && isLowerHex(s) }

func parseMD5(s string) (parsed, Reason)    { return parseHash(MD5, md5Len, s) }
func parseSHA1(s string) (parsed, Reason)   { return parseHash(SHA1, sha1Len, s) }
func parseSHA256(s string) (parsed, Reason) { return parseHash(SHA256, sha256Len, s) }
func parseSHA512(s string) (parsed, Reason) { return parseHash(SHA512, sha512Len, s) }

// parseHash reads exactly n hex digits of either case.
func parseHash(t Type, n int, s string) (parsed, Reason) {
	if len(s) != n {
		return parsed{}, ReasonWrongType
	}
	for i := range len(s) {
		if !isHex(s[i]) {
			return parsed{}, ReasonWrongType
		}
	}
	return parsed{typ: t, value: lower(s)}, ""
}

func isLowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
