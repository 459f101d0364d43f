package benign

import (
	"net/netip"
	"strings"

	"github.com/gaissmai/bart"

	"spoor/internal/ioc"
)

// covers is what an entry of a list says something about.
type covers uint8

const (
	onValue    covers = 1 << iota // the value that it is, an address of the range
	onName                        // the host name, alone
	onBelow                       // the names below the host name
	onURL                         // every URL on that host, or on addresses of the range
	onURLBelow                    // every URL on hosts below the host name
	onMail                        // e-mail addresses at the name and below it
	onPrefix                      // URLs that continue this one
)

// list is what verdicts need to know of one list, or of those entries of it
// that share a reason.
type list struct {
	name     string
	says     string // the reason, to follow the entry that covered the value
	strength Strength
	across   bool // also covers what providers' customers have below an entry
	uploads  bool // hosts that serve strangers' content: see Lists.Host
	rank     int  // its place in the order of verdicts, the same for one name
}

// member is a list that has an entry, and what the entry covers there.
type member struct {
	list   uint32 // index into layer.lists
	covers covers
}

// layer is a compiled set of lists. It is read only.
type layer struct {
	lists  []list
	sets   [][]member // by setID; sets[0] is empty
	values *table     // hashes, e-mail addresses, identifiers, by key
	names  *table     // host names
	labels int        // most labels of an entry of names
	urls   *table     // URLs and prefixes of URLs, by urlKey
	ranges *bart.Table[setID]
	needle needles
}

// judge adds what the layer's lists say of a value.
func (ly *layer) judge(f *findings, ind *ioc.Indicator) {
	switch ind.Type {
	case ioc.IPv4, ioc.IPv6:
		if !f.addr.IsValid() { // else a layer before has read it
			f.addr, _ = parseAddr(ind.Value)
		}
		ly.address(f, f.addr, onValue)
	case ioc.Domain:
		ly.name(f, ind.Value, onName, onBelow)
	case ioc.URL:
		ly.url(f, ind.Value)
	case ioc.Email:
		ly.value(f, ind.Key)
		ly.name(f, ind.Value[strings.LastIndexByte(ind.Value, '@')+1:], onMail, onMail)
	default:
		ly.value(f, ind.Key)
	}
	ly.needle.judge(f, ly, ind)
}

func (ly *layer) value(f *findings, key string) {
	if set := ly.values.get(key); set != 0 {
		f.addSet(ly, set, onValue, key)
	}
}

// address asks for the ranges that hold addr, the smallest first.
func (ly *layer) address(f *findings, addr netip.Addr, want covers) {
	if !addr.IsValid() {
		return
	}
	if _, ok := ly.ranges.Lookup(addr); !ok {
		return
	}
	f.addr = addr
	for prefix, set := range ly.ranges.Supernets(netip.PrefixFrom(addr, addr.BitLen())) {
		for _, m := range ly.sets[set] {
			if m.covers&want != 0 {
				f.add(finding{ly: ly, list: m.list, bits: int16(prefix.Bits())})
			}
		}
	}
}

// maxLabels is how many labels of a name are looked at, from the right: no
// list has an entry of more.
const maxLabels = 16

// maxName is the longest host name (RFC 1035 section 2.3.4).
const maxName = 253

// name asks for the entries that name a host or one above it, the longest
// first. exact is what the former must cover, below what the latter must.
func (ly *layer) name(f *findings, name string, exact, below covers) {
	if len(name) > maxName {
		return
	}
	type hit struct {
		set   setID
		start int // of the entry in name
	}
	var hits [maxLabels + 1]hit
	n, labels := 0, 0
	for i := len(name) - 1; i > 0 && labels < ly.labels; i-- {
		if name[i] != '.' {
			continue
		}
		labels++
		if set := ly.names.get(name[i+1:]); set != 0 {
			hits[n] = hit{set, i + 1}
			n++
		}
	}
	if set := ly.names.get(name); set != 0 {
		f.addSet(ly, set, exact, name)
	}
	owned := -1 // not known yet
	for n--; n >= 0; n-- {
		for _, m := range ly.sets[hits[n].set] {
			if m.covers&below == 0 {
				continue
			}
			if !ly.lists[m.list].across {
				if owned < 0 {
					owned = ownedFrom(name)
				}
				if hits[n].start > owned {
					continue
				}
			}
			f.add(finding{ly: ly, list: m.list, bits: -1, entry: name[hits[n].start:]})
		}
	}
}

// maxBoundaries is how many prefixes of a URL are looked up.
const maxBoundaries = 64

// url judges a canonical URL: as itself, by its prefixes, and by its host
// where that is enough.
func (ly *layer) url(f *findings, value string) {
	scheme, rest, ok := strings.Cut(value, "://")
	slash := strings.IndexByte(rest, '/')
	if !ok || slash < 0 {
		return
	}
	if ly.urls.len() > 0 {
		ly.prefixes(f, urlKey(value), len(urlKey(value))-len(rest)+slash)
	}
	exact, below := onURL, onURLBelow
	if rest[slash:] == "/" {
		exact, below = onURL|onName, onURLBelow|onBelow
	}
	host := cutPort(rest[:slash])
	if addr, ok := parseAddr(host); ok {
		if exact&onName != 0 {
			exact |= onValue
		}
		ly.address(f, addr, exact)
		return
	}
	if scheme != "" {
		ly.name(f, host, exact, below)
	}
}

// prefixes asks for a URL and for what it continues: its path up to a slash
// with and without it, up to the query. path is where the path begins in key.
func (ly *layer) prefixes(f *findings, key string, path int) {
	if set := ly.urls.get(key); set != 0 {
		f.addSet(ly, set, onValue|onPrefix, key)
	}
	last := min(len(key)-1, ly.urls.longest)
	for i, n := path, 0; i <= last && n < maxBoundaries; i++ {
		if c := key[i]; c == '/' || c == '?' {
			n++
			if i > path {
				f.addSet(ly, ly.urls.get(key[:i]), onPrefix, key[:i])
			}
			if c == '?' {
				return
			}
			if i < len(key)-1 {
				f.addSet(ly, ly.urls.get(key[:i+1]), onPrefix, key[:i+1])
			}
		}
	}
}

// urlKey is what a URL is looked up by: http and https are one place.
func urlKey(value string) string {
	if rest, ok := strings.CutPrefix(value, "https://"); ok {
		return rest
	}
	return strings.TrimPrefix(value, "http://")
}

// cutPort takes the port off the authority of a canonical URL.
func cutPort(authority string) string {
	if i := strings.LastIndexByte(authority, ':'); i > strings.IndexByte(authority, ']') {
		return authority[:i]
	}
	return authority
}

// parseAddr reads a canonical address, in brackets or not. It looks before it
// parses: netip allocates an error for every name.
func parseAddr(s string) (netip.Addr, bool) {
	if len(s) > 1 && s[0] == '[' && s[len(s)-1] == ']' {
		s = s[1 : len(s)-1]
	}
	if s == "" || len(s) > len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255") {
		return netip.Addr{}, false
	}
	if strings.IndexByte(s, ':') < 0 && (s[len(s)-1] < '0' || s[len(s)-1] > '9' || s[0] < '0' || s[0] > '9') {
		return netip.Addr{}, false
	}
	for i := range len(s) {
		if c := s[i]; c != '.' && c != ':' && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return netip.Addr{}, false
		}
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap(), true
}
