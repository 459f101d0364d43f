package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"spoor/api"
	"spoor/internal/config"
	"spoor/internal/ioc"
	"spoor/internal/search"
	"spoor/internal/server"
	"spoor/internal/store"
)

// searchFlags is what "search" was told beside the query.
type searchFlags struct {
	server, keyFile string
	typ, match      string
	limit, offset   int
	noRelated       bool
	json            bool
	explain         bool
	asOf            string
}

// newSearchCommand returns "spoor search".
func newSearchCommand(a *app) *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "search [flags] QUERY",
		Short: "Search the store, or a server",
		Long: `Looks a value up, in any spelling: exactly first, and for what contains it when nothing is exactly it.
On a terminal it writes a table with defanged values, which a narrow terminal shortens in the middle;
elsewhere, and with --json, the body that the API answers with, whole. With --server it asks a running
server, with the key from SPOOR_KEY or --key-file. --explain adds to each match what it is worth, from 0 to
100, and what for; --as-of answers with what was known at a time.

Exit status: 0 found, 1 failed, 2 wrong usage, 3 not found.`,
		Example: `  spoor search 'lantern-relay[.]example'
  spoor search --match contains --type url /gate.php
  spoor search --explain --as-of 2026-05-01 evil.example
  SPOOR_KEY=sk_live_... spoor search --server https://feed.example --json 192.0.2.10`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("name one value to search for, in quotes if it has spaces")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.search(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.server, "server", "", "ask the server at this `URL` instead of a store")
	flags.StringVar(&f.keyFile, "key-file", "", "file with the API key for --server (default: the variable SPOOR_KEY)")
	flags.StringVar(&f.typ, "type", "", "search indicators of this `type` only: "+typeNames())
	flags.StringVar(&f.match, "match", string(search.Auto), "auto (exact, else contains), exact or contains")
	flags.IntVar(&f.limit, "limit", 100, "most matches to show")
	flags.IntVar(&f.offset, "offset", 0, "matches to leave out at the beginning")
	flags.BoolVar(&f.noRelated, "no-related", false, "leave out related indicators")
	flags.BoolVar(&f.json, "json", false, "write the body that the API answers with")
	flags.BoolVar(&f.explain, "explain", false, "say what each match is worth, and why")
	flags.StringVar(&f.asOf, "as-of", "", "answer with what was known at this `time`: 2026-05-01 or 2026-05-01T08:00:00Z")
	storeFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("server", "data")
	cmd.MarkFlagsMutuallyExclusive("server", "store")
	return cmd
}

func typeNames() string {
	var names []string
	for _, t := range ioc.Types() {
		names = append(names, t.String())
	}
	return strings.Join(names, ", ")
}

// search asks, writes the answer, and ends with errNotFound when it is empty.
func (a *app) search(cmd *cobra.Command, text string, f searchFlags) error {
	q, err := f.query(text, a.now())
	if err != nil {
		return err
	}
	body, err := a.answer(cmd, q, f)
	if err != nil {
		return err
	}
	var answer api.SearchResponse
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if f.json || !isTerminal(a.stdout) {
		_, err = a.stdout.Write(body)
	} else {
		err = a.answerTable(&answer, terminalWidth(a.stdout))
	}
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	if !answer.Data.Found {
		return errNotFound
	}
	return nil
}

// answer returns the body of the answer, from a server or from the store.
func (a *app) answer(cmd *cobra.Command, q search.Query, f searchFlags) ([]byte, error) {
	loaded, err := a.settings(cmd)
	if err != nil {
		return nil, err
	}
	if f.server != "" {
		return a.searchServer(cmd, q, f)
	}
	if f.keyFile != "" {
		return nil, usagef("--key-file is for --server: a store of your own needs no key")
	}
	return a.searchStore(cmd.Context(), loaded.Config, q)
}

// query checks what the API would refuse, as mistakes of usage.
func (f searchFlags) query(text string, now time.Time) (search.Query, error) {
	q := search.Query{
		Text: text, Match: search.Mode(f.match), Related: !f.noRelated, Explain: f.explain,
		Window: store.Window{Limit: f.limit, Offset: f.offset},
		// Who can read the store's file may read all of it.
		Visibility: store.Visibility{MaxTLP: ioc.Red},
	}
	n := utf8.RuneCountInString(strings.TrimSpace(text))
	switch {
	case !utf8.ValidString(text) || strings.ContainsRune(text, 0):
		return q, usagef("the query is not valid UTF-8 text")
	case n < search.MinText || n > search.MaxText:
		return q, usagef("the query has %d characters: %d to %d can be searched for", n, search.MinText, search.MaxText)
	case f.limit < 1 || f.offset < 0 || f.offset+f.limit > store.Cap:
		return q, usagef("--limit and --offset: at least 1 and 0, together at most %d", store.Cap)
	case f.explain && f.limit > search.MaxExplained:
		return q, usagef("--limit: at most %d with --explain", search.MaxExplained)
	case !slices.Contains(search.Modes(), q.Match):
		return q, usagef("--match %q: use auto, exact or contains", f.match)
	}
	if f.asOf != "" {
		at, err := parseMoment(f.asOf)
		switch {
		case err != nil:
			return q, usagef("--as-of %q: use 2026-05-01 or 2026-05-01T08:00:00Z", f.asOf)
		case at.After(now):
			return q, usagef("--as-of %q lies in the future", f.asOf)
		}
		q.AsOf = at
	}
	if f.typ != "" {
		t, err := ioc.ParseType(f.typ)
		if err != nil {
			return q, usagef("--type: %v", err)
		}
		q.Type = t
	}
	return q, nil
}

// parseMoment reads a time, or a date, which is its first moment in UTC.
func parseMoment(s string) (time.Time, error) {
	at, err := time.Parse(time.DateOnly, s)
	if err != nil {
		at, err = time.Parse(time.RFC3339, s)
	}
	return at.UTC().Truncate(time.Second), err
}

// searchStore answers from the store itself, in the API's own bytes.
func (a *app) searchStore(ctx context.Context, c config.Config, q search.Query) ([]byte, error) {
	st, err := a.openExisting(ctx, c)
	if err != nil {
		return nil, err
	}
	defer func() { _ = st.Close() }() // only read from
	ctx, cancel := context.WithTimeout(ctx, c.QueryDeadline)
	defer cancel()
	res := server.Result{Query: q.Text, Window: q.Window, GeneratedAt: a.now()}
	res.Answer, err = search.New(st, a.now).Search(ctx, q)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, fmt.Errorf("search store: took longer than %s: narrow the query, or raise query_deadline", c.QueryDeadline)
	}
	if err != nil {
		return nil, fmt.Errorf("search store: %w", err)
	}
	public := c.PublicURL
	if public == "" {
		public = "http://" + c.Listen
	}
	return server.NewEncoder(public, c.SourceName, "").Detail(nil, &res), nil
}
