package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"spoor/internal/store"
	"spoor/internal/store/postgres/pgtest"
	"spoor/internal/store/storetest"
)

func TestReadable(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, address, want string }{
		{"plain", "postgres://ann:pw@db.example:5432/d?sslmode=require", ""},
		{"several hosts", "postgres://ann:pw@one.example:1,two.example:2/d", ""},
		{"escaped", "postgres://ann:p%40w@db.example/d", ""},
		{"no user", "postgres://db.example/d", ""},
		{"user as a parameter", "postgres:///d?host=/run&user=ann@x", ""},
		{"none", "", ""},
		{"an @", "postgres://ann:s3cr@etPW@db.example/d", "more than one @: write an @ in the password as %40"},
		{"a slash", "postgres://ann:s3cr/etPW@db.example/d", "as %2F, %3F, %23 and %40"},
		{"a hash", "postgres://ann:s3cr#etPW@db.example/d", "as %2F, %3F, %23 and %40"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			if err := readable(tt.address); err != nil {
				got = err.Error()
			}
			if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) || strings.Contains(got, "etPW") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLastCauses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"one line", "connect: no route", "connect: no route"},
		{
			"one server",
			"connect to `user=u`:\n\tone:1 (one): tls error: refused\n\tone:1 (one): dial error: refused: open store",
			"connect to `user=u`: one:1 (one): dial error: refused: open store",
		},
		{
			"two servers",
			"connect:\n\tone:1 (one): tls error\n\tone:1 (one): no password\n\ttwo:1 (two): tls error\n\ttwo:1 (two): silence",
			"connect:\n\tone:1 (one): no password\n\ttwo:1 (two): silence",
		},
		{"no such host", "connect:\n\tresolve: lookup one: none\n\tlookup one: none", "connect: resolve: lookup one: none"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := lastCauses(tt.text); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
	err := plainCauses(fmt.Errorf("%w: connect:\n\tone (one): tls\n\tone (one): silence", store.ErrUnavailable))
	if !errors.Is(err, store.ErrUnavailable) || strings.Contains(err.Error(), "tls") {
		t.Errorf("got %v", err)
	}
}

// coded is an error of a database server.
type coded string

func (s coded) Error() string    { return "the server said " + string(s) }
func (s coded) SQLState() string { return string(s) }

func TestAdviceOnDatabases(t *testing.T) {
	t.Parallel()
	for code, want := range map[coded]bool{"28P01": true, "28000": true, "3D000": true, "42501": false, "57P03": false} {
		if got := isRefusal(fmt.Errorf("open store: %w", code)); got != want {
			t.Errorf("isRefusal(%s) = %v, want %v", code, got, want)
		}
	}
	for code, want := range map[coded]string{"42501": "owner of the database", "25006": "takes writes", "": "--data DIR"} {
		if got := advice(fmt.Errorf("%w: %w", store.ErrReadOnly, code)); !strings.Contains(got, want) {
			t.Errorf("advice on %q: got %q, want %q in it", code, got, want)
		}
	}
}

func TestNoSuchDatabase(t *testing.T) {
	t.Parallel()
	at, err := url.Parse(pgtest.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	at.Path = "/nosuchdatabase"
	r := spoor(t, "", "check", "--store", at.String())
	if r.status != statusFailed || !strings.Contains(r.stderr, "3D000") || !strings.HasSuffix(r.stderr, "does the address in --store name the database, its user and the password?\n") {
		t.Errorf("status %d:\n%s", r.status, r.stderr)
	}
}

// unsure is a store that fails to add keys.
type unsure struct {
	*storetest.Model
	err error
}

func (u unsure) AddKey(context.Context, store.Key) error { return u.err }

func TestAddKeySaysWhenItMayBeThere(t *testing.T) {
	t.Parallel()
	const want = "it may have been made all the same: look at 'spoor keys list' and revoke it"
	for err, unclear := range map[error]bool{
		store.ErrUnavailable: true, context.Canceled: true, context.DeadlineExceeded: true, store.ErrFull: false, nil: false,
	} {
		got := addKey(t.Context(), unsure{err: err}, store.Key{})
		if (got == nil) != (err == nil) || got != nil && strings.Contains(got.Error(), want) != unclear {
			t.Errorf("%v: got %v", err, got)
		}
		if errors.Is(got, context.Canceled) {
			t.Error("an interrupt is reported without its text")
		}
	}
}
