package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/config"
)

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spoor.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func load(t *testing.T, src config.Sources) *config.Loaded {
	t.Helper()
	l, err := config.Load(src)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return l
}

func TestDefaultsAreUsable(t *testing.T) {
	t.Parallel()
	l := load(t, config.Sources{Environ: []string{"HOME=/home/ann"}})
	want := config.Defaults()
	want.Data = filepath.Join("/home/ann", ".local", "share", "spoor")
	if diff := cmp.Diff(want, l.Config); diff != "" {
		t.Errorf("configuration without sources (-want +got):\n%s", diff)
	}
	for _, e := range l.Explain() {
		if e.Origin != "default" {
			t.Errorf("%s comes from %q, want default", e.Key, e.Origin)
		}
	}
}

func TestLaterSourcesWin(t *testing.T) {
	t.Parallel()
	path := write(t, `
listen: 127.0.0.1:1111   # overruled by both
source_name: from the file
allowed_hosts: [a.example, b.example]
query_deadline: 2s
public_url: https://file.example
search:
  default_view: list
tiers:
  free:
    max_rows: 7
`)
	l := load(t, config.Sources{
		File: path,
		Environ: []string{
			"SPOOR_LISTEN=127.0.0.1:2222", "SPOOR_LOG_LEVEL=debug", "SPOOR_TIERS_PRO_REQUESTS_PER_DAY=5",
			"SPOOR_TRUSTED_PROXIES=10.0.0.1, 192.168.0.0/16", "SPOOR_ALLOW_QUERY_KEY=true", "SPOOR_SOURCE_NAME=",
		},
		Flags: map[string]string{"listen": "127.0.0.1:3333", "public-url": "", "log-format": "json"},
	})
	want := config.Defaults()
	want.Listen = "127.0.0.1:3333"
	want.SourceName = "from the file"
	want.AllowedHosts = []string{"a.example", "b.example"}
	want.QueryDeadline = 2 * time.Second
	want.Search.DefaultView = "list"
	want.Tiers.Free.MaxRows = 7
	want.Tiers.Pro.RequestsPerDay = 5
	want.TrustedProxies = []string{"10.0.0.1", "192.168.0.0/16"}
	want.AllowQueryKey = true
	want.Log = config.Log{Format: "json", Level: "debug"}
	if diff := cmp.Diff(want, l.Config); diff != "" {
		t.Errorf("layers (-want +got):\n%s", diff)
	}
	origins := map[string]string{
		"listen": "flag --listen", "public_url": "flag --public-url", "source_name": path + ":3",
		"tiers.free.max_rows": path + ":11", "tiers.free.requests_per_day": "default",
		"tiers.pro.requests_per_day": "environment variable SPOOR_TIERS_PRO_REQUESTS_PER_DAY",
	}
	for key, want := range origins {
		if got := l.Origin(key); got != want {
			t.Errorf("origin of %s: got %q, want %q", key, got, want)
		}
	}
	if got := len(l.ProxyPrefixes()); got != 2 {
		t.Errorf("ProxyPrefixes: got %d, want 2", got)
	}
}

func TestDataFlagOverrulesAStoreFromElsewhere(t *testing.T) {
	t.Parallel()
	environ := []string{"SPOOR_STORE=sqlite:/elsewhere.db"}
	l := load(t, config.Sources{Environ: environ, Flags: map[string]string{"data": "/here"}})
	if l.Store != "" || l.Data != "/here" {
		t.Errorf("got store %q and data %q, want only /here", l.Store, l.Data)
	}
	l = load(t, config.Sources{Environ: append(environ, "SPOOR_DATA=/here")})
	if l.Store != "sqlite:/elsewhere.db" {
		t.Errorf("got store %q, want the variable's", l.Store)
	}
}

func TestBlanksBeforeAnAddress(t *testing.T) {
	t.Parallel()
	l := load(t, config.Sources{Flags: map[string]string{"store": " \tpostgres://h/d", "read-store": " postgres://r/d"}})
	if l.Store != "postgres://h/d" || l.ReadStore != "postgres://r/d" || !l.StoresInPostgres() {
		t.Errorf("got store %q and replicas %q", l.Store, l.ReadStore)
	}
}

func TestFlagsLeaveOutReplicasOfAnotherStore(t *testing.T) {
	t.Parallel()
	environ := []string{"SPOOR_STORE=postgres://one.example/d", "SPOOR_READ_STORE=postgres://two.example/d"}
	cases := map[string]struct {
		flags       map[string]string
		store, read string
	}{
		"none":           {nil, "postgres://one.example/d", "postgres://two.example/d"},
		"folder":         {map[string]string{"data": "/here"}, "", ""},
		"file":           {map[string]string{"store": "sqlite:x"}, "sqlite:x", ""},
		"other database": {map[string]string{"store": "postgres://three.example/d"}, "postgres://three.example/d", ""},
		"both":           {map[string]string{"store": "postgres://3.example/d", "read-store": "postgresql://4.example,5.example:5433/d"}, "postgres://3.example/d", "postgresql://4.example,5.example:5433/d"},
		"replicas only":  {map[string]string{"read-store": "postgres://4.example/d"}, "postgres://one.example/d", "postgres://4.example/d"},
		"no replicas":    {map[string]string{"read-store": ""}, "postgres://one.example/d", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := load(t, config.Sources{Environ: environ, Flags: c.flags})
			if l.Store != c.store || l.ReadStore != c.read {
				t.Errorf("got store %q and replicas %q, want %q and %q", l.Store, l.ReadStore, c.store, c.read)
			}
		})
	}
}

func TestMetricsStayPrivate(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{
		"", "127.0.0.1:9090", "[::1]:0", "10.1.2.3:9090", "172.16.0.1:1", "192.168.1.1:1", "[fd00::1]:1", "[fe80::1]:1",
		"169.254.1.1:1", "[::ffff:10.0.0.1]:1", "localhost:9090", ":9090", "0.0.0.0:9090", "[::]:9090",
	} {
		if _, err := config.Load(config.Sources{Flags: map[string]string{"metrics-listen": listen}}); err != nil {
			t.Errorf("%q: %v", listen, err)
		}
	}
	for _, listen := range []string{"8.8.8.8:1", "172.32.0.1:1", "[2606:4700::1]:1", "[::ffff:8.8.8.8]:1", "100.64.0.1:1"} {
		if _, err := config.Load(config.Sources{Flags: map[string]string{"metrics-listen": listen}}); !errors.Is(err, config.ErrInvalid) {
			t.Errorf("%q: got %v, want ErrInvalid", listen, err)
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		file    string
		environ []string
		flags   map[string]string
		want    string
	}{
		"misspelt setting":       {file: "\nlistn: x\n", want: `spoor.yaml:2: unknown setting "listn"; did you mean "listen"?`},
		"misspelt nested":        {file: "log:\n  levl: x\n", want: `spoor.yaml:2: unknown setting "log.levl"; did you mean "log.level"?`},
		"unknown setting":        {file: "colour: red\n", want: `spoor.yaml:1: unknown setting "colour"; 'spoor config' lists all settings`},
		"given twice":            {file: "listen: a:1\nlisten: b:2\n", want: "spoor.yaml:2: "},
		"wrong kind in file":     {file: "source_name: a\nquery_deadline: [1]\n", want: "spoor.yaml:2: query_deadline is no duration such as 5s or 1m30s"},
		"no unit in file":        {file: "query_deadline: 5\n", want: "spoor.yaml:1: query_deadline is no duration such as 5s or 1m30s"},
		"no number in file":      {file: "tiers:\n  free:\n    max_rows: many\n", want: "spoor.yaml:3: tiers.free.max_rows is no whole number"},
		"not a mapping":          {file: "- a\n- b\n", want: "spoor.yaml:1: expected settings as name: value"},
		"second document":        {file: "listen: :1\n---\nlisten: :2\n", want: "a second document begins"},
		"not yaml":               {file: "a: [1\n", want: "spoor.yaml:1: "},
		"empty group":            {file: "search:\nlisten: :1\n", want: "spoor.yaml:1: search has no settings below it"},
		"value not allowed":      {file: "\n\nlog: {level: loud}\n", want: `spoor.yaml:3): allowed is one of debug, info, warn, error`},
		"number from variable":   {environ: []string{"SPOOR_TIERS_FREE_MAX_ROWS=many"}, want: `environment variable SPOOR_TIERS_FREE_MAX_ROWS: tiers.free.max_rows is "many", which is no whole number`},
		"duration from variable": {environ: []string{"SPOOR_QUERY_DEADLINE=5"}, want: `which is no duration such as 5s or 1m30s`},
		"deadline out of range":  {environ: []string{"SPOOR_QUERY_DEADLINE=1h"}, want: `query_deadline is "1h0m0s" (from environment variable SPOOR_QUERY_DEADLINE): allowed is between`},
		"listen without port":    {flags: map[string]string{"listen": "localhost"}, want: `listen is "localhost" (from flag --listen): allowed is HOST:PORT`},
		"listen port too large":  {flags: map[string]string{"listen": "localhost:70000"}, want: "listen is"},
		"replicas of a file":     {flags: map[string]string{"read-store": "postgres://h/d"}, want: "allowed is none unless store is postgres://"},
		"replicas of no scheme":  {flags: map[string]string{"store": "postgres://h/d", "read-store": "host=h"}, want: `read_store is "…" (from flag --read-store): allowed is postgres://`},
		"replicas elsewhere":     {flags: map[string]string{"store": "postgres://h/d", "read-store": "mysql://h/d"}, want: "read_store is"},
		"lag of nothing":         {environ: []string{"SPOOR_READ_STORE_MAX_LAG=0s"}, want: "read_store_max_lag is"},
		"metrics without port":   {flags: map[string]string{"metrics-listen": "127.0.0.1"}, want: "metrics_listen is"},
		"metrics in public":      {flags: map[string]string{"metrics-listen": "192.0.2.1:9090"}, want: "allowed is an address of this machine or of a private network"},
		"metrics in public, v6":  {flags: map[string]string{"metrics-listen": "[2001:db8::1]:9090"}, want: "metrics_listen is"},
		"public url with path":   {flags: map[string]string{"public-url": "https://a.example/x"}, want: "public_url is"},
		"public url no scheme":   {flags: map[string]string{"public-url": "a.example"}, want: "public_url is"},
		"half a pair":            {flags: map[string]string{"tls-cert": "c.pem"}, want: "tls_key is"},
		"proxy no address":       {environ: []string{"SPOOR_TRUSTED_PROXIES=proxy.example"}, want: "trusted_proxies is"},
		"host with port":         {environ: []string{"SPOOR_ALLOWED_HOSTS=a.example:80"}, want: "allowed_hosts is"},
		"key prefix":             {environ: []string{"SPOOR_KEY_PREFIX=sk-live"}, want: "key_prefix is"},
		"negative number":        {environ: []string{"SPOOR_TIERS_PRO_MAX_ROWS=-1"}, want: "allowed is 0 or more"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := config.Sources{Environ: c.environ, Flags: c.flags}
			if c.file != "" {
				src.File = write(t, c.file)
			}
			_, err := config.Load(src)
			if !errors.Is(err, config.ErrInvalid) {
				t.Fatalf("got error %v, want ErrInvalid", err)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %q, want it to say %q", err, c.want)
			}
		})
	}
}

func TestWhichFileIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "spoor"), 0o700); err != nil {
		t.Fatal(err)
	}
	usual := filepath.Join(dir, "spoor", "spoor.yaml")
	if err := os.WriteFile(usual, []byte("source_name: usual\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := write(t, "source_name: other\n")
	cases := map[string]struct {
		src        config.Sources
		name, file string
	}{
		"none":            {config.Sources{}, "SOC Defenders", ""},
		"usual place":     {config.Sources{Environ: []string{"XDG_CONFIG_HOME=" + dir}}, "usual", usual},
		"usual absent":    {config.Sources{Environ: []string{"XDG_CONFIG_HOME=" + t.TempDir()}}, "SOC Defenders", ""},
		"variable":        {config.Sources{Environ: []string{"XDG_CONFIG_HOME=" + dir, "SPOOR_CONFIG=" + other}}, "other", other},
		"named":           {config.Sources{File: usual, Environ: []string{"SPOOR_CONFIG=" + other}}, "usual", usual},
		"empty file":      {config.Sources{File: write(t, "")}, "SOC Defenders", "*"},
		"comments only":   {config.Sources{File: write(t, "# nothing\n")}, "SOC Defenders", "*"},
		"relative is not": {config.Sources{Environ: []string{"XDG_CONFIG_HOME=x"}}, "SOC Defenders", ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := load(t, c.src)
			if l.SourceName != c.name {
				t.Errorf("source_name: got %q, want %q", l.SourceName, c.name)
			}
			if c.file != "*" && l.File != c.file {
				t.Errorf("File: got %q, want %q", l.File, c.file)
			}
		})
	}
	t.Run("named but missing", func(t *testing.T) {
		t.Parallel()
		_, err := config.Load(config.Sources{File: filepath.Join(dir, "absent.yaml")})
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v, want ErrNotExist", err)
		}
	})
}

func TestMisspeltVariablesWarn(t *testing.T) {
	t.Parallel()
	l := load(t, config.Sources{Environ: []string{"SPOOR_LISTN=x", "SPOOR_KEY=x", "SPOOR_KILLS=3", "LISTN=x"}})
	want := []string{"environment variable SPOOR_LISTN is no setting; did you mean SPOOR_LISTEN?"}
	if diff := cmp.Diff(want, l.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestEverySettingIsDescribed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range config.Settings() {
		if s.Doc == "" || s.Key == "" || strings.HasSuffix(s.Env, "_") || s.Env == config.EnvPrefix {
			t.Errorf("setting %q (%s) lacks a tag", s.Key, s.Env)
		}
		for _, name := range []string{s.Key, s.Env} {
			if seen[name] {
				t.Errorf("name %q is used twice", name)
			}
			seen[name] = true
		}
	}
}

func FuzzFile(f *testing.F) {
	for _, s := range []string{"listen: :1\n", "tiers: {free: {max_rows: 1}}\n", "&a\nlisten: *a\n", "? x\n: y\n", "<<: {listen: x}\n", "---\n...\n---\nlisten: 1\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "f.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Skip()
		}
		l, err := config.Load(config.Sources{File: path})
		if err == nil && len(l.Explain()) == 0 {
			t.Error("a loaded configuration explains nothing")
		}
	})
}
