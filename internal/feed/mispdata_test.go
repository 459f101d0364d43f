package feed

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"spoor/internal/ioc"
)

// TestDataMISP accounts for every attribute of the real events. They are
// counted here on their own terms, by encoding/json.
func TestDataMISP(t *testing.T) {
	t.Parallel()
	type attribute struct{ Type, Value string }
	type event struct {
		Info, UUID string
		Attribute  []attribute
		Object     []struct{ Attribute []attribute }
	}
	type wrapped struct{ Event *event }
	var attributes, pairs, links, items, skips, events int
	reasons, types := map[string]int{}, map[ioc.Type]int{}
	check := func(path string, content []byte) {
		var one wrapped
		var answer struct{ Response []wrapped }
		if err := json.Unmarshal(content, &answer); err != nil || len(answer.Response) == 0 {
			if err := json.Unmarshal(content, &one); err != nil || one.Event == nil {
				return
			}
			answer.Response = []wrapped{one}
		}
		titles := map[string]bool{}
		for _, e := range answer.Response {
			events++
			titles[e.Event.Info] = true
			all := e.Event.Attribute
			for _, o := range e.Event.Object {
				all = append(all, o.Attribute...)
			}
			attributes += len(all)
			for _, a := range all {
				switch a.Type {
				case "link":
					links++
				case "domain|ip":
					pairs++
				}
			}
		}
		got := collect(t, mispParser{}, path, string(content))
		if got.err != nil {
			t.Errorf("%s: %v", path, got.err)
		}
		items, skips = items+len(got.items), skips+len(got.skips)
		for _, k := range got.skips {
			reasons[k.Reason]++
		}
		for _, it := range got.items {
			types[it.Type]++
			if it.Article == nil || !titles[it.Article.Title] || it.Article.GUID == "" || it.FirstSeen.IsZero() {
				t.Errorf("%s %s: no title, identity or date: %+v", path, it.Where, it)
			}
			if _, err := ioc.Normalise(it.Type, it.Raw); err != nil {
				t.Logf("%s %s: %v", path, it.Where, err)
			}
		}
	}
	err := filepath.WalkDir(dataDir(t, "eset"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		content, err := os.ReadFile(path)
		check(path, content)
		return err
	})
	if err != nil {
		t.Fatalf("walk events: %v", err)
	}
	if events == 0 || items+skips != attributes+pairs-links {
		t.Errorf("items + skips = %d + %d, want %d attributes + %d pairs - %d links", items, skips, attributes, pairs, links)
	}
	if reasons[ReasonUnknownType] != skips {
		t.Errorf("skips by reason = %v, want only types that are none of ours", reasons)
	}
	t.Logf("%d events, %d attributes: %d items %v, %d skips, %d links", events, attributes, items, types, skips, links)
}
