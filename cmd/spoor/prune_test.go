package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/config"
	"spoor/internal/ioc"
	"spoor/internal/store"
)

func TestPolicy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		set  config.Retention
		want store.Policy
	}{
		{"as it is at first", config.Defaults().Retention, store.Policy{Runs: 90 * day}},
		{"everything is kept", config.Retention{}, store.Policy{}},
		{"by type and feed", config.Retention{Records: []string{"ipv4=90d", " feed:a, b=c = 12h", "feed:x/y/url=1d", "feed:x/y=2d"}}, store.Policy{Records: []store.Expiry{
			{Type: ioc.IPv4, Unseen: 90 * day}, {Feed: "a, b=c", Unseen: 12 * time.Hour}, {Feed: "x/y", Type: ioc.URL, Unseen: day}, {Feed: "x/y", Unseen: 2 * day},
		}}},
		{"lapsed", config.Retention{LapsedDays: 7, Records: []string{"cve=never", "domain=30d"}}, store.Policy{Records: []store.Expiry{
			{Lapsed: 7 * day}, {Type: ioc.CVE}, {Type: ioc.Domain, Unseen: 30 * day, Lapsed: 7 * day},
		}}},
		{"all", config.Retention{LapsedDays: 7, Records: []string{"all=365d"}, ArticlesDays: 30}, store.Policy{
			Records: []store.Expiry{{Unseen: 365 * day, Lapsed: 7 * day}}, Articles: 30 * day,
		}},
	}
	for _, tt := range tests {
		got, err := policyOf(tt.set)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
}

// TestPolicyRefuses holds that no mistake in the settings deletes anything.
func TestPolicyRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ipv4":                   "ipv4=90d",
		"=90d":                   "ipv4=90d",
		" =90d":                  "ipv4=90d",
		"ip=90d":                 "no type of indicator",
		"ipv4=":                  "age",
		"ipv4=90":                "age",
		"ipv4=0d":                "age",
		"ipv4=-5d":               "age",
		"ipv4=10m":               "age",
		"ipv4=99999999999999d":   "age",
		"ipv4=1e9d":              "age",
		"feed:=90d":              "name the feed",
		"feed:/url=90d":          "name the feed",
		"ipv4=1d,ipv4=2d":        "same records",
		"all=1d,all=never":       "same records",
		"feed:a/cve=1d,feed:a=x": "age",
	} {
		_, err := policyOf(config.Retention{Records: strings.Split(text, ","), LapsedDays: 1})
		if !errors.Is(err, config.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
}

// TestServersPrune holds that the work of the day does what the policy says,
// and says what it did.
func TestServersPrune(t *testing.T) {
	t.Parallel()
	st := openAt(t, place{"--data", t.TempDir()})
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	run, err := st.StartRun(t.Context(), store.RunSpec{Feed: store.Feed{Name: "mine", Category: store.Community}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	old := now.Add(-100 * day)
	_, err = run.Write(t.Context(), []store.Observation{
		{Indicator: ioc.Indicator{Type: ioc.IPv4, Value: "192.0.2.1", Key: "192.0.2.1"}, FirstSeen: old, LastSeen: old},
		{Indicator: ioc.Indicator{Type: ioc.Domain, Value: "evil.example", Key: "evil.example"}, FirstSeen: old, LastSeen: old},
	})
	if err = errors.Join(err, run.Finish(t.Context(), store.RunStats{})); err != nil {
		t.Fatal(err)
	}
	a := &app{now: func() time.Time { return now }}
	for _, want := range []string{"1 record deleted, 0 articles archived, 0 runs forgotten", ""} {
		got, err := a.pruneDaily(store.Policy{Records: []store.Expiry{{Type: ioc.IPv4, Unseen: 90 * day}}}, st).do(t.Context())
		if err != nil || got != want {
			t.Errorf("said %q, %v; want %q", got, err, want)
		}
	}
}

// FuzzPolicy holds that whatever is accepted keeps records for an hour at least.
func FuzzPolicy(f *testing.F) {
	f.Add("ipv4=90d", 0)
	f.Add("feed:a/url=12h", 7)
	f.Add("all=never", 1)
	f.Fuzz(func(t *testing.T, text string, lapsed int) {
		p, err := policyOf(config.Retention{Records: []string{text}, LapsedDays: max(lapsed%1000, 0)})
		if err != nil {
			return
		}
		for _, e := range p.Records {
			if e.Unseen != 0 && e.Unseen < time.Hour || e.Lapsed < 0 || e.Feed != "" && !strings.Contains(text, e.Feed) {
				t.Errorf("%q: %+v", text, e)
			}
		}
	})
}
