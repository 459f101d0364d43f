package benign

import (
	"context"
	"net/netip"
	"strings"

	"github.com/weppos/publicsuffix-go/publicsuffix"

	"spoor/internal/ioc"
)

// Reasons for leaving out an entry.
const (
	leftEmpty      = "empty, or no text"
	leftRange      = "no address range"
	leftWide       = "a range of half the internet"
	leftName       = "no host name of two labels or more"
	leftIndicator  = "no indicator of a type that is kept here"
	leftShort      = "a text of less than three bytes, or more than 1024"
	leftExpression = "no regular expression that RE2 can run"
	leftMany       = "more expressions than are tried"
	leftAttribute  = "not among the list's matching attributes"
)

// minRangeBits is the widest range a list may name: those of RFC 6890 have
// four bits and more.
const minRangeBits = 4

// compiler turns the entries of one list into entries of a layer.
type compiler struct {
	b      *builder
	report *ListReport
	types  typeSet
	class  class
}

// reader returns what reads one entry of a list of that type: why it is left
// out, or "".
func (c *compiler) reader(listType string) (func(string) string, bool) {
	switch listType {
	case "cidr":
		return c.cidr, true
	case "hostname":
		return c.hostname, true
	case "string":
		return c.text, true
	case "substring":
		return c.substring, true
	case "regex":
		return c.expression, true
	}
	return nil, false
}

// checkEvery is how many entries are compiled between looks at the context.
const checkEvery = 4096

func (c *compiler) compile(ctx context.Context, entries []string, read func(string) string) error {
	for i, e := range entries {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e = strings.TrimSpace(e)
		reason := leftEmpty
		if e != "" {
			reason = read(e)
		}
		if reason != "" {
			c.report.leave(reason, e)
			continue
		}
		c.report.Entries++
	}
	return nil
}

func (c *compiler) cidr(e string) string {
	p, err := netip.ParsePrefix(e)
	if err != nil {
		addr, err := netip.ParseAddr(e)
		if err != nil {
			return leftRange
		}
		p = netip.PrefixFrom(addr.WithZone(""), addr.BitLen())
	}
	if addr := p.Addr(); addr.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(addr.Unmap(), p.Bits()-96)
	}
	if p.Bits() < minRangeBits {
		return leftWide
	}
	if !c.types.has(ioc.IPv4) {
		return leftAttribute
	}
	covers := onValue
	if c.class.urls {
		covers |= onURL
	}
	c.b.addRange(p.Masked(), covers)
	return ""
}

func (c *compiler) hostname(e string) string {
	ind, err := ioc.Normalise(ioc.Domain, e)
	if err != nil {
		if c.cidr(e) == "" {
			return ""
		}
		return leftName
	}
	return c.name(ind.Value, onName|onBelow)
}

// name adds a host name for what the list is about. A list about URLs only
// still means the bare host.
func (c *compiler) name(name string, covers covers) string {
	if !c.types.has(ioc.Domain) && !c.types.has(ioc.URL) {
		covers = 0
	}
	if c.class.urls {
		covers |= onURL
		if covers&onBelow != 0 {
			covers |= onURLBelow
		}
	}
	if c.types.has(ioc.Email) {
		covers |= onMail
	}
	if covers == 0 {
		return leftAttribute
	}
	c.b.addName(name, covers)
	return ""
}

func (c *compiler) text(e string) string {
	if strings.HasPrefix(e, ".") || strings.HasPrefix(e, "*.") {
		return c.hostname(e)
	}
	ind, err := ioc.Identify(e)
	if err != nil {
		if c.cidr(e) == "" {
			return ""
		}
		return leftIndicator
	}
	switch ind.Type {
	case ioc.IPv4, ioc.IPv6:
		return c.cidr(ind.Value)
	case ioc.Domain:
		return c.name(ind.Value, onName)
	}
	if !c.types.has(ind.Type) {
		return leftAttribute
	}
	if ind.Type == ioc.URL {
		c.b.addURL(ind.Value, onValue)
		return ""
	}
	c.b.addValue(ind.Key)
	return ""
}

func (c *compiler) substring(e string) string {
	if ind, err := ioc.Identify(e); err == nil {
		switch {
		case ind.Type == ioc.IPv4 || ind.Type == ioc.IPv6:
			return c.cidr(ind.Value)
		case ind.Type == ioc.Domain && underSuffix(ind.Value):
			return c.name(ind.Value, onName|onBelow)
		}
	}
	e = strings.ToLower(e)
	if len(e) < minNeedle || len(e) > maxNeedle {
		return leftShort
	}
	c.b.addNeedle(pattern{text: e, types: c.types})
	return ""
}

// underSuffix tells a host name from a file name: the name lies below a public
// suffix that exists.
func underSuffix(name string) bool {
	rule := publicsuffix.DefaultList.Find(name, &publicsuffix.FindOptions{})
	return rule != nil
}

func (c *compiler) expression(e string) string {
	expression, needed, err := parseExpression(e)
	if err != nil {
		return leftExpression
	}
	if needed == nil {
		needed = []string{""}
	}
	for _, text := range needed {
		if !c.b.addNeedle(pattern{text: text, types: c.types, expression: expression}) {
			return leftMany
		}
	}
	return ""
}
