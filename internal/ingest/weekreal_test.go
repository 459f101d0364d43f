package ingest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"spoor/internal/store"
	"spoor/internal/store/sqlite"
)

// realData is where real feeds are, when they are here.
const realData = "../../../shared/data"

// pieces is a real document, cut: a head, the parts that may come one after the
// other, the latest first, and a tail.
type pieces struct {
	head, tail string
	parts      []string
}

// newReal is a paper that gives out a real document part by part, in the week.
func (w *week) newReal(name, format, mediaType string, doc pieces, every time.Duration, odd ...fault) *paper {
	n := len(doc.parts)
	first := max(n*2/5, 1)
	r := rhythm{first: first, every: w.end.Sub(w.begin) / time.Duration(n-first+1)}
	p := rows(name, w.g.host(name), format, every, r, w.begin, w.end)
	p.list = p.list[:min(n, len(p.list))]
	if len(p.list) < n {
		w.t.Fatalf("%s: %d of %d parts are published", name, len(p.list), n)
	}
	p.src.Pages, p.wrongs, p.odd = PagesNever, wrongs("rows"), odd
	p.write = func(_ time.Time, list []printing) document {
		var b strings.Builder
		b.WriteString(doc.head)
		for i, x := range list {
			if i > 0 && mediaType == "application/json" {
				b.WriteString(",\n")
			}
			b.WriteString(doc.parts[n-1-x.n])
		}
		return document{mediaType: mediaType, charset: "as it is", text: b.String() + doc.tail}
	}
	return p
}

// TestWeekOfRealFeeds does the same with real documents: at the end the store
// holds what it would after one calm look at the whole of them.
func TestWeekOfRealFeeds(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(realData); err != nil {
		t.Skipf("NOT TESTED: there are no real feeds at %s", realData)
	}
	w := newWeek(t, weekDays(1))
	w.real()
	w.polled(func(st store.Store, log *diary) {
		w.checkRuns(st, log)
		w.checkManners()
		w.checkPauses(st, 0)
		w.compare(st)
	})
}

// real publishes the documents.
func (w *week) real() {
	item := regexp.MustCompile(`(?s)<(item|entry)\b.*?</(item|entry)>\s*`)
	line := regexp.MustCompile(`(?m)^[^#\n].*\n`)
	block := regexp.MustCompile(`(?s)# Reference:.*?(\n\n# R|\z)`)
	for _, f := range []struct {
		path, format, mediaType string
		part                    *regexp.Regexp
		odd                     []fault
	}{
		{"rss/encoding_ISO-8859-1.xml", "news", "text/xml", item, []fault{faultTwice, faultVanish}},
		{"rss/encoding_WINDOWS-1251.xml", "news", "text/xml", item, []fault{faultTwice, faultVanish}},
		{"rss/large_atom.xml", "news", "application/atom+xml", item, []fault{faultTwice, faultVanish}},
		{"rss/large_rss.xml", "news", "application/rss+xml", item, []fault{faultTwice, faultVanish}},
		{"rss/rdf_UTF8.xml", "news", "application/xml", item, []fault{faultTwice, faultVanish}},
		{"rss/small_atom.xml", "news", "application/xml", item, []fault{faultTwice, faultVanish}},
		{"feeds/urlhaus_recent.csv", "urlhaus", "text/csv", line, []fault{faultTwice, faultVanish}},
		{"maltrail/trails/static/malware/changeup.txt", "maltrail", "text/plain", block, nil},
		{"maltrail/trails/static/malware/lokibot.txt", "maltrail", "text/plain", block, nil},
	} {
		text := w.read(f.path)
		at := f.part.FindAllStringIndex(text, -1)
		if len(at) == 0 {
			w.t.Fatalf("%s: no part found", f.path)
		}
		doc := pieces{head: text[:at[0][0]], tail: text[at[len(at)-1][1]:]}
		if f.part == block {
			// From one reference to the next.
			starts := regexp.MustCompile(`(?m)^# Reference:.*\n+(?:# Reference:.*\n+)*`).FindAllStringIndex(text, -1)
			doc.head, doc.tail = text[:starts[0][0]], ""
			at = at[:0]
			for i, s := range starts {
				end := len(text)
				if i+1 < len(starts) {
					end = starts[i+1][0]
				}
				at = append(at, []int{s[0], end})
			}
		}
		for _, span := range at {
			doc.parts = append(doc.parts, text[span[0]:span[1]]+map[bool]string{true: "\n"}[f.part == block])
		}
		name := strings.ToLower(strings.TrimSuffix(filepath.Base(f.path), filepath.Ext(f.path)))
		w.g.add(w.newReal(name, f.format, f.mediaType, doc, time.Duration(1+len(w.g.papers)%6)*time.Hour, f.odd...))
	}
	w.g.add(w.newReal("kev", "kev", "application/json", w.list("kev/known_exploited_vulnerabilities.json", "vulnerabilities", 40), 6*time.Hour, faultVanish))
	w.g.add(w.newReal("threatfox", "threatfox", "application/json", w.list("feeds/threatfox_recent.json", "iocs", 1), 2*time.Hour, faultVanish, faultTwice))
	w.g.add(w.newRealEvents())
}

func (w *week) read(path string) string {
	b, err := os.ReadFile(filepath.Join(realData, filepath.FromSlash(path)))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(b)
}

// list cuts a JSON document at the elements of one list of it, so many at a
// time.
func (w *week) list(path, member string, size int) pieces {
	var doc map[string]json.RawMessage
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(w.read(path)), &doc); err != nil {
		w.t.Fatal(err)
	}
	if err := json.Unmarshal(doc[member], &list); err != nil {
		w.t.Fatal(err)
	}
	p := pieces{head: `{"` + member + `":[`, tail: "]}"}
	for part := range slices.Chunk(list, size) {
		var texts []string
		for _, raw := range part {
			texts = append(texts, string(raw))
		}
		p.parts = append(p.parts, strings.Join(texts, ",\n"))
	}
	return p
}

// newRealEvents publishes real MISP events as a feed.
func (w *week) newRealEvents() *paper {
	paths, err := filepath.Glob(filepath.Join(realData, "eset/sshdoor/misp-events/*.json"))
	if err != nil || len(paths) == 0 {
		w.t.Fatalf("no events: %v", err)
	}
	type event struct{ uuid, text string }
	var events []event
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			w.t.Fatal(err)
		}
		var ev struct{ Event struct{ UUID string } }
		if err := json.Unmarshal(text, &ev); err != nil {
			w.t.Fatal(err)
		}
		events = append(events, event{ev.Event.UUID, string(text)})
	}
	p := rows("sshdoor", w.g.host("sshdoor"), FormatMISPFeed, 3*time.Hour, rhythm{first: len(events) / 2, every: 4 * time.Hour}, w.begin, w.end)
	p.list = p.list[:min(len(events), len(p.list))]
	p.src.URL, p.front = w.g.host("sshdoor")+"/sshdoor/", "/sshdoor/manifest.json"
	p.wrongs, p.wrongsLater = wrongs(""), wrongs("")
	p.write = func(_ time.Time, list []printing) document {
		m := map[string]any{}
		for _, x := range list {
			m[events[x.n].uuid] = map[string]any{"timestamp": fmt.Sprint(x.at.Unix())}
		}
		return document{mediaType: "application/json", text: jsonText(m)}
	}
	p.page = func(_ time.Time, r *http.Request) (document, bool) {
		for _, e := range events {
			if r.URL.Path == "/sshdoor/"+e.uuid+".json" {
				return document{mediaType: "application/json", text: e.text}, true
			}
		}
		return document{}, false
	}
	return p
}

// compare polls everything once, calmly, into another store, and wants the same
// in both.
func (w *week) compare(st store.Store) {
	t := w.t
	t.Helper()
	calm, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(memoryDir(t), "calm.db"), Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = calm.Close() }() // only compared with
	po, get, err := weekPoller(calm, w.clock.Now, w.root, "calm", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer get.Close()
	for _, src := range w.g.sources() {
		if rep, err := po.Poll(t.Context(), src, false); err != nil || rep.Stats.Status != store.RunOK {
			t.Fatalf("calm look at %s: %+v, %v", src.Name, rep.Stats, err)
		}
	}
	want, by := map[string]*kept{}, map[string]int{}
	for _, k := range everything(t, calm) {
		want[claimKey(k.Feed.Name, k.Type, k.Value, k.where())] = &k
		by[k.Feed.Name]++
	}
	got := everything(t, st)
	if len(got) != len(want) {
		t.Errorf("%d records, want %d", len(got), len(want))
	}
	for i := range got {
		k := &got[i]
		key := claimKey(k.Feed.Name, k.Type, k.Value, k.where())
		c := want[key]
		if c == nil {
			t.Errorf("%s is there, and not after a calm look", key)
			continue
		}
		delete(want, key)
		if undated := c.FirstSeen.Equal(w.clock.Now()); !undated && (!k.FirstSeen.Equal(c.FirstSeen) || !k.LastSeen.Equal(c.LastSeen)) {
			t.Errorf("%s: %s to %s, want %s to %s", key, k.FirstSeen, k.LastSeen, c.FirstSeen, c.LastSeen)
		}
		if k.article.Title != c.article.Title || !slices.Equal(k.Tags, c.Tags) || k.Confidence != c.Confidence || k.TLP != c.TLP || k.Context != c.Context {
			t.Errorf("%s: got %+v under %q, want %+v under %q", key, k.Record, k.article.Title, c.Record, c.article.Title)
		}
	}
	for key := range want {
		t.Errorf("lost: %s", key)
	}
	if err := st.Check(t.Context()); err != nil {
		t.Error(err)
	}
	t.Logf("%d records: %v", len(got), by)
}
