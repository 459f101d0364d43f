package storetest

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// GeneratedFeed is the feed whose article ids Generate makes.
func GeneratedFeed() store.Feed { return store.Feed{Name: "Generated", Category: store.ThreatIntel} }

// Generate returns n observations of GeneratedFeed, the same for the same
// seed: nine types in the mix of real feeds, words, hosts and networks drawn
// with a skew, one value in twelve a repetition, articles of about a dozen
// rows. Names end in .example; addresses are those of RFC 5737, RFC 3849 and,
// because 768 addresses are too few for a large set, RFC 2544.
func Generate(n int, seed uint64) []store.Observation {
	return generate(GeneratedFeed(), n, seed)
}

// generate is Generate for any feed.
func generate(feed store.Feed, n int, seed uint64) []store.Observation {
	g := newGenerator(feed, seed)
	all := make([]store.Observation, 0, n)
	for range n {
		all = append(all, g.next())
	}
	return all
}

// generator draws observations.
type generator struct {
	feed    store.Feed
	rng     *rand.Rand
	word    *rand.Zipf
	old     []ioc.Indicator // what may be repeated
	article *store.Article
	left    int // rows still to come from the article
	made    int // articles so far
	report  profile
	usual   []profile // of rows without an article
}

func newGenerator(feed store.Feed, seed uint64) *generator {
	rng := rand.New(rand.NewPCG(seed, 0x5b00)) //nolint:gosec // reproducible on purpose
	g := &generator{feed: feed, rng: rng, word: rand.NewZipf(rng, 1.2, 3, uint64(len(words())-1))}
	for range 12 {
		g.usual = append(g.usual, g.profile())
	}
	return g
}

// words are what names and paths are made of, the commonest first.
func words() []string {
	return []string{
		"login", "secure", "update", "cdn", "mail", "account", "static", "panel", "cloud", "files", "gate",
		"verify", "support", "bank", "wallet", "invoice", "img", "api", "portal", "office", "sync", "proxy",
		"backup", "shop", "service", "stat", "check", "auth", "doc", "news", "pay", "vpn", "node", "client",
		"remote", "share", "photo", "game", "stream", "print", "scan", "admin", "test", "data", "link",
	}
}

func (g *generator) pick() string { return words()[g.word.Uint64()] }

func (g *generator) chance(percent int) bool { return g.rng.IntN(100) < percent }

// some draws up to limit of the given, the first ones more often.
func (g *generator) some(limit int, from []string) []string {
	var out []string
	for range g.rng.IntN(limit + 1) {
		out = append(out, from[min(g.rng.IntN(len(from)), g.rng.IntN(len(from)))])
	}
	return out
}

// profile is what the rows of one report have in common: sources judge and tag
// reports, not rows.
type profile struct {
	confidence                             ioc.Confidence
	tlp                                    ioc.TLP
	tags, families, techniques, industries []string
	evidence                               store.Evidence
}

func (g *generator) profile() profile {
	p := profile{
		confidence: g.confidence(), tlp: g.tlp(),
		tags:       g.some(3, []string{"c2", "phishing", "payload", "scanner", "botnet", "loader", "stealer"}),
		families:   g.some(1, []string{"greyheron", "tinfox", "mudlark", "saltwasp", "paperwolf", "ironmoth"}),
		techniques: g.some(2, []string{"T1071", "T1566.002", "T1105", "T1059", "T1027"}),
		industries: g.some(1, []string{"energy", "financial-services", "communications", "dams"}),
	}
	p.evidence = store.Evidence(int(p.confidence)+len(p.tags)+len(p.techniques)) & 7 //nolint:gosec // a handful
	return p
}

func (g *generator) next() store.Observation {
	o := store.Observation{Indicator: g.indicator(), Origin: store.OriginFeed}
	p := g.usual[g.rng.IntN(len(g.usual))]
	if !g.chance(20) {
		o.Origin, o.Article = store.OriginArticle, g.currentArticle()
		p = g.report
	}
	if g.chance(10) { // a row that its source knows more about
		p = g.profile()
	}
	o.Confidence, o.TLP = p.confidence, p.tlp
	o.Tags, o.Families, o.Techniques, o.Industries = p.tags, p.families, p.techniques, p.industries
	o.Evidence = p.evidence
	if !g.chance(10) {
		o.FirstSeen = epoch().Add(time.Duration(g.rng.IntN(60*60*24*700)) * time.Second)
		o.LastSeen = o.FirstSeen.Add(time.Duration(g.rng.IntN(60*60*24*30)) * time.Second)
	}
	if o.LastSeen.Unix()%5 == 1 {
		o.ValidUntil = o.LastSeen.Add(90 * 24 * time.Hour)
	}
	if g.chance(30) {
		o.Context = "seen as " + g.pick() + " traffic towards " + g.pick()
	}
	if g.chance(4) {
		o.Warnings = []store.Warning{{List: "popular-" + g.pick(), Reason: "a well-known service"}}
	}
	if g.chance(10) {
		o.Ports = []uint16{[]uint16{443, 80, 8080, 4444}[g.rng.IntN(4)]}
	}
	return o
}

// epoch is when generated history begins.
func epoch() time.Time { return time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC) }

func (g *generator) confidence() ioc.Confidence {
	switch p := g.rng.IntN(10); {
	case p < 5:
		return ioc.High
	case p < 9:
		return ioc.Medium
	default:
		return ioc.Low
	}
}

func (g *generator) tlp() ioc.TLP {
	if g.chance(80) {
		return ioc.Clear
	}
	return ioc.Green + ioc.TLP(g.rng.IntN(4))
}

func (g *generator) currentArticle() *store.Article {
	if g.left == 0 {
		g.made++
		g.left = 1 + g.rng.IntN(23)
		g.report = g.profile()
		g.article = article(g.feed, fmt.Sprintf("https://reports.example/%s/%d", g.pick(), g.made))
	}
	g.left--
	return g.article
}

// article makes an article of the feed that is known by its URL.
func article(feed store.Feed, url string) *store.Article {
	return &store.Article{
		ID: store.ArticleID(feed.Name, url), Feed: feed, URL: url,
		Title: "Report at " + url, Publisher: "Example Research", Category: string(feed.Category),
		Published: epoch(), Fetched: epoch().Add(time.Hour), TLP: ioc.Clear,
	}
}

func (g *generator) indicator() ioc.Indicator {
	if len(g.old) > 0 && g.chance(8) {
		// The older of two draws: some values come again and again.
		return g.old[min(g.rng.IntN(len(g.old)), g.rng.IntN(len(g.old)))]
	}
	i := g.fresh()
	g.old = append(g.old, i)
	return i
}

func (g *generator) fresh() ioc.Indicator {
	switch p := g.rng.IntN(100); {
	case p < 25:
		return indicator(ioc.IPv4, g.ipv4())
	case p < 50:
		return indicator(ioc.Domain, g.domain())
	case p < 75:
		return indicator(ioc.URL, g.url())
	case p < 87:
		return indicator(ioc.SHA256, g.hex(32))
	case p < 93:
		return indicator(ioc.MD5, g.hex(16))
	case p < 96:
		return indicator(ioc.SHA1, g.hex(20))
	case p < 98:
		return indicator(ioc.Email, g.pick()+"."+g.pick()+"@"+g.domain())
	case p < 99:
		return indicator(ioc.IPv6, fmt.Sprintf("2001:db8:%x::%x", 1+g.rng.IntN(0xfff), 1+g.rng.IntN(0xfff)))
	default:
		return indicator(ioc.CVE, fmt.Sprintf("CVE-%d-%d", 2014+g.rng.IntN(12), 1000+g.rng.IntN(40000)))
	}
}

// indicator is a value that is canonical already.
func indicator(t ioc.Type, value string) ioc.Indicator {
	return ioc.Indicator{Type: t, Value: value, Key: strings.ToLower(value)}
}

func (g *generator) ipv4() string {
	if g.chance(30) {
		net := []string{"192.0.2", "198.51.100", "203.0.113"}[min(g.rng.IntN(3), g.rng.IntN(3))]
		return fmt.Sprintf("%s.%d", net, 1+g.rng.IntN(254))
	}
	third := min(g.rng.IntN(256), g.rng.IntN(256), g.rng.IntN(256))
	return fmt.Sprintf("198.%d.%d.%d", 18+g.rng.IntN(2), third, 1+g.rng.IntN(254))
}

func (g *generator) domain() string {
	labels := []string{g.pick() + []string{"", "-", "."}[g.rng.IntN(3)] + g.pick()}
	if g.chance(60) {
		labels = append(labels, fmt.Sprintf("%s%d", g.pick(), g.rng.IntN(2000)))
	}
	if g.chance(15) {
		labels = append(labels, []string{"com", "net", "dyn"}[g.rng.IntN(3)])
	}
	return strings.Join(append(labels, "example"), ".")
}

func (g *generator) url() string {
	var b strings.Builder
	b.WriteString([]string{"http://", "https://"}[g.rng.IntN(2)])
	if g.chance(30) {
		b.WriteString(g.ipv4())
	} else {
		b.WriteString(g.domain())
	}
	if g.chance(20) {
		fmt.Fprintf(&b, ":%d", 1024+g.rng.IntN(9000))
	}
	b.WriteByte('/')
	for range g.rng.IntN(4) {
		b.WriteString(g.pick() + "/")
	}
	switch g.rng.IntN(4) {
	case 0:
		fmt.Fprintf(&b, "Gate%d.php?id=%s", g.rng.IntN(90), g.hex(4))
	case 1:
		fmt.Fprintf(&b, "%s_%d%%20v.exe", g.pick(), g.rng.IntN(500))
	case 2:
		fmt.Fprintf(&b, "wp-includes/%s.js", g.pick())
	}
	return b.String()
}

func (g *generator) hex(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(g.rng.UintN(256))
	}
	return hex.EncodeToString(b)
}

// batches cuts observations into batches of size.
func batches(all []store.Observation, size int) [][]store.Observation {
	return slices.Collect(slices.Chunk(all, size))
}
