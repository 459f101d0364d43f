package server

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"spoor/api"
	"spoor/internal/auth"
	"spoor/internal/ioc"
	"spoor/internal/search"
	"spoor/internal/store"
)

// knownSentinels are the exported errors of the rooms below, by name. A new
// one there fails TestSentinels until it is here and in the table.
func knownSentinels() map[string]error {
	return map[string]error{
		"store.ErrNotFound":    store.ErrNotFound,
		"store.ErrExists":      store.ErrExists,
		"store.ErrCursor":      store.ErrCursor,
		"store.ErrCorrupt":     store.ErrCorrupt,
		"store.ErrBusy":        store.ErrBusy,
		"store.ErrSchema":      store.ErrSchema,
		"store.ErrUnavailable": store.ErrUnavailable,
		"store.ErrFull":        store.ErrFull,
		"store.ErrReadOnly":    store.ErrReadOnly,
		"store.ErrMoving":      store.ErrMoving,
		"store.ErrOccupied":    store.ErrOccupied,
		"store.ErrChanged":     store.ErrChanged,
		"store.ErrDiffers":     store.ErrDiffers,
		"search.ErrQuery":      search.ErrQuery,
		"auth.ErrMissing":      auth.ErrMissing,
		"auth.ErrInvalid":      auth.ErrInvalid,
		"auth.ErrExpired":      auth.ErrExpired,
		"auth.ErrAddress":      auth.ErrAddress,
		"auth.ErrLimit":        auth.ErrLimit,
		"ioc.ErrInvalid":       ioc.ErrInvalid,
	}
}

// declaredSentinels finds the package variables ErrX of a room in its source.
func declaredSentinels(t *testing.T, room string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", room, "*.go"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no source of %s: %v", room, err)
	}
	var found []string
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.VAR {
				continue
			}
			for _, spec := range gen.Specs {
				for _, name := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(name.Name, "Err") {
						found = append(found, room+"."+name.Name)
					}
				}
			}
		}
	}
	return found
}

func TestSentinels(t *testing.T) {
	t.Parallel()
	known := knownSentinels()
	for _, room := range []string{"store", "search", "auth", "ioc"} {
		for _, name := range declaredSentinels(t, room) {
			if known[name] == nil {
				t.Errorf("%s is not in knownSentinels: give it a row in the table of errors.go first", name)
			}
		}
	}
	known["context.DeadlineExceeded"], known["context.Canceled"] = context.DeadlineExceeded, context.Canceled
	for name, err := range known {
		mapped := false
		for i := range sentinels {
			mapped = mapped || errors.Is(err, sentinels[i].err)
		}
		if !mapped {
			t.Errorf("%s has no row in the table of errors.go", name)
		}
	}
}

func TestProblemOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		err    error
		status int
		code   api.Code
	}{
		{"missing key", auth.ErrMissing, 401, api.MissingAPIKey},
		{"invalid key", auth.ErrInvalid, 401, api.InvalidAPIKey},
		{"expired key", auth.ErrExpired, 401, api.ExpiredAPIKey},
		{"address", auth.ErrAddress, 403, api.AddressNotAllowed},
		{"wrapped", fmt.Errorf("list records: %w", fmt.Errorf("view: %w", store.ErrBusy)), 503, api.Unavailable},
		{"deadline", fmt.Errorf("search: %w", context.DeadlineExceeded), 503, api.Unavailable},
		{"query", fmt.Errorf("read q: %w", search.ErrQuery), 400, api.InvalidParameter},
		{"cursor", store.ErrCursor, 400, api.InvalidParameter},
		{"not found", store.ErrNotFound, 404, api.NotFound},
		{"corrupt", store.ErrCorrupt, 500, api.InternalError},
		{"unknown", errors.New("disk on fire at /srv/secret"), 500, api.InternalError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := problemOf(tt.err)
			if p.code != tt.code || statusOf(p.code) != tt.status {
				t.Errorf("problemOf = %d %s, want %d %s", statusOf(p.code), p.code, tt.status, tt.code)
			}
			if strings.Contains(p.message, "secret") || p.message == "" {
				t.Errorf("message %q", p.message)
			}
		})
	}
}

// TestEveryCodeHasAStatus: nothing but internal_error falls to 500.
func TestEveryCodeHasAStatus(t *testing.T) {
	t.Parallel()
	for _, c := range api.Codes() {
		if got := statusOf(c); (got == http.StatusInternalServerError) != (c == api.InternalError) {
			t.Errorf("statusOf(%s) = %d", c, got)
		}
	}
}

func TestFaultsStayInTheLog(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.finder.err = errors.New("open /srv/secret/spoor.db: input/output error")
	w := g.get("/api/v1/iocs/search?q=192.0.2.10")
	wantError(t, w, 500, api.InternalError)
	if strings.Contains(w.Body.String(), "secret") {
		t.Errorf("the cause is told: %s", w.Body)
	}
}

func TestDeadlineIs503(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.finder.err = fmt.Errorf("contains: %w", context.DeadlineExceeded)
	w := g.get("/api/v1/iocs/search?q=192.0.2.10")
	wantError(t, w, 503, api.Unavailable)
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
