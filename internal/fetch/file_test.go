package fetch

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func fileURL(path string) string { return (&url.URL{Scheme: "file", Path: path}).String() }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Skipf("make a link: %v", err)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	path := filepath.Join(root, "lists", "a b.csv")
	write(t, path, "bad.example\n")
	link(t, "lists/a b.csv", filepath.Join(root, "current"))
	f := newFetcher(t, func(o *Options) { o.Root = root })

	first, body, err := ask(t, f, Request{URL: fileURL(path)})
	if err != nil || body != "bad.example\n" || first.Name != "a b.csv" || first.Size != 12 {
		t.Fatalf("got %q of %v, %v", body, first, err)
	}
	if _, body, err := ask(t, f, Request{URL: fileURL(filepath.Join(root, "current"))}); err != nil || body != "bad.example\n" {
		t.Errorf("link inside the root: %q, %v", body, err)
	}
	same, _, err := ask(t, f, Request{URL: fileURL(path), Known: first.Fingerprint})
	wantError(t, err, ErrUnchanged)
	if same.Fingerprint != first.Fingerprint {
		t.Errorf("got fingerprint %v, want %v", same.Fingerprint, first.Fingerprint)
	}
	if err := os.Chtimes(path, time.Time{}, time.Unix(1_700_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	touched, _, err := ask(t, f, Request{URL: fileURL(path), Known: first.Fingerprint})
	wantError(t, err, ErrUnchanged)
	if touched.Digest != first.Digest || touched.LastModified == first.LastModified {
		t.Errorf("touched: got fingerprint %v", touched.Fingerprint)
	}
	write(t, path, "worse.example\n")
	if _, body, err := ask(t, f, Request{URL: fileURL(path), Known: first.Fingerprint}); err != nil || body != "worse.example\n" {
		t.Errorf("changed: got %q, %v", body, err)
	}
	_, _, err = ask(t, f, Request{URL: fileURL(path), MaxBytes: 3})
	wantError(t, err, ErrTooLarge)
}

func TestFileRefused(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	root, outside := filepath.Join(base, "root"), filepath.Join(base, "outside", "secret")
	write(t, filepath.Join(root, "in", "a.csv"), "a\n")
	write(t, outside, "secret\n")
	link(t, outside, filepath.Join(root, "absolute"))
	link(t, "../outside/secret", filepath.Join(root, "relative"))
	link(t, "../outside", filepath.Join(root, "folder"))
	link(t, "loop", filepath.Join(root, "loop"))
	pipe := filepath.Join(root, "pipe")
	makePipe(t, pipe)
	cases := []struct {
		name, url string
		want      error
		local     error // of Local, where that differs
	}{
		{"outside", fileURL(outside), ErrForbidden, nil},
		{"dots", "file://" + root + "/../outside/secret", ErrForbidden, nil},
		{"escaped dots", "file://" + root + "/%2e%2e/outside/secret", ErrForbidden, nil},
		{"neighbour with the same beginning", fileURL(root + "2/a"), ErrForbidden, nil},
		{"absolute link", fileURL(filepath.Join(root, "absolute")), ErrForbidden, nil},
		{"relative link", fileURL(filepath.Join(root, "relative")), ErrForbidden, nil},
		{"below a linked folder", fileURL(filepath.Join(root, "folder", "secret")), ErrForbidden, nil},
		{"pipe", fileURL(pipe), ErrForbidden, nil},
		{"other host", "file://host.example" + root + "/in/a.csv", ErrForbidden, nil},
		{"query", fileURL(filepath.Join(root, "in", "a.csv")) + "?x", ErrInvalidURL, nil},
		{"opaque", "file:in/a.csv", ErrInvalidURL, nil},
		{"missing", fileURL(filepath.Join(root, "in", "b.csv")), fs.ErrNotExist, nil},
		{"folder", fileURL(filepath.Join(root, "in")), ErrFolder, errNone},
		{"root itself", fileURL(root), ErrFolder, errNone},
	}
	f := newFetcher(t, func(o *Options) { o.Root = root })
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := ask(t, f, Request{URL: c.url})
			wantError(t, err, c.want)
			_, _, err = f.Local(c.url)
			if c.local == nil {
				wantError(t, err, c.want)
			} else if err != nil {
				t.Errorf("Local: %v", err)
			}
		})
	}
	_, _, err := f.Local(fileURL(filepath.Join(root, "loop")))
	if err == nil {
		t.Error("a link to itself was found")
	}
}

// errNone marks cases in which Local finds what Get does not read.
var errNone = fs.ErrInvalid

func TestLocal(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, filepath.Join(root, "in", "a.csv"), "a\n")
	f := newFetcher(t, func(o *Options) { o.Root = root })
	for _, c := range []struct {
		url  string
		path string
		dir  bool
	}{
		{fileURL(filepath.Join(root, "in", "a.csv")), filepath.Join(root, "in", "a.csv"), false},
		{fileURL(filepath.Join(root, "in")) + "/", filepath.Join(root, "in"), true},
		{"file://localhost" + filepath.Join(root, "in", "..", "in"), filepath.Join(root, "in"), true},
	} {
		path, dir, err := f.Local(c.url)
		if path != c.path || dir != c.dir || err != nil {
			t.Errorf("%s: got %q, %v, %v", c.url, path, dir, err)
		}
	}
	_, _, err := f.Local("https://feeds.example/")
	wantError(t, err, ErrInvalidURL)
	without := newFetcher(t)
	_, _, err = without.Local(fileURL(root))
	wantError(t, err, ErrForbidden, "feeds.root")
	_, _, err = ask(t, without, Request{URL: fileURL(root)})
	wantError(t, err, ErrForbidden, "feeds.root")
}
