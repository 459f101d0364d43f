package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// fault is a way in which a server answers other than it should, or in an
// unusual way that is right.
type fault string

// The faults with which the document arrives all the same.
const (
	faultNone    fault = ""
	faultSlow    fault = "slow"                  // drips
	faultGzip    fault = "gzip"                  //
	faultZstd    fault = "zstd"                  //
	faultCharset fault = "wrong charset"         // the header contradicts the bytes
	faultUTF16   fault = "UTF-16 called UTF-8"   //
	faultVanish  fault = "some entries vanish"   // for this answer
	faultTwice   fault = "entries stand twice"   // the same GUID and text
	faultTag     fault = "tag of another answer" // 200, with an ETag that was another copy's
)

// The faults with which nothing of it does.
const (
	faultCut       fault = "shorter than announced"
	faultChunk     fault = "chunks without end"
	faultClose     fault = "closed in the middle"
	faultStall     fault = "stalls"
	faultForbidden fault = "redirect to a forbidden address"
	faultLoop      fault = "redirect in a circle"
	fault429       fault = "429 with Retry-After"
	fault429Date   fault = "429 with a date"
	fault500       fault = "500"
	fault503       fault = "503 with Retry-After"
	faultEndless   fault = "endless body"
	faultPage      fault = "a web page"
	faultEmpty     fault = "empty body"
	faultBomb      fault = "bomb"
	faultShrunk    fault = "a tenth of it"
	faultGone      fault = "404"
	faultDown      fault = "down"
)

// wrongs are those of a front page; what a page of a report may do is less: a
// web page in the place of a web page cannot be told from it.
func wrongs(form string) []fault {
	list := []fault{
		faultCut, faultChunk, faultStall, faultForbidden, faultLoop, fault429, fault429Date, fault500, fault503,
		faultEndless, faultEmpty, faultBomb, faultGone,
	}
	switch form {
	case "page":
		return slices.DeleteFunc(list, func(f fault) bool { return f == faultGone || f == faultEmpty })
	case "rows":
		return append(list, faultPage)
	}
	// What has an end of its own can be seen to lack it.
	return append(list, faultPage, faultClose)
}

// document is what a paper has at an address.
type document struct {
	mediaType string
	// charset is how the text is sent, empty for UTF-8.
	charset string
	text    string
	header  http.Header
}

// asked is one request as the publisher saw it.
type asked struct {
	paper, path, agent string
	front              bool
	at                 time.Time
	fault              fault
	// rest is what the answer asked for, code its status.
	rest time.Duration
	code int
}

// gazette is a publisher on loopback with several hosts that misbehave.
type gazette struct {
	t    testing.TB
	seed uint64
	now  func() time.Time
	// odds is how many answers in a hundred are wrong.
	odds int

	mu     sync.Mutex
	papers []*paper
	// calm is when all misbehaviour ended, and all that changes.
	calm  time.Time
	hosts map[string]*httptest.Server
	log   []asked
	// count is how often a path was asked for, wrong how often in a row it was
	// answered wrongly.
	count, wrong map[string]int
	// busy are the agents that have a request under way, by paper.
	busy     map[string]map[string]int
	overlaps []string
	// reached counts connections to a forbidden address.
	reached atomic.Int64
}

const (
	// wrongInARow is how often in a row a path is answered wrongly at most.
	wrongInARow = 2
	// bombSize is what a bomb unpacks to.
	bombSize = 64 << 20
)

func newGazette(t testing.TB, seed uint64, now func() time.Time) *gazette {
	t.Helper()
	return &gazette{
		t: t, seed: seed, now: now, odds: 35, hosts: map[string]*httptest.Server{},
		count: map[string]int{}, wrong: map[string]int{}, busy: map[string]map[string]int{},
	}
}

// host returns the base of a host, started when it is first named. Beside it
// somebody listens at an address that must never be asked.
func (g *gazette) host(name string) string {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.hosts[name]; s != nil {
		return s.URL
	}
	s := httptest.NewServer(http.HandlerFunc(g.serve))
	g.t.Cleanup(s.Close)
	g.hosts[name] = s
	u, err := url.Parse(s.URL)
	if err != nil {
		g.t.Fatal(err)
	}
	if l, err := net.Listen("tcp", "127.0.0.2:"+u.Port()); err == nil { // not every system has the address
		var done sync.WaitGroup
		done.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				g.reached.Add(1)
				_ = c.Close()
			}
		})
		g.t.Cleanup(func() { _ = l.Close(); done.Wait() })
	}
	return s.URL
}

// add publishes a paper.
func (g *gazette) add(p *paper) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.papers = append(g.papers, p)
}

// rest ends all misbehaviour, and all that changes.
func (g *gazette) rest() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.calm.IsZero() {
		g.calm = g.now()
	}
}

// calmed is when rest was called, or zero.
func (g *gazette) calmed() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.calm
}

func (g *gazette) sources() []Source {
	var all []Source
	for _, p := range g.papers {
		all = append(all, p.src)
	}
	return all
}

// find returns the paper that a request is for.
func (g *gazette) find(path string) *paper {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, p := range g.papers {
		if strings.HasPrefix(path, "/"+p.src.Name+"/") {
			return p
		}
	}
	return nil
}

func (g *gazette) serve(w http.ResponseWriter, r *http.Request) {
	p := g.find(r.URL.Path)
	if p == nil {
		http.NotFound(w, r)
		return
	}
	now, path := g.now(), r.URL.RequestURI()
	a := asked{paper: p.src.Name, path: path, agent: r.UserAgent(), at: now, front: r.URL.Path == p.front && r.URL.Query().Get("next") == ""}
	f, random := g.choose(p, path, a.front, now)
	shown := now
	if calm := g.calmed(); !calm.IsZero() {
		shown = calm
	}
	drop := func(int) bool { return false }
	switch f {
	case faultVanish:
		drop = func(int) bool { return random.IntN(3) == 0 }
	case faultShrunk:
		drop = func(i int) bool { return i%10 != 0 }
	}
	doc, ok := p.document(shown, r, drop)
	if f == faultTwice && ok {
		doc, ok = p.twice(shown, r)
	}
	a.fault = f
	g.enter(&a)
	defer g.leave(&a)
	if !ok {
		a.code, a.fault = http.StatusNotFound, faultNone
		if code := doc.header.Get("Code"); code != "" {
			a.code, _ = strconv.Atoi(code)
		}
		w.WriteHeader(a.code)
		return
	}
	g.answer(answer{w, r, p, doc, random, &a})
}

// choose says how a request is answered: by the seed, the path and how often
// it was asked for before, so that the same seed misbehaves in the same way.
func (g *gazette) choose(p *paper, path string, front bool, now time.Time) (fault, *rand.Rand) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count[path]++
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", path, g.count[path])
	random := rand.New(rand.NewPCG(g.seed, h.Sum64())) //nolint:gosec // reproducible
	if !g.calm.IsZero() {
		return faultNone, random
	}
	if !now.Before(p.down[0]) && now.Before(p.down[1]) {
		return faultDown, random
	}
	bad, odd := p.wrongs, p.odd
	if !front {
		bad, odd = p.wrongsLater, nil
	}
	if len(bad) > 0 && g.wrong[path] < wrongInARow && random.IntN(100) < g.odds {
		// A copy that is too small has to come after good ones: the first is
		// what all others are measured by.
		if f := bad[random.IntN(len(bad))]; f != faultShrunk || g.count[path] > 8*wrongInARow {
			g.wrong[path]++
			return f, random
		}
	}
	g.wrong[path] = 0
	odd = append([]fault{faultNone, faultNone, faultSlow, faultGzip, faultZstd}, odd...)
	return odd[random.IntN(len(odd))], random
}

// enter notes who asks for what of a paper, beside whom.
func (g *gazette) enter(a *asked) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy[a.paper] == nil {
		g.busy[a.paper] = map[string]int{}
	}
	for other, n := range g.busy[a.paper] {
		if other != a.agent && n > 0 {
			g.overlaps = append(g.overlaps, fmt.Sprintf("%s: %s asks beside %s at %s", a.paper, a.agent, other, a.at))
		}
	}
	g.busy[a.paper][a.agent]++
}

func (g *gazette) leave(a *asked) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy[a.paper][a.agent]--
	g.log = append(g.log, *a)
}

// quiet returns when no request is under way: a server notices a while later
// that nobody waits for its answer.
func (g *gazette) quiet() {
	for busy := true; busy; time.Sleep(time.Millisecond) {
		busy = false
		g.mu.Lock()
		for _, by := range g.busy {
			for _, n := range by {
				busy = busy || n > 0
			}
		}
		g.mu.Unlock()
	}
}

func (g *gazette) requests() []asked {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.log)
}

// answer is one answer on its way.
type answer struct {
	w      http.ResponseWriter
	r      *http.Request
	paper  *paper
	doc    document
	random *rand.Rand
	asked  *asked
}

func (g *gazette) answer(a answer) {
	a.asked.code = http.StatusOK
	rest := time.Duration(1+a.random.IntN(120)) * time.Minute
	switch a.asked.fault {
	case faultForbidden:
		_, port, _ := net.SplitHostPort(a.r.Host)
		to := []string{"http://127.0.0.2:" + port + "/", "http://169.254.169.254/latest/meta-data/", "http://[::1]:" + port + "/", "file:///etc/hostname", "http://127.0.0.2/"}
		a.redirect(to[a.random.IntN(len(to))])
	case faultLoop:
		a.redirect(a.r.URL.RequestURI())
	case fault429, fault503:
		a.asked.rest = rest
		a.w.Header().Set("Retry-After", strconv.Itoa(int(rest/time.Second)))
		a.status(map[fault]int{fault429: http.StatusTooManyRequests, fault503: http.StatusServiceUnavailable}[a.asked.fault])
	case fault429Date:
		a.asked.rest = rest
		a.w.Header().Set("Retry-After", g.now().Add(rest).UTC().Format(http.TimeFormat))
		a.status(http.StatusTooManyRequests)
	case fault500:
		a.status(http.StatusInternalServerError)
	case faultDown:
		a.status(http.StatusBadGateway)
	case faultGone:
		a.status(http.StatusNotFound)
	case faultPage:
		a.w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(a.w, "<!DOCTYPE html>\n<html><body><p>Please sign in at false[.]login[.]example to go on.</p></body></html>")
	case faultEmpty:
		a.w.Header().Set("Content-Type", a.doc.mediaType)
	default:
		g.body(a)
	}
}

func (a answer) status(code int) {
	a.asked.code = code
	http.Error(a.w, "false[.]error[.]example", code)
}

func (a answer) redirect(to string) {
	a.asked.code = http.StatusFound
	a.w.Header().Set("Location", to)
	a.w.WriteHeader(http.StatusFound)
}

// body sends the document, or something in its place.
func (g *gazette) body(a answer) {
	h := a.w.Header()
	for name, values := range a.doc.header {
		h[name] = values
	}
	body, said := encode(a.doc)
	switch {
	case a.asked.fault == faultUTF16:
		body, said = utf16(a.doc.text), "utf-8"
	case a.asked.fault == faultCharset && a.doc.charset != "":
		said = "utf-8" // the declaration knows better
	case a.asked.fault == faultCharset:
		said = []string{"us-ascii", "utf-16", "x-unknown", "koi8-r"}[a.random.IntN(4)]
	}
	h.Set("Content-Type", a.doc.mediaType)
	if said != "" {
		h.Set("Content-Type", a.doc.mediaType+"; charset="+said)
	}
	if a.paper.tagged {
		tag := g.tag(a, body)
		h.Set("ETag", tag)
		if a.r.Header.Get("If-None-Match") == tag && a.asked.fault != faultTag && isWhole(a.asked.fault) {
			a.asked.code = http.StatusNotModified
			a.w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	a.send(body)
}

func isWhole(f fault) bool {
	switch f {
	case faultNone, faultSlow, faultGzip, faultZstd, faultCharset, faultUTF16, faultVanish, faultTwice, faultTag:
		return true
	}
	return false
}

// tag is the ETag of a body; of a paper that lies the same one all day. There
// is nothing to be done about it: what came since is seen when the tag changes,
// which is why all tags are honest in the end.
func (g *gazette) tag(a answer, body []byte) string {
	if a.paper.lies && a.asked.fault == faultNone && g.calmed().IsZero() {
		return `"` + a.asked.at.Format(time.DateOnly) + `"`
	}
	sum := sha256.Sum256(body)
	return `W/"` + hex.EncodeToString(sum[:8]) + `"`
}

// send writes a body in the way of the fault.
func (a answer) send(body []byte) {
	h, half := a.w.Header(), body[:len(body)/2]
	flush := func() { _ = http.NewResponseController(a.w).Flush() } // fails when the other side is gone
	switch a.asked.fault {
	case faultGzip:
		h.Set("Content-Encoding", "gzip")
		_, _ = a.w.Write(pack(body))
	case faultZstd:
		h.Set("Content-Encoding", "zstd")
		e, _ := zstd.NewWriter(nil) // no options that could be wrong
		_, _ = a.w.Write(e.EncodeAll(body, nil))
		_ = e.Close()
	case faultSlow:
		for part := range slices.Chunk(body, max(len(body)/4, 1)) {
			_, _ = a.w.Write(part)
			flush()
			time.Sleep(5 * time.Millisecond)
		}
	case faultCut:
		h.Set("Content-Length", strconv.Itoa(len(body)+10))
		_, _ = a.w.Write(half)
	case faultChunk:
		_, _ = a.w.Write(half)
		flush()
		panic(http.ErrAbortHandler)
	case faultStall:
		_, _ = a.w.Write(half)
		flush()
		<-a.r.Context().Done()
	case faultClose:
		a.hangUp(half)
	case faultEndless:
		for range 1 << 10 {
			if _, err := a.w.Write(append(body, bytes.Repeat([]byte("\n"), 64<<10)...)); err != nil {
				return
			}
		}
	case faultBomb:
		h.Set("Content-Encoding", "gzip")
		_, _ = a.w.Write(theBomb())
	default:
		_, _ = a.w.Write(body)
	}
}

// hangUp answers as servers of old do, whose bodies end with the connection.
func (a answer) hangUp(half []byte) {
	c, _, err := http.NewResponseController(a.w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	_, _ = fmt.Fprintf(c, "HTTP/1.0 200 OK\r\nContent-Type: %s\r\n\r\n%s", a.doc.mediaType, half)
}

// encode returns a document's bytes and what the header says of them.
func encode(d document) (body []byte, said string) {
	switch d.charset {
	case "as it is":
		return []byte(d.text), ""
	case "":
		return []byte(d.text), "utf-8"
	}
	out, err := charmap.Windows1251.NewEncoder().Bytes([]byte(d.text))
	if err != nil {
		panic(err) // a text of this test
	}
	return out, ""
}

func utf16(text string) []byte {
	out, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().Bytes([]byte(text))
	if err != nil {
		panic(err) // a text of this test
	}
	return out
}

func pack(body []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(body)
	_ = z.Close() // writes to memory
	return b.Bytes()
}

//nolint:gochecknoglobals // made once
var theBomb = sync.OnceValue(func() []byte { return pack(make([]byte, bombSize)) })

// seedOf is the seed of a test: that of SPOOR_SEED, or another every time.
func seedOf(t testing.TB) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // never negative
	if text := os.Getenv("SPOOR_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("SPOOR_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("SPOOR_SEED=%d", seed)
	return seed
}
