package benign

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weppos/publicsuffix-go/publicsuffix"

	"spoor/internal/ioc"
)

// Entry is one entry of the operator's allow list.
type Entry struct {
	// Value is what is allowed, in the one spelling that ParseEntry gives it.
	Value string
	// Reason says why, in words; it may be empty.
	Reason string
}

// ErrEntry is what every *EntryError is.
var ErrEntry = errors.New("no allow list entry")

// EntryError says why a text is no entry, and what would be.
type EntryError struct {
	// Problem is for the one who wrote the entry.
	Problem string
	value   string
}

// Error shows the value defanged and cut short.
func (e *EntryError) Error() string {
	v := e.value
	if len(v) > maxEntryShown {
		v = v[:maxEntryShown] + "…"
	}
	return fmt.Sprintf("read %q as allow list entry: %s", ioc.DefangText(strings.ToValidUTF8(v, "?")), e.Problem)
}

// Is makes errors.Is(err, ErrEntry) true.
func (e *EntryError) Is(target error) bool { return target == ErrEntry }

const (
	// allowList is the name of the operator's list in verdicts.
	allowList = "allow-list"

	maxReasonBytes = 500
	// A range wider than this is a slip, not a network of one's own.
	minBits4, minBits6 = 8, 16
)

// ParseEntry reads what an operator allows:
//
//	198.51.100.7, 2001:db8::/32    an address, or the addresses of a range
//	corp.example, *.corp.example   a host name with all names below it; of a
//	                               name that strangers register below, such as
//	                               a hoster's, the name alone
//	https://corp.example/app/      this URL and those that continue it after a
//	                               slash or a question mark; http and https are
//	                               the same; with a query that URL alone
//	https://*.corp.example/        every URL on the host and on those below
//	@corp.example                  every e-mail address at the name and below
//	an address of e-mail, a hash, a CVE, an ATT&CK id
//
// Defanged text is understood. The result has the value in its one spelling:
// reading it again gives the same. Any error is an *EntryError.
func ParseEntry(value, reason string) (Entry, error) {
	p, err := parseEntry(value, reason)
	if err != nil {
		return Entry{}, err
	}
	return p.Entry, nil
}

// allowed is an entry and what it covers: one of the fields below it.
type allowed struct {
	Entry
	prefix netip.Prefix  // if valid
	host   string        // if set, with covers
	ind    ioc.Indicator // else
	covers covers
}

func parseEntry(value, reason string) (allowed, error) {
	var a allowed
	problem := "it must be valid UTF-8 without NUL"
	if utf8.ValidString(value) && strings.IndexByte(value, 0) < 0 {
		a, problem = readEntry(ioc.Clean(value))
	}
	if problem == "" {
		a.Reason, problem = readReason(reason)
	}
	if problem != "" {
		return allowed{}, &EntryError{Problem: problem, value: value}
	}
	return a, nil
}

func readReason(s string) (reason, problem string) {
	s = strings.TrimSpace(s)
	if len(s) > maxReasonBytes {
		return "", fmt.Sprintf("its reason is longer than %d bytes", maxReasonBytes)
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return "", "its reason must be one line of plain text"
	}
	return s, ""
}

func readEntry(s string) (a allowed, problem string) {
	if s == "" || len(s) > ioc.MaxKeyBytes {
		return a, "give an indicator, a name, a range like 192.0.2.0/24 or the beginning of a URL"
	}
	s = ioc.Refang(s)
	if p, err := netip.ParsePrefix(s); err == nil {
		return readRange(p)
	}
	if rest, ok := strings.CutPrefix(s, "@"); ok {
		return readHost("@", rest, "", onMail)
	}
	if scheme, rest, ok := strings.Cut(s, "://*."); ok && (scheme == "https" || scheme == "http") {
		host, path, _ := strings.Cut(rest, "/")
		if path != "" {
			return a, "with *. it covers whole hosts: leave out the path"
		}
		return readHost("https://*.", host, "/", onURL|onURLBelow)
	}
	everyBelow := strings.HasPrefix(s, "*.")
	ind, err := ioc.Identify(s)
	if err != nil {
		var invalid *ioc.InvalidError
		if errors.As(err, &invalid) {
			return a, invalid.Reason.Describe()
		}
		return a, err.Error()
	}
	if ind.Type == ioc.Domain && isShared(ind.Value) {
		if everyBelow {
			return a, "strangers register names below this one: leave out the *. to allow the name alone"
		}
		return readHost("", ind.Value, "", onName)
	}
	if ind.Type == ioc.Domain {
		return readHost("", ind.Value, "", onName|onBelow)
	}
	if addr, ok := parseAddr(ind.Value); ok && (ind.Type == ioc.IPv4 || ind.Type == ioc.IPv6) {
		a.prefix = netip.PrefixFrom(addr, addr.BitLen())
	}
	a.Value, a.ind, a.covers = ind.Value, ind, onValue
	if ind.Type == ioc.URL && !strings.Contains(ind.Value, "?") {
		a.covers = onPrefix
	}
	return a, ""
}

func readRange(p netip.Prefix) (a allowed, problem string) {
	if addr := p.Addr(); addr.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(addr.Unmap(), p.Bits()-96)
	}
	p = p.Masked()
	if least := minBits(p.Addr()); p.Bits() < least {
		return a, fmt.Sprintf("a range of /%d is too wide: /%d at least", p.Bits(), least)
	}
	a.prefix, a.covers, a.Value = p, onValue, p.String()
	if p.IsSingleIP() {
		a.Value = p.Addr().String()
	}
	return a, ""
}

func minBits(addr netip.Addr) int {
	if addr.Is4() {
		return minBits4
	}
	return minBits6
}

func readHost(before, host, after string, c covers) (a allowed, problem string) {
	ind, err := ioc.Normalise(ioc.Domain, host)
	if err != nil || ind.Port != 0 {
		return a, "write a host name of two labels or more, without a port"
	}
	rule := publicsuffix.DefaultList.Find(ind.Value, &publicsuffix.FindOptions{IgnorePrivate: true})
	if rule != nil && rule.Value == ind.Value && rule.Type == publicsuffix.NormalType {
		return a, "everyone registers names below this one"
	}
	a.host, a.covers, a.Value = ind.Value, c, before+ind.Value+after
	return a, ""
}

// isShared reports whether strangers register names below this one, by the
// private part of the list of public suffixes.
func isShared(host string) bool {
	rule := publicsuffix.DefaultList.Find(host, nil)
	return rule != nil && rule.Private && rule.Value == host && rule.Type == publicsuffix.NormalType
}

// addTo adds the entry to a layer, as a list of its own: it has its own reason.
func (a allowed) addTo(b *builder) {
	says := "is on the allow list"
	if a.Reason != "" {
		says += ": " + a.Reason
	}
	b.begin(list{name: allowList, says: says, strength: Strong, across: true})
	switch {
	case a.prefix.IsValid():
		b.addRange(a.prefix, a.covers)
	case a.host != "":
		b.addName(a.host, a.covers)
	case a.ind.Type == ioc.URL:
		b.addURL(a.ind.Value, a.covers)
	default:
		b.addValue(a.ind.Key)
	}
}
