package config

import (
	"net/url"
	"regexp"
	"strings"
)

const (
	hidden   = "xxxxx" // what stands for a password
	unshown  = "…"     // what stands for text that may hold one anywhere
	fileName = "sqlite:"
)

// address is the only form of a database's address of which parts are shown:
// scheme, user, password, hosts, database and parameters, each free of the
// characters that end it. Parsers disagree on where the password of any other
// form ends, so nothing but its scheme is shown.
//
//nolint:gochecknoglobals // compiled pattern
var address = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]*://)(?:([^:/?#@\s]*)(:[^/?#@\s]*)?@)?([^/?#@\s]*)(/[^/?#@\s]*)?(\?[^?#@\s]*)?$`)

// MaskAddress returns the address of a store as it may be shown and logged,
// without its password: also of several hosts, and of an address that is not
// valid. The file of an embedded store is shown as it is.
func MaskAddress(value string) string {
	scheme, _, isURL := strings.Cut(value, "://")
	m := address.FindStringSubmatch(value)
	switch {
	case m != nil:
		user := m[2]
		if m[3] != "" {
			user += ":" + hidden
		}
		if user != "" {
			user += "@"
		}
		return m[1] + user + m[4] + m[5] + maskParameters(m[6])
	case strings.HasPrefix(value, fileName) && !isURL:
		return value
	case isURL && isWord(scheme):
		return scheme + "://" + unshown
	case strings.ContainsAny(value, "=@"): // a list of names and values, or half an address
		return unshown
	default:
		return value
	}
}

// maskParameters hides the parameters that are or mention a password, in any
// spelling, and those that cannot be read.
func maskParameters(query string) string {
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		raw, _, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(pair)
		if err != nil || strings.Contains(strings.ToLower(plain), "pass") {
			pairs[i] = raw + "=" + hidden
		}
	}
	return strings.Join(pairs, "&")
}

// isWord reports whether s is a scheme: nothing else before :// is shown.
func isWord(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789+.-") == ""
}

// plainWord is the length below which a password is taken for a word of the
// text around it, unless it stands where passwords do: hiding every "a" of an
// error would tell what the password is.
const plainWord = 6

// HideSecrets returns a text, such as a driver's error, in which the store's
// addresses are masked and their passwords hidden, as written and decoded.
func (c Config) HideSecrets(text string) string {
	for _, value := range []string{c.Store, c.ReadStore} {
		masked := MaskAddress(value)
		if masked == value {
			continue
		}
		text = strings.ReplaceAll(text, value, masked)
		for _, secret := range passwords(value) {
			for _, place := range [][2]string{{":", "@"}, {"=", ""}, {"='", "'"}, {`"`, `"`}, {"`", "`"}} {
				text = strings.ReplaceAll(text, place[0]+secret+place[1], place[0]+hidden+place[1])
			}
			if len(secret) >= plainWord && !strings.Contains(masked, secret) {
				text = strings.ReplaceAll(text, secret, hidden)
			}
		}
	}
	return text
}

// passwords returns the passwords of an address, as they are written there and
// decoded.
func passwords(value string) []string {
	var found []string
	add := func(raw string) {
		for _, unescape := range []func(string) (string, error){url.PathUnescape, url.QueryUnescape} {
			if plain, err := unescape(raw); err == nil && plain != "" {
				found = append(found, plain)
			}
		}
		if raw != "" {
			found = append(found, raw)
		}
	}
	m := address.FindStringSubmatch(value)
	if m == nil {
		_, rest, _ := strings.Cut(value, "://")
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			_, raw, _ := strings.Cut(rest[:at], ":")
			add(raw)
		}
		return found
	}
	add(strings.TrimPrefix(m[3], ":"))
	for pair := range strings.SplitSeq(strings.TrimPrefix(m[6], "?"), "&") {
		raw, secret, _ := strings.Cut(pair, "=")
		if maskParameters(pair) == raw+"="+hidden {
			add(secret)
		}
	}
	return found
}
