package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"spoor/api"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

// questions draws requests about what was imported, the same for the same seed
// and the same answers.
type questions struct {
	random *rand.Rand
	said   []said
	byKind map[ioc.Type][]said
	common map[int][]string // pieces of names, by length, the commonest
	words  []string         // whole labels, some common, some rare
	keys   map[string]string
	asked  int
	// waiting are requests that follow from answers: next pages, conditions.
	waiting []question
}

func newQuestions(seed uint64, s *sayings, keys map[string]string) *questions {
	q := &questions{random: rand.New(rand.NewPCG(seed, 2)), said: s.list, keys: keys, byKind: map[ioc.Type][]said{}, common: map[int][]string{}}
	pieces := map[int]map[string]int{3: {}, 5: {}}
	words := map[string]int{}
	for _, o := range q.said {
		q.byKind[o.kind] = append(q.byKind[o.kind], o)
		if o.kind != ioc.Domain && o.kind != ioc.URL {
			continue
		}
		for n, counts := range pieces {
			for i := 0; i+n <= min(len(o.value), 40); i++ {
				counts[strings.ToLower(o.value[i:i+n])]++
			}
		}
		for _, w := range strings.FieldsFunc(strings.ToLower(o.value), func(r rune) bool { return r < 'a' || r > 'z' }) {
			words[w]++
		}
	}
	for n, counts := range pieces {
		q.common[n] = mostly(counts, 100)
	}
	q.words = mostly(words, 5_000)
	q.waiting = q.everyMistake()
	return q
}

// mostly returns the keys with the highest counts.
func mostly(counts map[string]int, n int) []string {
	var keys []string
	for k := range counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	return keys[:min(n, len(keys))]
}

// chance is true so many times in a hundred.
func (q *questions) chance(percent int) bool { return q.random.IntN(100) < percent }

func one[T any](q *questions, of ...T) T { return of[q.random.IntN(len(of))] }

// any returns a record of one of the kinds, or of any.
func (q *questions) any(kinds ...ioc.Type) said {
	if len(kinds) > 0 {
		if list := q.byKind[one(q, kinds...)]; len(list) > 0 {
			return one(q, list...)
		}
	}
	return one(q, q.said...)
}

// next returns the next request.
func (q *questions) next() question {
	q.asked++
	if n := len(q.waiting); n > 0 {
		follow := q.waiting[n-1]
		q.waiting = q.waiting[:n-1]
		return follow
	}
	switch p := q.random.IntN(100); {
	case p < 30:
		return q.search(q.spelling(), "")
	case p < 52:
		return q.search(q.needle(), api.MatchContains)
	case p < 58:
		return q.search(q.nearMiss(), "")
	case p < 64:
		return q.search(q.miss(), "")
	case p < 85:
		return q.list()
	case p < 87:
		return q.walk()
	case p < 91:
		return q.page("/api/v1/iocs/" + q.any().id.String())
	case p < 96:
		return q.page("/item/" + q.any().article.String())
	default:
		return q.mistake()
	}
}

// plain is a request with a key.
func (q *questions) plain(target, key string) question {
	h := http.Header{}
	if text := q.keys[key]; text != "" {
		h.Set("Authorization", "Bearer "+text)
	}
	return question{method: http.MethodGet, target: target, header: h}
}

// request is plain, now and then for the header only, or followed by the
// question whether it has changed.
func (q *questions) request(target, key string) question {
	r := q.plain(target, key)
	switch {
	case q.chance(3):
		r.method = http.MethodHead
	case q.chance(5):
		r.follow = func(a answer) {
			again := r
			again.header, again.follow = r.header.Clone(), nil
			again.header.Set("If-None-Match", a.etag)
			q.waiting = append(q.waiting, again)
		}
	}
	return r
}

// reader is the name of a key that may ask.
func (q *questions) reader() string {
	if q.chance(50) {
		return "all"
	}
	return one(q, "clear", "green", "amber", "pro")
}

// search is a search with parameters as they come.
func (q *questions) search(text, match string) question {
	v := url.Values{"q": {text}}
	if match != "" {
		v.Set("match", match)
	} else if q.chance(15) {
		v.Set("match", one(q, api.MatchExact, api.MatchAuto))
	}
	if q.chance(40) {
		v.Set("include_related", one(q, "true", "false"))
	}
	if q.chance(30) {
		v.Set("view", one(q, api.ViewDetail, api.ViewList))
	}
	if q.chance(15) {
		v.Set("type", one(q, ioc.Types()...).String())
	}
	if q.chance(10) {
		v.Set("explain", "true")
	}
	if q.chance(15) { // nearly all of it lies within
		v.Set("as_of", present().Add(time.Minute-time.Duration(q.random.IntN(40*24*60))*time.Minute).Format(time.RFC3339))
	}
	q.window(v)
	return q.request("/api/v1/iocs/search?"+v.Encode(), q.reader())
}

// window is limit and offset, now and then up to the cap.
func (q *questions) window(v url.Values) {
	switch p := q.random.IntN(100); {
	case p < 50:
	case p < 75:
		v.Set("limit", strconv.Itoa(1+q.random.IntN(20)))
	case p < 85:
		v.Set("limit", strconv.Itoa(1+q.random.IntN(300)))
	case p < 98:
		offset := q.random.IntN(store.Cap)
		v.Set("limit", strconv.Itoa(1+q.random.IntN(min(50, store.Cap-offset))))
		v.Set("offset", strconv.Itoa(offset))
	case p < 99:
		v.Set("limit", strconv.Itoa(store.Cap))
	default:
		v.Set("limit", "1")
		v.Set("offset", strconv.Itoa(store.Cap-1))
	}
	if v.Get("offset") == "" && q.chance(25) {
		v.Set("offset", strconv.Itoa(q.random.IntN(12)))
	}
}

// spelling is a known value, in one of the ways that people write it.
func (q *questions) spelling() string {
	o := q.any()
	if q.chance(40) { // every kind as often
		o = q.any(ioc.Types()...)
	}
	v := o.value
	switch q.random.IntN(12) {
	case 0:
		return ioc.Defang(o.kind, v)
	case 1:
		return strings.ToUpper(v)
	case 2:
		return "  " + v + "\u00a0"
	case 3:
		return one(q, `"`+v+`"`, "<"+v+">", "`"+v+"`", "["+v+"]", "“"+v+"”")
	case 4:
		return strings.ReplaceAll(v, ".", one(q, "(.)", "{.}", "[dot]", " dot ", "。"))
	case 5:
		return v + one(q, ".", ",", ";", "!", "/", ":443", ":8080/")
	case 6:
		return strings.Replace(v, "http", one(q, "hxxp", "hXXp", "h**p"), 1)
	case 7:
		if o.kind == ioc.IPv4 {
			return one(q, v+"/32", "::ffff:"+v, "[::ffff:"+v+"]", v+":4444", "http://"+v+"/")
		}
		return "*." + v
	case 8:
		_, rest, _ := strings.Cut(v, "://")
		return cmp.Or(rest, one(q, "http://", "https://", "hxxps://")+v)
	default:
		return v
	}
}

// needle is one of the twelve classes of what "contains" is asked for.
func (q *questions) needle() string {
	cut := func(s string, from, n int) string { return s[min(from, len(s)-1):min(from+n, len(s))] }
	parts := func(s, sep string, n int) string {
		all := strings.SplitAfter(s, sep)
		return strings.Join(all[:min(n, len(all))], "")
	}
	o := q.any(ioc.URL, ioc.Domain)
	switch q.random.IntN(14) {
	case 0:
		return one(q, q.common[3]...)
	case 1:
		return one(q, q.common[5]...)
	case 2: // brand
		return one(q, q.words[:min(300, len(q.words))]...)
	case 3: // rare
		return cut(o.value, q.random.IntN(len(o.value)), 8)
	case 4:
		return parts(q.any(ioc.IPv4).value, ".", 2)
	case 5:
		return parts(q.any(ioc.IPv4).value, ".", 3)
	case 6: // suffix
		labels := strings.Split(q.any(ioc.Domain).value, ".")
		return "." + strings.Join(labels[max(0, len(labels)-2):], ".")
	case 7: // path
		_, rest, _ := strings.Cut(q.any(ioc.URL).value, "://")
		_, path, _ := strings.Cut(rest, "/")
		return "/" + parts(path, "/", 1)
	case 8: // long piece of a URL
		v := q.any(ioc.URL).value
		return v[max(0, len(v)-22):]
	case 9:
		return cut(q.any(ioc.MD5, ioc.SHA1, ioc.SHA256, ioc.SHA512).value, 0, 4+q.random.IntN(24))
	case 10:
		return cut(o.value, 0, 2)
	case 11:
		return q.letters(12)
	case 12: // wildcards are letters
		return one(q, "%", "_", "%%", `\`, "*.", "100%", "a_b", `a\_`, "'", `"`, "[.]") + one(q, "", "a", one(q, q.common[3]...))
	default:
		return strings.ToUpper(one(q, q.words...))
	}
}

// nearMiss is nearly a known value.
func (q *questions) nearMiss() string {
	o := q.any(ioc.IPv4, ioc.Domain, ioc.URL, ioc.MD5, ioc.SHA256, ioc.Email, ioc.CVE, ioc.MITREAttack, ioc.IPv6)
	v := o.value
	switch q.random.IntN(6) {
	case 0:
		return v[:len(v)-1]
	case 1:
		return v + one(q, "0", "1", "9", "a", "e", ".example", ".com")
	case 2:
		return v[1:]
	case 3:
		return one(q, "1", "a", "not", "x-") + v
	case 4:
		_, parent, found := strings.Cut(v, ".")
		if found {
			return parent
		}
		return v[len(v)/2:]
	default:
		at := q.random.IntN(len(v))
		return v[:at] + q.letters(1) + v[at+1:]
	}
}

// miss reads as a value and is not there.
func (q *questions) miss() string {
	switch q.random.IntN(6) {
	case 0:
		return fmt.Sprintf("%d.%d.%d.%d", 1+q.random.IntN(222), q.random.IntN(256), q.random.IntN(256), q.random.IntN(256))
	case 1:
		return q.letters(11) + "." + one(q, "com", "net", "example", "xn--p1ai")
	case 2:
		return fmt.Sprintf("%016x%016x", q.random.Uint64(), q.random.Uint64())
	case 3:
		return "http://" + q.any(ioc.Domain).value + "/" + q.letters(9)
	case 4:
		return fmt.Sprintf("CVE-20%d-%d", 10+q.random.IntN(30), q.random.IntN(99_999))
	default:
		return one(q, "ünï.example", "日本語", "a<b>&\u2028\"", strings.Repeat("long", 400), "..", "--", "\u200b\u200bab", "ﬀ", "İ")
	}
}

func (q *questions) letters(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + q.random.IntN(26))
	}
	return string(b)
}

// filters are one to four filters of the list.
func (q *questions) filters() url.Values {
	v := url.Values{}
	several := func(of []string) string {
		set := []string{one(q, of...)}
		for q.chance(30) && len(set) < 4 {
			set = append(set, one(q, of...))
		}
		return strings.Join(set, ",")
	}
	o := q.any()
	for range one(q, 0, 1, 1, 1, 2, 2, 3, 4) {
		switch q.random.IntN(12) {
		case 0:
			v.Set("type", several([]string{"ipv4", "ipv6", "domain", "url", "md5", "sha1", "sha256", "sha512", "email", "cve", "mitre-attack", "mitre_attack"}))
		case 1:
			v.Set("category", several([]string{"government", "commercial", "community", "news", "research", "threat-intel", "vendor", "threat-feed"}))
		case 2:
			v.Set("confidence", several([]string{"high", "medium", "low"}))
		case 3:
			v.Set("industry", several(store.Industries()))
		case 4:
			v.Set("tag", several(append([]string{"c2", "phishing", "absent"}, o.tags...)))
		case 5:
			v.Set("feed", several([]string{"maltrail", "Generated", "local", "no such feed", o.feed}))
		case 6:
			v.Set("origin", one(q, "article", "feed", "article,feed"))
		case 7:
			v.Set("technique", several(append([]string{"T1071", "t1566.002", "T9999"}, o.techniques...)))
		case 8:
			if o.article != [16]byte{} {
				v.Set("article_id", o.article.String())
			}
		case 9:
			v.Set("since", q.moment())
		case 10:
			v.Set("until", q.moment())
		default:
			v.Set("include_benign", one(q, "true", "false"))
		}
	}
	return v
}

// moment is a time, near one of the imports.
func (q *questions) moment() string {
	ago := one(q, 0, time.Hour, 2*time.Hour, 20*time.Hour, 48*time.Hour, 72*time.Hour, 30*24*time.Hour, 400*24*time.Hour)
	off := one(q, 0, 0, time.Second, -time.Second, time.Minute)
	return present().Add(off - ago).Format(time.RFC3339)
}

// list is a page of the list.
func (q *questions) list() question {
	v := q.filters()
	if q.chance(40) {
		v.Set("format", one(q, api.FormatJSON, api.FormatCSV, api.FormatTXT, api.FormatNDJSON))
	}
	q.window(v)
	r := q.request("/api/v1/iocs?"+v.Encode(), q.reader())
	if q.chance(10) {
		r.header.Set("Accept", one(q, "text/csv", "text/plain;q=0.5, application/json;q=0.4", "application/x-ndjson", "*/*", "image/png"))
	}
	return r
}

// walk is the first page of a list that is followed to its end, or for a while.
func (q *questions) walk() question {
	v := q.filters()
	v.Set("limit", strconv.Itoa(one(q, 1, 7, 50, 200)))
	r := q.request("/api/v1/iocs?"+v.Encode(), q.reader())
	r.method, r.follow = http.MethodGet, q.onward(r, one(q, 3, 6, 12, 50))
	return r
}

// onward asks for the next page, so many times.
func (q *questions) onward(r question, pages int) func(answer) {
	return func(a answer) {
		var list struct {
			Links struct{ Next *string }
		}
		if pages == 0 || json.Unmarshal(a.body, &list) != nil || list.Links.Next == nil {
			return
		}
		next := r
		next.target = strings.TrimPrefix(*list.Links.Next, "https://feed.example")
		next.follow = q.onward(next, pages-1)
		q.waiting = append(q.waiting, next)
	}
}

// page is a record or an article by its id, known or not.
func (q *questions) page(path string) question {
	if q.chance(10) {
		path = path[:len(path)-1] + one(q, "0", "f", "x", "")
	}
	return q.request(path, q.reader())
}

// mistakes are requests that something is wrong with, and some at the edge.
func mistakes() []string {
	search, list := "/api/v1/iocs/search?", "/api/v1/iocs?"
	return []string{
		search, search + pairs("q", "a"), search + "q=%00ab", search + "q=%ff%fe", search + "q=ab&q=cd", search + pairs("q", strings.Repeat("x", 2049)),
		search + pairs("q", "abc", "type", "ip"), search + pairs("q", "abc", "limt", "5"), search + pairs("q", "abc", "limit", "0"),
		search + pairs("q", "abc", "limit", "100000"), search + pairs("q", "abc", "limit", "9999", "offset", "2"),
		search + pairs("q", "abc", "offset", "-1"), search + pairs("q", "abc", "view", "wide"), search + pairs("q", "abc", "match", "fuzzy"),
		search + pairs("q", "abc", "_x", "1"), search + pairs("q", "abc", "include_related", "maybe"),
		search + pairs("q", "abc", "explain", "maybe"), search + pairs("q", "abc", "as_of", "2999-01-01"), search + pairs("q", "abc", "as_of", "now"),
		list + pairs("type", "ipv4,ip"), list + pairs("category", "x"), list + pairs("since", "yesterday"), list + pairs("until", "2020-01-01"),
		list + pairs("offset", "10001"), list + pairs("cursor", "AQAA"), list + pairs("article_id", "1"), list + pairs("technique", "phishing"),
		list + pairs("format", "xml"), list + pairs("tags", "c2"), list + pairs("tag", ","), list + pairs("limit", "1000000"),
		"/api/v1/iocs/none", "/api/v1/ioc", "/item/none", "/healthz", "/api/openapi.json",
	}
}

// everyMistake is each of them once, with every key that fails, methods and
// types that are not there, and more from one key than its day allows.
func (q *questions) everyMistake() []question {
	var all []question
	ask := func(method, target, key, accept string) {
		r := q.plain(target, key)
		r.method = method
		if accept != "" {
			r.header.Set("Accept", accept)
		}
		all = append(all, r)
	}
	for _, target := range mistakes() {
		ask(http.MethodGet, target, "all", "")
		ask(http.MethodPost, target, "all", "")
		ask(http.MethodGet, target, "free", "")
	}
	for _, key := range []string{"none", "nonsense", "articles only", "expired", "revoked"} {
		ask(http.MethodGet, "/api/v1/iocs/search?"+pairs("q", "login"), key, "")
		ask(http.MethodGet, "/item/"+q.any().article.String(), key, "text/html")
	}
	ask(http.MethodGet, "/api/v1/iocs", "all", "image/png")
	return all
}

// mistake is one of them, with some key.
func (q *questions) mistake() question {
	r := q.request(one(q, mistakes()...), one(q, "all", "all", "all", "pro", "free", "none", "articles only", "expired", "revoked"))
	if q.chance(10) {
		r.method = one(q, http.MethodPost, http.MethodDelete, http.MethodPut)
	}
	return r
}
