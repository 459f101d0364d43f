package postgres

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// statement is one of the package's, with arguments such as it is given.
type statement struct {
	sql     string
	args    []any
	license license
}

// license says what a statement may do that others may not.
type license int

const (
	// sorts what it found, which is few, or no index has in order.
	sorts license = 1 << iota
	// walks an index from one end, and stops when it has enough.
	walks
	// scans a table that grows.
	scans
	// replanned each time: the server never keeps a plan of it.
	replanned
	// viewOnly is asked in views alone, never ahead of one: byIndex holds
	// wherever it is planned.
	viewOnly
)

// given is what statements ask for in a store that holds much.
type given struct {
	indicator, record, facet, article, feed, run, key [16]byte
	indicators, records, facets, articles             [][16]byte
	hash                                              []byte
	times                                             []time.Time
	seqs                                              []int64
	now                                               time.Time
}

// valuesOf reads rows of one column.
func valuesOf[T any](t *testing.T, s *Store, sql string) []T {
	t.Helper()
	rows, err := s.primary.pool.Query(context.Background(), sql)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil || len(all) == 0 {
		t.Fatalf("%s: %d rows, %v", sql, len(all), err)
	}
	return all
}

// givenBy takes arguments from a store: the most common where that is the
// harder case.
func givenBy(t *testing.T, s *Store) (g given) {
	t.Helper()
	if s == nil { // the arguments do not matter
		return given{indicators: make([][16]byte, 9)}
	}
	g.indicators = valuesOf[[16]byte](t, s, `SELECT indicator_id FROM records WHERE added_seq % 400 = 7 ORDER BY id`)
	g.records = valuesOf[[16]byte](t, s, `SELECT id FROM records WHERE added_seq % 400 = 7 ORDER BY id`)
	g.times = valuesOf[time.Time](t, s, `SELECT updated_at FROM records WHERE added_seq % 400 = 7 ORDER BY id`)
	g.seqs = valuesOf[int64](t, s, `SELECT seq FROM records WHERE added_seq % 400 = 7 ORDER BY id`)
	g.indicator = valuesOf[[16]byte](t, s, `SELECT indicator_id FROM records GROUP BY 1 ORDER BY count(*) DESC LIMIT 1`)[0]
	g.record = valuesOf[[16]byte](t, s, `SELECT record_id FROM sightings GROUP BY 1 ORDER BY count(*) DESC LIMIT 1`)[0]
	g.facets = valuesOf[[16]byte](t, s, `SELECT facet_id FROM records GROUP BY 1 ORDER BY count(*) DESC LIMIT 20`)
	g.articles = valuesOf[[16]byte](t, s, `SELECT article_id FROM records WHERE article_id IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC LIMIT 20`)
	g.feed = valuesOf[[16]byte](t, s, `SELECT id FROM feeds`)[0]
	g.run = valuesOf[[16]byte](t, s, `SELECT id FROM runs`)[0]
	g.key = valuesOf[[16]byte](t, s, `SELECT id FROM api_keys`)[0]
	g.hash = valuesOf[[]byte](t, s, `SELECT hash FROM api_keys`)[0]
	g.facet, g.article, g.now = g.facets[0], g.articles[0], time.Unix(1.7e9, 0)
	return g
}

// statements are all statements of the package on tables of ours, by what
// they are for. The store gives arguments; without one they have none that
// matter.
func statements(t *testing.T, s *Store) map[string]statement {
	t.Helper()
	g := givenBy(t, s)
	all := map[string]statement{}
	for _, group := range []map[string]statement{g.searches(), g.lists(), g.writes(), g.keys()} {
		for name, st := range group {
			if _, twice := all[name]; twice {
				t.Fatalf("two statements are called %s", name)
			}
			all[name] = st
		}
	}
	return all
}

func (g *given) searches() map[string]statement {
	const chunk = 10_001
	newest := int64(math.MaxInt64)
	none := []int16{}
	some := []int16{1, 2}
	contains := func(sql, needle string, types []int16) statement {
		return statement{sql, []any{needle, 5, newest, types, chunk}, replanned | viewOnly | walks | sorts}
	}
	exact := func(ids ...[16]byte) statement {
		q := byIndicator(everything(), ids)
		return statement{q.sql, q.args, sorts}
	}
	// What so much matches that the newest of it are everywhere is held to be
	// found among the newest. As many as are asked for are a good part of a
	// store of this size, of which walking all is right then; a hundredth is
	// what they are of millions.
	common := func(sql, needle string, types []int16) statement {
		st := contains(sql, needle, types)
		st.args[4] = chunk / 100
		return st
	}
	return map[string]statement{
		"exact":                    exact(g.indicator),
		"exact, two":               exact(g.indicators[:2]...),
		"exact, four":              exact(g.indicators[:4]...),
		"exact, many":              exact(g.indicators[:9]...),
		"matches by primary key":   {selectByPrimaryKey, []any{g.indicators, g.records}, 0},
		"exact, then":              {selectByIndicatorsThen, []any{5, g.indicators[:9], g.now}, sorts},
		"added from":               {selectAddedFrom, []any{77}, 0},
		"sightings of records":     {selectSightingsOf, []any{g.indicators, g.records}, 0},
		"record":                   {selectRecordByID, []any{g.record}, 0},
		"first said":               {selectFirstSaid, []any{g.record}, 0},
		"sightings":                {selectSightings, []any{g.indicator, g.record}, 0},
		"article":                  {selectArticles, []any{[][16]byte{g.article}}, 0},
		"articles":                 {selectArticles, []any{g.articles}, 0},
		"related by article":       {selectByArticle, []any{g.article, 5, 52, 0}, 0},
		"facets":                   {selectFacets, []any{g.facets}, 0},
		"family's facets":          {selectFacetsWithLabel, []any{2, [][16]byte{labelID("greyheron")}}, sorts},
		"families' facets":         {selectFacetsWithLabel, []any{2, [][16]byte{labelID("greyheron"), labelID("tinfox"), labelID("no such")}}, sorts},
		"tag's facets":             {selectFacetsWithLabel, []any{1, [][16]byte{labelID("c2")}}, sorts},
		"contains: everywhere":     contains(selectContaining, "%ple%", none),
		"contains: of a type":      contains(selectContaining, "%ple%", some),
		"contains: three letters":  contains(selectContaining, "%log%", none),
		"contains: common word":    contains(selectContaining, "%login%", none),
		"contains: rare":           contains(selectContaining, "%qx7%", none),
		"contains: absent":         contains(selectContaining, "%nosuchtextatall%", none),
		"contains: address":        contains(selectContaining, "%198.18.%", none),
		"contains: long":           contains(selectContaining, "%http://login.example/secure/update/cdn/mail/account.php?id=4711&x=1%", none),
		"contains: no trigram":     common(selectContaining, "%://%", none),
		"contains: newest of most": common(selectContaining, "%ple%", none),
		"contains: newest of two":  common(selectBeginning, "lo", some),
		// pg_trgm knows letters and digits alone: without three in a row there
		// is nothing to look up, and what is rare has to be looked for.
		"contains: rare, no trigram": {selectContaining, []any{"%;=;%", 5, newest, none, chunk}, replanned | viewOnly | walks | sorts | scans},
		"contains: rare of a type":   contains(selectContaining, "%qx7%", some),
		"contains: two letters":      contains(selectBeginning, "lo", none),
		"contains: one letter":       common(selectBeginning, "h", none),
		"contains: rare two":         contains(selectBeginning, "qx", none),
		"contains: letters of type":  contains(selectBeginning, "lo", some),
	}
}

func (g *given) lists() map[string]statement {
	since, before, newest := never(), forever(), int64(math.MaxInt64)
	return map[string]statement{
		"list by facet":        {selectFacetRange, []any{g.facet, since, before, int64(math.MaxInt64), 101}, 0},
		"list by facet, later": {selectFacetRange, []any{g.facet, g.now, before, int64(math.MaxInt64), 10_001}, 0},
		"list of all":          {selectUpdatedRange, []any{since, before, int64(math.MaxInt64), 256}, 0},
		"list of all, widely":  {selectUpdatedRange, []any{since, before, int64(math.MaxInt64), widest}, 0},
		"list of article":      {selectArticleEntries, []any{g.article}, 0},
		"list's page":          {selectAt, []any{g.times, g.seqs}, 0},
		"count of all":         {selectCountOfAll, []any{since, before, int64(math.MaxInt64), 10_001}, 0},
		"count of facet":       {selectCountOfFacet, []any{g.facet, since, before, int64(math.MaxInt64), 10_001}, 0},
		"clock":                {selectClock, nil, 0},
		"clock's number":       {selectSeq, nil, 0},
		"feeds":                {selectFeeds, nil, sorts | walks},
		"number of feeds":      {selectFeedCount, nil, walks},
		"writers":              {selectWriter, []any{g.now}, scans},
		"contained, in turn":   {selectHolding, []any{"%login%", int64(0), newest, 10_000}, replanned | viewOnly | walks | sorts},
		"rare, in turn":        {selectHolding, []any{"%qx7%", int64(0), newest, 10_000}, replanned | viewOnly | walks | sorts},
		"all in turn":          {selectMade, []any{int64(7), newest, 10_000}, 0},
		"runs":                 {selectRuns, []any{100}, walks},
		"runs of a feed":       {selectRunsOfFeed, []any{g.feed, 100}, 0},
		"states of feeds":      {selectFeedStates, nil, walks | sorts},
		"state of feed":        {selectFeedState, []any{"f"}, 0},
		"allowed values":       {selectAllowed, nil, walks | sorts},
		"move":                 {selectMove, nil, 0},
		"first run":            {selectFirstRun, nil, walks},
		"check: sample":        {selectSample, []any{g.indicator}, 0},
	}
}

func (g *given) writes() map[string]statement {
	words, numbers, large, flags := []string{"a", "b"}, []int16{1, 2}, []int64{1, 2}, []bool{true, false}
	two := make([][16]byte, 2)
	text := make([]string, len(g.records))
	bits := make([]int16, len(g.records))
	return map[string]statement{
		"lock clock":        {lockClock, nil, 0},
		"update clock":      {updateClock, []any{1, g.now, 1, 1, 1, 1, 1, 1, 1}, 0},
		"make feed":         {insertFeed, []any{g.feed, "f", "c"}, 0},
		"feed":              {selectFeed, []any{g.feed}, 0},
		"make run":          {insertRun, []any{g.run, g.feed, "s", g.now}, 0},
		"batches of run":    {selectBatches, []any{g.run}, 0},
		"count batch":       {updateBatches, []any{g.run, 1, 1}, 0},
		"finish run":        {finishRun, []any{g.run, g.now, "{}"}, 0},
		"batch's records":   {selectBatchRecords, []any{g.indicators, g.records}, 0},
		"update records":    {updateRecords, []any{g.indicators, g.records, g.records, bits, bits, g.times, g.times, g.times, g.seqs, text, text, g.times, g.times}, 0},
		"make articles":     {insertArticles, []any{g.articles, g.feed, words, words, words}, 0},
		"update articles":   {updateArticles, []any{g.articles, words, words, words}, 0},
		"known facets":      {selectKnownFacets, []any{g.facets}, 0},
		"make facets":       {insertFacets, []any{two, g.feed, numbers, numbers, numbers, numbers, words, flags}, 0},
		"make facet labels": {insertFacetLabels, []any{numbers, two, two, words}, 0},
		"count of facets":   {moveFacetRecords, []any{g.facets, large, large}, 0},
		"place of record":   {selectPlace, []any{g.record}, 0},
		"delete sightings":  {deleteSightings, []any{g.indicators, g.records}, 0},
		"delete records":    {deleteRecords, []any{g.indicators, g.records}, 0},
		"take sightings":    {takeSightings, []any{[][16]byte{g.run}, large[:1]}, 0},
		"piece to prune":    {selectPieceEnd, []any{100, 1 << 40, 9999}, 0},
		"old records":       {selectOld, []any{100, 10100, g.now, g.now}, 0},
		"count sightings":   {countSaid, []any{g.indicators, g.records}, sorts},
		"articles to prune": {selectArticlesAfter, []any{g.article, 1000}, 0},
		"old runs":          {selectOldRuns, []any{g.now, g.now, g.run, 10_000}, 0},
		"forget runs":       {deleteRuns, []any{[][16]byte{g.run}}, 0},
		"begin move":        {insertMove, []any{"", g.now}, 0},
		"move on":           {updateMove, []any{1, 1, 1, 1}, 0},
		"finish move":       {finishMove, []any{g.now}, 0},
		"rename move":       {renameMove, []any{"another", g.now}, 0},
		"reset move":        {resetMove, nil, 0},
		"abandon move":      {deleteMove, nil, 0},
		"move key":          {insertMovedKey, []any{g.hash, g.key, g.key, 1, "n", "p", "t", "[]", "[]", 1, g.now, nil, nil}, 0},
	}
}

func (g *given) keys() map[string]statement {
	return map[string]statement{
		"make account":   {insertAccount, []any{g.key, "a", g.now}, 0},
		"make key":       {insertKey, []any{g.hash, g.key, g.key, 1, "n", "p", "t", "[]", "[]", 1, g.now, nil}, 0},
		"same key":       {selectSameKey, []any{g.hash}, 0},
		"same key's id":  {selectSameKeyID, []any{g.key}, 0},
		"key by hash":    {selectKeyByHash, []any{g.hash}, 0},
		"revoke":         {revokeKey, []any{g.now, g.key}, 0},
		"make holders":   {insertHolders, []any{g.key}, 0},
		"lock holders":   {lockHolders, []any{g.key}, 0},
		"update holders": {updateHolders, []any{"[]", g.key}, 0},
		"usage":          {selectUsage, []any{g.key, 60, 0}, 0},
		"count usage":    {upsertUsage, []any{g.key, 60, 60, 1, 1}, 0},
		"prune usage":    {deleteUsage, []any{60, 61}, 0},
		"make lease":     {insertLease, []any{"n"}, 0},
		"claim lease":    {claimLease, []any{"h", 2, "n", 1, 4}, 0},
		"release lease":  {releaseLease, []any{"n", "h"}, 0},
		"save state":     {upsertFeedState, []any{"f", "{}"}, 0},
		"forget state":   {deleteFeedState, []any{"f"}, 0},
		"allow":          {upsertAllowed, []any{"v", "r", g.now}, 0},
		"disallow":       {deleteAllowed, []any{"v"}, 0},
		"begin writing":  {insertWriter, []any{g.run, g.now}, 0},
		"end writing":    {deleteWriter, []any{g.run}, 0},
		"prune writers":  {pruneWriters, []any{g.now}, scans},
	}
}
