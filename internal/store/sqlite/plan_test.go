package sqlite

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// openTest opens a fresh store.
func openTest(t *testing.T) *Store {
	t.Helper()
	s, err := Open(context.Background(), Options{Path: filepath.Join(t.TempDir(), "spoor.db"), Readers: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// explain returns the steps of a statement's plan.
func explain(t *testing.T, s *Store, query string) []string {
	t.Helper()
	var steps []string
	err := s.View(context.Background(), func(snap store.Snapshot) error {
		v := snap.(*snapshot) //nolint:forcetypeassert // ours
		return v.transient("EXPLAIN QUERY PLAN "+query, func(st *sqlite.Stmt) { steps = append(steps, st.ColumnText(3)) })
	})
	if err != nil {
		t.Fatalf("explain %s: %v", query, err)
	}
	return steps
}

// TestPlans holds every statement of the request path to its index: none
// walks a table, none sorts.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	for name, query := range map[string]string{
		"exact":               selectByKey,
		"record by id":        selectRecordByID,
		"record by row":       selectRecordByRID,
		"related by article":  selectByArticle,
		"article's entries":   selectArticleEntries,
		"article by row":      selectArticleRef,
		"article's row":       selectArticleID,
		"article":             selectArticle,
		"facet":               selectFacet,
		"facet to write":      selectFacetID,
		"facets of a label":   selectFacetsWithLabel,
		"list by facet":       selectFacetRange,
		"list of all":         selectUpdatedRange,
		"sightings":           selectSightings,
		"first sighting":      selectFirstSaid,
		"contains: posting":   selectPosting,
		"contains: keys":      selectBlock,
		"contains: directory": selectDirectory,
		"contains: unindexed": selectTail,
		"contains: marking":   selectTLP,
		"seal":                selectUnsealed,
		"key by hash":         selectKeyByHash,
		"clock":               selectClock,
		"added from":          selectAddedFrom,
		"said by":             selectSaidBy,
		"made by":             selectMadeBy,
		"dates":               selectDates,
		"old runs":            selectOldRuns,
		"sightings of run":    addSightings,
		"drop postings":       deletePostings,
		"count of facet":      moveFacetRecords,
		"delete sightings":    deleteSightings,
		"delete record":       deleteRecord,
		"update record":       updateRecord,
		"feed by name":        selectFeedID,
		"account by name":     selectAccountID,
		"revoke":              revokeKey,
		"update article":      updateArticle,
		"finish run":          finishRun,
		"move: runs":          selectRunsAfter,
		"move: articles":      selectArticlesAfter,
		"move: records":       selectRecordsAfter,
		"move: sightings":     selectSaidAfter,
		"move: sample":        selectSample,
		"usage":               selectUsage,
		"holders":             selectHolders,
		"prune usage":         deleteUsage,
		"claim lease":         claimLease,
		"release lease":       releaseLease,
		"state of feed":       selectFeedState,
		"save state":          upsertFeedState,
		"forget state":        deleteFeedState,
		"runs":                selectRuns,
		"runs of feed":        selectRunsOfFeed,
		"allow":               upsertAllowed,
		"disallow":            deleteAllowed,
		"begin writing":       insertWriter,
		"end writing":         deleteWriter,
		"all records in turn": selectRIDs,
		"judge record":        updateJudged,
		"keep first sighting": keepFirstSaid,
	} {
		t.Run(name, func(t *testing.T) {
			for _, step := range explain(t, s, query) {
				if strings.HasPrefix(step, "SCAN ") && !strings.HasPrefix(step, "SCAN json_each") || strings.Contains(step, "TEMP B-TREE") && !strings.Contains(step, "DISTINCT") {
					t.Errorf("%s\nplan: %s", query, step)
				}
			}
		})
	}
}

// TestListPlans holds every filter of the list to facets: a filter may go
// through facets, of which there are few, and never through records.
func TestListPlans(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	filters := map[string]store.Filter{
		"type":       {Types: []ioc.Type{ioc.IPv4}},
		"category":   {Categories: []store.Category{store.Government}},
		"confidence": {Confidences: []ioc.Confidence{ioc.High}},
		"industry":   {Industries: []string{"energy"}},
		"tag":        {Tags: []string{"c2"}},
		"feed":       {Feeds: []string{"a"}},
		"origin":     {Origins: []store.Origin{store.OriginFeed}},
		"technique":  {Techniques: []string{"T1071"}},
		"unwarned":   {WithoutWarned: true},
		"all of it": {
			Types: []ioc.Type{ioc.IPv4}, Categories: []store.Category{store.Government}, Tags: []string{"c2"}, Feeds: []string{"a"},
			Since: time.Unix(1, 0), Until: time.Unix(2, 0), Article: uuid.Max,
		},
	}
	for name, f := range filters {
		t.Run(name, func(t *testing.T) {
			v := &snapshot{st: s, clock: clock{maxTLP: int64(ioc.Red)}}
			where, _, err := v.facetClauses(f)
			if err != nil {
				t.Fatal(err)
			}
			if len(where) == 0 {
				t.Fatal("the filter has no condition")
			}
			for _, step := range explain(t, s, `SELECT f.id, f.records FROM facets f WHERE `+strings.Join(where, " AND ")) {
				if strings.Contains(step, "records ") && strings.HasPrefix(step, "SCAN") {
					t.Errorf("plan: %s", step)
				}
			}
		})
	}
}

// TestDriverPin fails when the SQLite that runs is not the one that was
// measured: docs/adr says what to look at before moving the pin.
func TestDriverPin(t *testing.T) {
	t.Parallel()
	s := openTest(t)
	got := ""
	if err := s.View(context.Background(), func(snap store.Snapshot) error {
		v := snap.(*snapshot) //nolint:forcetypeassert // ours
		return v.transient("SELECT sqlite_version()", func(st *sqlite.Stmt) { got = st.ColumnText(0) })
	}); err != nil {
		t.Fatal(err)
	}
	if want := "3.53.4"; got != want {
		t.Errorf("sqlite_version() = %s, want %s", got, want)
	}
}
