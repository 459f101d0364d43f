package config_test

import (
	"strings"
	"testing"

	"spoor/internal/config"
)

func TestMaskAddress(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ in, want string }{
		"nothing":             {"", ""},
		"file":                {"sqlite:/var/lib/a@b=c.db", "sqlite:/var/lib/a@b=c.db"},
		"bare file":           {"spoor.db", "spoor.db"},
		"no password":         {"postgres://ann@db.example/spoor", "postgres://ann@db.example/spoor"},
		"password":            {"postgres://ann:hunter2@db.example/spoor", "postgres://ann:xxxxx@db.example/spoor"},
		"empty password":      {"postgres://ann:@db.example/spoor", "postgres://ann:xxxxx@db.example/spoor"},
		"password only":       {"postgres://:hunter2@db.example", "postgres://:xxxxx@db.example"},
		"several hosts":       {"postgres://ann:hunter2@h1,h2/spoor", "postgres://ann:xxxxx@h1,h2/spoor"},
		"hosts with ports":    {"postgresql://ann:hunter2@h1:5432,[::1]:5433/spoor?x=y", "postgresql://ann:xxxxx@h1:5432,[::1]:5433/spoor?x=y"},
		"bad port":            {"postgres://ann:hunter2@db.example:badport/spoor", "postgres://ann:xxxxx@db.example:badport/spoor"},
		"colon in password":   {"postgres://ann:hun:ter2@db.example/spoor", "postgres://ann:xxxxx@db.example/spoor"},
		"escaped":             {"postgres://ann:hun%40ter2@db.example/spoor", "postgres://ann:xxxxx@db.example/spoor"},
		"parameter":           {"postgres://db.example/spoor?user=ann&password=hunter2", "postgres://db.example/spoor?user=ann&password=xxxxx"},
		"parameter escaped":   {"postgres://db.example/spoor?pass%77ord=hunter2", "postgres://db.example/spoor?pass%77ord=xxxxx"},
		"parameter unclear":   {"postgres://db.example/spoor?pass%7=hunter2", "postgres://db.example/spoor?pass%7=xxxxx"},
		"key's password":      {"postgres://db.example/spoor?SSLPassword=hunter2&sslmode=require", "postgres://db.example/spoor?SSLPassword=xxxxx&sslmode=require"},
		"no hosts":            {"postgres:///spoor?host=/run/postgresql", "postgres:///spoor?host=/run/postgresql"},
		"slash in password":   {"postgres://ann:hun/ter2@db.example/spoor", "postgres://…"},
		"at in password":      {"postgres://ann:hun@ter2@db.example/spoor", "postgres://…"},
		"question mark":       {"postgres://ann:hun?ter2@db.example/spoor", "postgres://…"},
		"hash":                {"postgres://ann:hunter2#@db.example/spoor", "postgres://…"},
		"space":               {"postgres://ann:hun ter2@db.example/spoor", "postgres://…"},
		"at in a parameter":   {"postgres://db.example/spoor?password=hun@ter2", "postgres://…"},
		"names and values":    {"host=db.example user=ann password=hunter2", "…"},
		"quoted":              {"password = 'hun ter2' host=db.example", "…"},
		"url among values":    {"host=db.example password=a://hunter2", "…"},
		"half an address":     {"ann:hunter2@db.example", "…"},
		"one slash":           {"postgres:/ann:hunter2@db.example", "…"},
		"embedded looks like": {"sqlite://ann:hunter2@db.example", "sqlite://ann:xxxxx@db.example"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := config.MaskAddress(c.in); got != c.want {
				t.Errorf("MaskAddress(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
}

// FuzzMaskAddress puts a password into addresses of every form that a driver
// reads, and looks for it in what is shown.
func FuzzMaskAddress(f *testing.F) {
	f.Add("postgres://ann:", "@h1:5432,h2/spoor?sslmode=require")
	f.Add("postgres://h/d?password=", "&x=y")
	f.Add("host=h password='", "' user=ann")
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "S3cr3tS3cr3t"
		at := strings.Contains(before, "://") && strings.HasSuffix(before, ":") && strings.HasPrefix(after, "@")
		_, rest, url := strings.Cut(before, "://")
		pair := strings.HasSuffix(before, "password=") || strings.HasSuffix(before, "password='")
		pair = pair && (!url || strings.Contains(rest, "?")) // elsewhere in a URL it is a host or a database
		if !at && !pair || strings.HasPrefix(before, "sqlite:") || strings.Contains(before+after, secret) {
			t.Skip()
		}
		if got := config.MaskAddress(before + secret + after); strings.Contains(got, secret) {
			t.Errorf("%q shows the password", got)
		}
	})
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"postgres://ann:hunter2@db.example/spoor", "postgres://db.example/spoor?user=ann&password=hunter2",
		"postgres://ann:hunter2@db.example:badport/spoor", "postgres://ann:hunter2@h1:1,h2:2/spoor",
	} {
		l := load(t, config.Sources{Flags: map[string]string{"store": address, "read-store": address}})
		for _, e := range l.Explain() {
			if strings.Contains(e.Value, "hunter2") {
				t.Errorf("%s shows %q", e.Key, e.Value)
			}
		}
		if l.Store != address || l.ReadStore != address {
			t.Errorf("store %q and replicas %q, want them unmasked", l.Store, l.ReadStore)
		}
	}
	for _, address := range []string{"host=h password=hunter2", "mysql://ann:hunter2@h/d", "postgres:/ann:hunter2@h"} {
		_, err := config.Load(config.Sources{Environ: []string{"SPOOR_READ_STORE=" + address}})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got error %v, want one without the password", address, err)
		}
	}
}

func TestHideSecrets(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ store, text, want string }{
		"whole address":  {"postgres://ann:hunter2@h/d", "parse postgres://ann:hunter2@h/d: no", "parse postgres://ann:xxxxx@h/d: no"},
		"alone":          {"postgres://ann:hunter2@h/d", "no user hunter2 here", "no user xxxxx here"},
		"decoded":        {"postgres://ann:hun%40ter2@h/d", "password=hun@ter2 host=h", "password=xxxxx host=h"},
		"like the name":  {"postgres://ann:postgres@h/d", "open postgres: password='postgres': no", "open postgres: password='xxxxx': no"},
		"short":          {"postgres://ann:a@h/d", "dial ann:a@h: a failure", "dial ann:xxxxx@h: a failure"},
		"parameter":      {"postgres://h/d?password=hunter2", "host=h password=hunter2", "host=h password=xxxxx"},
		"unclear":        {"postgres://ann:hun/ter2@h/d", "parse \"hun/ter2\"", "parse \"xxxxx\""},
		"no password":    {"postgres://ann@h/d", "dial postgres://ann@h/d: no", "dial postgres://ann@h/d: no"},
		"embedded store": {"sqlite:hunter2", "open hunter2: no", "open hunter2: no"},
		"no store":       {"", "open: no", "open: no"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := (config.Config{Store: c.store}).HideSecrets(c.text); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if got := (config.Config{Store: "sqlite:x", ReadStore: c.store}).HideSecrets(c.text); got != c.want {
				t.Errorf("of the replicas: got %q, want %q", got, c.want)
			}
		})
	}
}
