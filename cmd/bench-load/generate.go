package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// generator writes a set with the skew of real feeds: a fixed mix of types,
// words, hosts and paths by Zipf's law, one row in twelve a value seen before,
// twelve rows an article. The same seed writes the same bytes. The set that
// storetest.Generate makes is another: it is for right and wrong, from a few
// dozen words; what an index costs shows only with the vocabulary, networks
// and top-level domains of a real set.
type generator struct {
	r                              *rand.Rand
	words, hosts, folders, files   []string
	word, host, folder, page, fame *rand.Zipf
	recent                         []generated
	families                       []string
}

type generated struct{ kind, value string }

const (
	rowsPerArticle = 12
	// repeats is how many of 100 rows say a value again.
	repeats = 8
)

func newGenerator(seed uint64) *generator {
	g := &generator{r: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // repeatable on purpose
	tlds := []string{"com", "net", "org", "info", "ru", "xyz", "top", "cn", "de", "co.uk", "com.br", "io", "site", "online", "club", "tk"}
	common := []string{
		"login", "secure", "update", "account", "mail", "cloud", "verify", "service", "support", "web", "online", "app", "download", "office",
		"bank", "pay", "cdn", "api", "portal", "shop", "panel", "gate", "static", "images", "news", "blog", "user", "client", "auth", "data",
	}
	for len(g.words) < 4000 {
		g.words = append(g.words, g.syllables())
	}
	g.words = append(common, g.words...)
	g.word = rand.NewZipf(g.r, 1.15, 4, uint64(len(g.words)-1))
	tld := rand.NewZipf(g.r, 1.3, 1, uint64(len(tlds)-1))
	for range 60_000 {
		name := g.pick(g.word)
		if g.r.UintN(3) == 0 {
			name += "-" + g.pick(g.word)
		}
		g.hosts = append(g.hosts, name+strconv.Itoa(g.r.IntN(100))+"."+tlds[tld.Uint64()])
	}
	g.host = rand.NewZipf(g.r, 1.1, 8, uint64(len(g.hosts)-1))
	g.folders = []string{"wp-includes", "wp-content", "wp-admin", "images", "css", "js", "admin", "panel", "uploads", "tmp", "files", "assets"}
	for len(g.folders) < 800 {
		g.folders = append(g.folders, g.pick(g.word))
	}
	g.folder = rand.NewZipf(g.r, 1.2, 2, uint64(len(g.folders)-1))
	g.files = []string{"index.php", "gate.php", "login.php", "config.bin", "payload.exe", "update.zip", "invoice.doc", "a.js", "x.sh", "mozi.m"}
	g.page = rand.NewZipf(g.r, 1.3, 1, uint64(len(g.files)-1))
	for range 400 {
		g.families = append(g.families, g.syllables())
	}
	g.fame = rand.NewZipf(g.r, 1.4, 2, uint64(len(g.families)-1))
	return g
}

// syllables makes a word that can be spoken, so that trigrams are shared as
// those of names are.
func (g *generator) syllables() string {
	const consonants, vowels = "bcdfghklmnprstvwz", "aeiou"
	var b strings.Builder
	for range 2 + g.r.IntN(3) {
		b.WriteByte(consonants[g.r.IntN(len(consonants))])
		b.WriteByte(vowels[g.r.IntN(len(vowels))])
		if g.r.UintN(4) == 0 {
			b.WriteByte(consonants[g.r.IntN(len(consonants))])
		}
	}
	return b.String()
}

func (g *generator) pick(z *rand.Zipf) string {
	switch z {
	case g.word:
		return g.words[z.Uint64()]
	case g.host:
		return g.hosts[z.Uint64()]
	case g.folder:
		return g.folders[z.Uint64()]
	default:
		return g.files[z.Uint64()]
	}
}

// next returns a row's type and value: a quarter addresses, a quarter domains,
// a quarter URLs, the rest mostly hashes.
func (g *generator) next() generated {
	if len(g.recent) > 0 && g.r.UintN(100) < repeats {
		return g.recent[g.r.IntN(len(g.recent))]
	}
	v := g.fresh()
	if len(g.recent) < 50_000 {
		g.recent = append(g.recent, v)
	} else {
		g.recent[g.r.IntN(len(g.recent))] = v
	}
	return v
}

func (g *generator) fresh() generated {
	switch n := g.r.UintN(100); {
	case n < 25:
		return generated{"ipv4", g.address()}
	case n < 50:
		return generated{"domain", g.domain()}
	case n < 75:
		return generated{"url", g.url()}
	case n < 87:
		return generated{"sha256", g.hash(32)}
	case n < 93:
		return generated{"md5", g.hash(16)}
	case n < 96:
		return generated{"sha1", g.hash(20)}
	case n < 98:
		return generated{"email", g.pick(g.word) + strconv.Itoa(g.r.IntN(1000)) + "@" + g.pick(g.host)}
	case n < 99:
		return generated{"ipv6", fmt.Sprintf("2001:db8:%x:%x::%x", g.r.UintN(1<<16), g.r.UintN(1<<16), 1+g.r.UintN(1<<15))}
	default:
		return generated{"cve", fmt.Sprintf("CVE-%d-%d", 2010+g.r.IntN(16), 1000+g.r.IntN(50_000))}
	}
}

// address crowds into few networks, as hosters do.
func (g *generator) address() string {
	net := g.r.UintN(100)
	a, b := 1+(net*net/41)%222, (net*37+g.r.UintN(12))%256
	return fmt.Sprintf("%d.%d.%d.%d", a, b, g.r.UintN(256), 1+g.r.UintN(254))
}

func (g *generator) domain() string {
	return g.pick(g.word) + strconv.Itoa(g.r.IntN(500)) + "." + g.pick(g.host)
}

func (g *generator) url() string {
	var b strings.Builder
	b.WriteString("http://" + g.pick(g.host))
	for range 1 + g.r.IntN(3) {
		b.WriteString("/" + g.pick(g.folder))
	}
	b.WriteString("/" + g.pick(g.page))
	if g.r.UintN(2) == 0 {
		b.WriteString("?id=" + strconv.Itoa(g.r.IntN(1_000_000)))
	}
	return b.String()
}

func (g *generator) hash(bytes int) string {
	b := make([]byte, bytes)
	for i := range b {
		b[i] = byte(g.r.UintN(256))
	}
	return hex.EncodeToString(b)
}

// generate writes n rows as one CSV file.
func generate(to string, n int, seed uint64) (err error) {
	file, err := os.Create(filepath.Clean(to))
	if err != nil {
		return fmt.Errorf("generate set: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := bufio.NewWriterSize(file, 1<<20)
	g := newGenerator(seed)
	fmt.Fprintln(out, "type,value,confidence,first_seen,article_url,article_title,family")
	confidence := []string{"high", "medium", "low"}
	day := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	var article, family string
	var seen time.Time
	for i := range n {
		if i%rowsPerArticle == 0 {
			number := i / rowsPerArticle
			family = g.families[g.fame.Uint64()]
			article = fmt.Sprintf("https://reports.example/%d,Report %d on %s", number, number, family)
			seen = day.Add(time.Duration(g.r.IntN(365*24)) * time.Hour)
		}
		v := g.next()
		fmt.Fprintf(out, "%s,%s,%s,%s,%s,%s\n", v.kind, v.value, confidence[g.r.IntN(3)], seen.Format(time.RFC3339), article, family)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("generate set: %w", err)
	}
	return nil
}
