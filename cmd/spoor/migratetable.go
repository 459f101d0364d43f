package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"
)

// movedTable prints for people what was moved and compared.
func (a *app) movedTable(m *mover) error {
	r := &m.result
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	row := func(name string, n int64, note string) { fmt.Fprintf(w, "%s\t%12s\t%s\n", name, grouped(n), note) }
	row("records", r.Records, m.pace())
	row("sightings", r.Sightings, "")
	row("articles", r.Articles, "")
	row("feeds", r.Feeds, "")
	row("runs", r.Runs, "")
	row("accounts", r.Accounts, "")
	row("keys", r.Keys, "")
	row("feed states", r.FeedStates, "")
	row("allowed", r.Allowed, "")
	row("seq", r.Seq, "all of these are alike on both sides")
	row("compared", int64(r.sample), fmt.Sprintf("records whole, picked by seed %d", m.flags.seed))
	row("  exact", int64(r.asked.Exact), "searches")
	row("  contains", int64(r.asked.Contains), "searches")
	row("  related", int64(r.asked.Related), "searches")
	row("  list", int64(r.asked.Lists), "pages")
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "moved in %s: give servers and imports --store with the new address from now on, and keep the old file until you are sure\n", took(r.took))
	return err
}

// pace tells how fast records came over.
func (m *mover) pace() string {
	r := &m.result
	if r.here == 0 {
		return "moved before"
	}
	text := fmt.Sprintf("moved in %s, %s a second", took(r.loading), grouped(int64(float64(r.here)/max(r.loading.Seconds(), 0.001))))
	if before := r.Records - r.here; before > 0 {
		text += fmt.Sprintf("; %s of them before", grouped(before))
	}
	return text
}

// movedObject is the object that "migrate --json" prints.
type movedObject struct {
	Records   int64        `json:"records"`
	Sightings int64        `json:"sightings"`
	Articles  int64        `json:"articles"`
	Feeds     int64        `json:"feeds"`
	Runs      int64        `json:"runs"`
	Accounts  int64        `json:"accounts"`
	Keys      int64        `json:"keys"`
	States    int64        `json:"feed_states"`
	Allowed   int64        `json:"allowed"`
	Seq       int64        `json:"seq"`
	Moved     int64        `json:"moved_now"`
	Seed      uint64       `json:"seed"`
	Compared  movedCompare `json:"compared"`
	Took      float64      `json:"took"`
}

type movedCompare struct {
	Records   int `json:"records"`
	Sightings int `json:"sightings"`
	Articles  int `json:"articles"`
	Exact     int `json:"exact"`
	Contains  int `json:"contains"`
	Related   int `json:"related"`
	Lists     int `json:"lists"`
}

// movedJSON prints it for programs.
func (a *app) movedJSON(m *mover) error {
	r, c := &m.result, m.result.asked
	return json.NewEncoder(a.stdout).Encode(movedObject{
		Records: r.Records, Sightings: r.Sightings, Articles: r.Articles, Feeds: r.Feeds,
		Runs: r.Runs, Accounts: r.Accounts, Keys: r.Keys, States: r.FeedStates, Allowed: r.Allowed, Seq: r.Seq, Moved: r.here, Seed: m.flags.seed,
		Compared: movedCompare{c.Records, c.Sightings, c.Articles, c.Exact, c.Contains, c.Related, c.Lists},
		Took:     r.took.Round(time.Millisecond).Seconds(),
	})
}
