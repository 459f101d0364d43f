package server

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"spoor/api"
	"spoor/internal/auth"
	"spoor/internal/ioc"
	"spoor/internal/search"
	"spoor/internal/store"
)

var update = flag.Bool("update", false, "write generated files anew")

// description loads api/openapi.yaml and validates it as a document.
func description(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPIYAML())
	if err != nil {
		t.Fatalf("load openapi.yaml: %v", err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatalf("validate openapi.yaml: %v", err)
	}
	return doc
}

// TestOpenAPIJSONIsTheYAML: the two spellings of the description agree.
func TestOpenAPIJSONIsTheYAML(t *testing.T) {
	t.Parallel()
	want, err := yaml.YAMLToJSON(api.OpenAPIYAML())
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, want, "", " "); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("../../api/openapi.json", indented.Bytes(), 0o644); err != nil { //nolint:gosec // a source file
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(indented.Bytes(), api.OpenAPIJSON()) {
		t.Error("api/openapi.json is not api/openapi.yaml: run go test ./internal/server -run OpenAPIJSON -update")
	}
}

// bareServer has routes to look at, and answers nothing.
func bareServer(t testing.TB) *Server {
	t.Helper()
	return newRig(t).srv
}

// TestOpenAPIRoutes: every route is described, everything described is routed,
// with the same scope.
func TestOpenAPIRoutes(t *testing.T) {
	t.Parallel()
	got, want := map[string]string{}, map[string]string{}
	for _, rt := range bareServer(t).routes() {
		want[rt.method+" "+rt.path] = string(rt.scope)
	}
	for path, item := range description(t).Paths.Map() {
		for method, op := range item.Operations() {
			scope, _ := op.Extensions["x-scope"].(string)
			got[method+" "+path] = scope
			open := op.Security != nil && (len(*op.Security) == 0 || len((*op.Security)[0]) == 0)
			if open != (scope == "") {
				t.Errorf("%s %s: security open is %t with scope %q", method, path, open, scope)
			}
			// Open without a key, but not all of it.
			part, _ := op.Extensions["x-scope-verbose"].(string)
			partly := op.Security != nil && len(*op.Security) > 1
			if partly != (part != "") || partly != (path == pathReady) {
				t.Errorf("%s %s: security open in part is %t with scope %q", method, path, partly, part)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("routes (-table +description):\n%s", diff)
	}
}

// TestOpenAPIParameters: names, enumerations, comma lists and required marks
// of every route's parameters agree, both ways.
func TestOpenAPIParameters(t *testing.T) {
	t.Parallel()
	doc := description(t)
	for _, rt := range bareServer(t).routes() {
		item := doc.Paths.Value(rt.path)
		if item == nil || item.GetOperation(rt.method) == nil {
			t.Errorf("%s %s is not described", rt.method, rt.path)
			continue
		}
		got, want := map[string]string{}, map[string]string{}
		for _, p := range rt.params {
			want[p.name] = fmt.Sprint("query many=", p.many, " required=", p.required, " ", p.allowed)
		}
		for segment := range strings.SplitSeq(rt.path, "/") {
			if name, ok := strings.CutPrefix(segment, "{"); ok {
				want[strings.TrimSuffix(name, "}")] = "path many=false required=true []"
			}
		}
		for _, ref := range item.GetOperation(rt.method).Parameters {
			p := ref.Value
			schema, many := p.Schema.Value, p.Schema.Value.Type.Is("array")
			if many {
				schema = schema.Items.Value
				if p.Style != "form" || p.Explode == nil || *p.Explode {
					t.Errorf("%s: %s is not described as a comma list", rt.path, p.Name)
				}
			}
			allowed := []string{}
			for _, v := range schema.Enum {
				allowed = append(allowed, fmt.Sprint(v))
			}
			if schema.Type.Is("boolean") {
				allowed = []string{"true", "false"}
			}
			got[p.Name] = fmt.Sprint(p.In, " many=", many, " required=", p.Required, " ", allowed)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("parameters of %s (-table +description):\n%s", rt.path, diff)
		}
	}
}

// wireTypes are all structs of package api, by name.
func wireTypes() map[string]reflect.Type {
	types := map[string]reflect.Type{}
	for _, v := range []any{api.SearchResponse{}, api.ListResponse{}, api.RecordResponse{}, api.ErrorResponse{}, api.ReadyResponse{}} {
		collect(reflect.TypeOf(v), types)
	}
	return types
}

func collect(t reflect.Type, into map[string]reflect.Type) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() || into[t.Name()] != nil {
		return
	}
	into[t.Name()] = t
	for i := range t.NumField() {
		collect(t.Field(i).Type, into)
	}
}

// TestOpenAPISchemas: every type of package api has a schema of its name with
// the same fields, JSON types, nullability and required marks, in both
// directions.
func TestOpenAPISchemas(t *testing.T) {
	t.Parallel()
	doc, types := description(t), wireTypes()
	for name, typ := range types {
		ref := doc.Components.Schemas[name]
		if ref == nil {
			t.Errorf("schema %s is missing", name)
			continue
		}
		got, want := map[string]string{}, map[string]string{}
		for i := range typ.NumField() {
			field, opts, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			want[field] = jsonKind(typ.Field(i).Type, opts == "omitempty") + fmt.Sprint(" required=", opts != "omitempty")
		}
		for field, p := range ref.Value.Properties {
			got[field] = schemaKind(p) + fmt.Sprint(" required=", slices.Contains(ref.Value.Required, field))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("schema %s (-api +description):\n%s", name, diff)
		}
		if ap := ref.Value.AdditionalProperties.Has; ap == nil || *ap {
			t.Errorf("schema %s allows other properties", name)
		}
	}
	for name, ref := range doc.Components.Schemas {
		if ref.Value.Type.Is("object") && types[name] == nil {
			t.Errorf("schema %s has no type in package api", name)
		}
	}
}

// jsonKind says how a Go type looks in JSON: its type, or the schema's name.
func jsonKind(t reflect.Type, omitted bool) string {
	switch t.Kind() {
	case reflect.Pointer:
		if omitted {
			return jsonKind(t.Elem(), false)
		}
		return jsonKind(t.Elem(), false) + "|null"
	case reflect.Slice:
		return "array of " + jsonKind(t.Elem(), false)
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return "string"
		}
		return t.Name()
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64, reflect.Uint16:
		return "integer"
	case reflect.Float64:
		return "number"
	case reflect.String:
		return "string"
	default:
		return "unknown " + t.String()
	}
}

func schemaKind(ref *openapi3.SchemaRef) string {
	s := ref.Value
	switch {
	case s.Type.Is("array"):
		return "array of " + schemaKind(s.Items)
	case s.Type.Is("object"):
		return ref.Ref[strings.LastIndexByte(ref.Ref, '/')+1:]
	case s.Type.Includes("null"):
		for _, k := range s.Type.Slice() {
			if k != "null" {
				return k + "|null"
			}
		}
	}
	return strings.Join(s.Type.Slice(), "|")
}

// TestOpenAPIEnumerations: closed lists are those of the rooms that own them.
func TestOpenAPIEnumerations(t *testing.T) {
	t.Parallel()
	doc := description(t)
	tlps := []string{}
	for v := ioc.Clear; v.Valid(); v++ {
		tlps = append(tlps, v.String())
	}
	for name, want := range map[string][]string{
		"IndicatorType": typeNames(),
		"Category":      words(store.Categories()),
		"Origin":        names(store.Origins()),
		"Confidence":    {"high", "medium", "low"},
		"TLP":           tlps,
		"Code":          words(api.Codes()),
		"ReplicaState":  words([]store.ReplicaState{store.ReplicaOK, store.ReplicaLagging, store.ReplicaDown}),
	} {
		got := []string{}
		for _, v := range doc.Components.Schemas[name].Value.Enum {
			got = append(got, fmt.Sprint(v))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("schema %s (-room +description):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(words(api.Scopes()), words(auth.Scopes())); diff != "" {
		t.Errorf("scopes (-api +auth):\n%s", diff)
	}
	tiers := []string{}
	for _, tier := range auth.Tiers() {
		tiers = append(tiers, tier.Name)
	}
	if diff := cmp.Diff([]string{api.TierFree, api.TierPro, api.TierLocal}, tiers); diff != "" {
		t.Errorf("tiers (-api +auth):\n%s", diff)
	}
}

// TestOpenAPIResponses validates what the server really answers against the
// description: status, headers, content type and body.
func TestOpenAPIResponses(t *testing.T) {
	t.Parallel()
	g, doc := newRig(t), description(t)
	lame := newRig(t)
	lame.mem.health = replicated(store.Asynchronous)
	lame.mem.health.Writable, lame.mem.health.Problem = false, "no answer"
	gone := newRig(t) // keys can be checked, as those that the authenticator remembers
	gone.mem.err = store.ErrUnavailable
	id := g.mem.records[0].ID.String()
	etag := g.get("/api/v1/iocs").Header().Get("ETag")
	broken := newRig(t)
	broken.mem.err, broken.finder.err = store.ErrBusy, context.DeadlineExceeded
	faulty := newRig(t)
	faulty.mem.err, faulty.finder.err = store.ErrCorrupt, fmt.Errorf("no such table")
	spent := newRig(t)
	for range 10 {
		spent.get("/api/v1/iocs", "X-API-Key", spent.keys[auth.Free])
	}
	tests := []struct {
		name, pattern string
		status        int
		answer        *httptest.ResponseRecorder
	}{
		{"search", pathSearch, 200, g.get("/api/v1/iocs/search?q=192.0.2.10")},
		{"search, defanged", pathSearch, 200, g.get("/api/v1/iocs/search?q=hxxp%3A%2F%2Fevil%5B.%5Dexample%2FGate%3Fa%3D1%26b%3D%253C2%253E")},
		{"search, explained", pathSearch, 200, g.get("/api/v1/iocs/search?q=192.0.2.10&explain=true")},
		{"search, explained list", pathSearch, 200, g.get("/api/v1/iocs/search?q=192.0.2.10&view=list&explain=true&as_of=2026-05-01")},
		{"search, list", pathSearch, 200, g.get("/api/v1/iocs/search?q=192.0.2.10&view=list")},
		{"search, nothing", pathSearch, 200, g.get("/api/v1/iocs/search?q=203.0.113.77")},
		{"search, nothing, list", pathSearch, 200, g.get("/api/v1/iocs/search?q=203.0.113.77&view=list")},
		{"search, no q", pathSearch, 400, g.get("/api/v1/iocs/search")},
		{"search, no key", pathSearch, 401, g.do("GET", "/api/v1/iocs/search?q=xx")},
		{"search, slow", pathSearch, 503, broken.get("/api/v1/iocs/search?q=xx")},
		{"search, over the limit", pathSearch, 429, spent.get("/api/v1/iocs/search?q=xx", "X-API-Key", spent.keys[auth.Free])},
		{"search, fault", pathSearch, 500, faulty.get("/api/v1/iocs/search?q=xx")},
		{"search, method", pathSearch, 405, g.do("POST", "/api/v1/iocs/search")},
		{"search, host", pathSearch, 421, g.do("GET", "/api/v1/iocs/search", "Host", "rebound.example")},
		{"list", pathList, 200, g.get("/api/v1/iocs?limit=2")},
		{"list, empty", pathList, 200, g.get("/api/v1/iocs?type=cve")},
		{"list, csv", pathList, 200, g.get("/api/v1/iocs?format=csv")},
		{"list, txt", pathList, 200, g.get("/api/v1/iocs?format=txt")},
		{"list, ndjson", pathList, 200, g.get("/api/v1/iocs?format=ndjson")},
		{"list, same", pathList, 304, g.get("/api/v1/iocs", "If-None-Match", etag)},
		{"list, bad", pathList, 400, g.get("/api/v1/iocs?confidence=sure")},
		{"list, look-back", pathList, 403, g.get("/api/v1/iocs?until=2020-01-01", "X-API-Key", g.keys[auth.Free])},
		{"list, accept", pathList, 406, g.get("/api/v1/iocs", "Accept", "image/png")},
		{"list, busy", pathList, 503, broken.get("/api/v1/iocs")},
		{"record", "/api/v1/iocs/{id}", 200, g.get("/api/v1/iocs/" + id)},
		{"record, none", "/api/v1/iocs/{id}", 404, g.get("/api/v1/iocs/" + articleID.String())},
		{"article", "/item/{article_id}", 200, g.get("/item/" + articleID.String())},
		{"article, none", "/item/{article_id}", 404, g.get("/item/" + id)},
		{"description", "/api/openapi.json", 200, g.do("GET", "/api/openapi.json")},
		{"description, yaml", "/api/openapi.yaml", 200, g.do("GET", "/api/openapi.yaml")},
		{"health", pathHealth, 200, g.do("GET", pathHealth)},
		{"ready", pathReady, 200, g.do("GET", pathReady)},
		{"not ready", pathReady, 503, broken.do("GET", pathReady)},
		{"ready, report", pathReady, 200, g.get(pathReady + "?verbose=true")},
		{"ready to read, report", pathReady, 200, lame.get(pathReady + "?verbose=true")},
		{"not ready, report", pathReady, 503, gone.get(pathReady + "?verbose=true")},
		{"ready, no key", pathReady, 401, g.do("GET", pathReady+"?verbose=true")},
		{"ready, no scope", pathReady, 403, g.get(pathReady+"?verbose=true", "X-API-Key", g.keys[auth.Pro])},
		{"ready, unknown", pathReady, 400, g.do("GET", pathReady+"?verbos=true")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.answer.Code != tt.status {
				t.Fatalf("status %d, want %d: %s", tt.answer.Code, tt.status, tt.answer.Body)
			}
			conforms(t, doc, tt.pattern, tt.answer)
		})
	}
}

// conforms validates one answer to a GET.
func conforms(t *testing.T, doc *openapi3.T, pattern string, w *httptest.ResponseRecorder) {
	t.Helper()
	ref := doc.Paths.Value(pattern).Get.Responses.Status(w.Code)
	if ref == nil {
		t.Fatalf("status %d is not described for %s", w.Code, pattern)
	}
	for name := range ref.Value.Headers {
		optional := name == "Link" || strings.HasPrefix(name, "X-RateLimit-") && w.Code != http.StatusTooManyRequests
		if w.Header().Get(name) == "" && !optional {
			t.Errorf("header %s is described and missing", name)
		}
	}
	if len(ref.Value.Content) == 0 {
		if w.Body.Len() > 0 {
			t.Errorf("a body where none is described: %s", w.Body)
		}
		return
	}
	mediaType, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
	media := ref.Value.Content[mediaType]
	if media == nil {
		t.Fatalf("content type %q is not described", mediaType)
	}
	if mediaType != typeJSON {
		return
	}
	var body any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("body is not JSON: %v", err)
	}
	if err := media.Schema.Value.VisitJSON(body, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors()); err != nil {
		t.Errorf("body does not fit: %v\n%s", err, w.Body)
	}
}

// TestConformsNotices: the validation above is no rubber stamp.
func TestConformsNotices(t *testing.T) {
	t.Parallel()
	schema := description(t).Components.Schemas["SearchResponse"].Value
	good := decodeAny(t, oracle(t, apiDetail(sampleResult())))
	if err := schema.VisitJSON(good, openapi3.EnableJSONSchema2020()); err != nil {
		t.Fatalf("a good answer does not fit: %v", err)
	}
	for name, spoil := range map[string]func(data map[string]any){
		"missing field":  func(d map[string]any) { delete(d, "found") },
		"added field":    func(d map[string]any) { d["more"] = 1 },
		"other type":     func(d map[string]any) { d["query"] = 1 },
		"null for empty": func(d map[string]any) { d["matches"] = nil },
		"other word":     func(d map[string]any) { d["meta"].(map[string]any)["stage"] = "fuzzy" },
	} {
		bad := decodeAny(t, oracle(t, apiDetail(sampleResult())))
		spoil(bad.(map[string]any)["data"].(map[string]any))
		if err := schema.VisitJSON(bad, openapi3.EnableJSONSchema2020()); err == nil {
			t.Errorf("%s: goes unnoticed", name)
		}
	}
}

func decodeAny(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestOpenAPIDefaults: the defaults that the description names are the ones
// that the handlers use.
func TestOpenAPIDefaults(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	if w := g.get("/api/v1/iocs/search?q=192.0.2.10"); w.Code != http.StatusOK {
		t.Fatalf("answer %d: %s", w.Code, w.Body)
	}
	got := map[string]any{}
	q := g.finder.last.Load()
	got["limit"], got["offset"], got["include_related"], got["match"] = q.Limit, q.Offset, q.Related, string(q.Match)
	got["view"], got["explain"] = g.srv.opts.DefaultView, q.Explain
	for _, ref := range description(t).Paths.Value(pathSearch).Get.Parameters {
		if d := ref.Value.Schema.Value.Default; d != nil && fmt.Sprint(d) != fmt.Sprint(got[ref.Value.Name]) {
			t.Errorf("default of %s: described %v, used %v", ref.Value.Name, d, got[ref.Value.Name])
		}
	}
	if q.Match != search.Mode(api.MatchAuto) {
		t.Errorf("match = %q", q.Match)
	}
}
