package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spoor/internal/config"
)

// feedsFile writes a feeds file and returns its path.
func feedsFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "feeds.yaml")
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil { //nolint:gosec // a mode to be kept
		t.Fatal(err)
	}
	return path
}

func content(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path) //nolint:gosec // a test's own file
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEnableFeed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, before string
		on           bool
		want         string
	}{
		{"behind the name", "feeds:\n  - name: mine # our own\n    url: https://feeds.example/a\n", false,
			"feeds:\n  - name: mine # our own\n    enabled: false\n    url: https://feeds.example/a\n"},
		{"name is not first", "feeds:\n- url: https://feeds.example/a\n  name: \"mine\"\n", false,
			"feeds:\n- url: https://feeds.example/a\n  name: \"mine\"\n  enabled: false\n"},
		{"over the old one", "feeds:\n  - name: mine\n    enabled: false   # noisy\n    url: https://feeds.example/a\n", true,
			"feeds:\n  - name: mine\n    enabled: true   # noisy\n    url: https://feeds.example/a\n"},
		{"already so", "feeds:\n  - name: mine\n    enabled: true\n    url: https://feeds.example/a\n", true,
			"feeds:\n  - name: mine\n    enabled: true\n    url: https://feeds.example/a\n"},
		{"without final newline", "feeds:\n  - url: https://feeds.example/a\n    name: mine", true,
			"feeds:\n  - url: https://feeds.example/a\n    name: mine\n    enabled: true\n"},
		{"carriage returns", "feeds:\r\n  - name: mine\r\n    url: https://feeds.example/a\r\n", false,
			"feeds:\r\n  - name: mine\r\n    enabled: false\r\n    url: https://feeds.example/a\r\n"},
		{"carriage returns, over the old one", "feeds:\r\n  - name: mine\r\n    enabled: true\r\n    url: https://feeds.example/a\r\n", false,
			"feeds:\r\n  - name: mine\r\n    enabled: false\r\n    url: https://feeds.example/a\r\n"},
		{"on one line", "feeds:\n  - {about: \"für uns\", name: mine, url: https://feeds.example/a} # short\n", false,
			"feeds:\n  - {about: \"für uns\", enabled: false, name: mine, url: https://feeds.example/a} # short\n"},
		{"on one line, over the old one", "feeds:\n  - {about: \"für uns\", enabled: true, name: mine, url: https://feeds.example/a}\n", false,
			"feeds:\n  - {about: \"für uns\", enabled: false, name: mine, url: https://feeds.example/a}\n"},
		{"one of several", "# ours\nfeeds:\n  - name: first\n    url: https://feeds.example/1\n\n  # the second\n  - name: mine\n    about: |\n      two\n      lines\n    url: https://feeds.example/2\n", false,
			"# ours\nfeeds:\n  - name: first\n    url: https://feeds.example/1\n\n  # the second\n  - name: mine\n    enabled: false\n    about: |\n      two\n      lines\n    url: https://feeds.example/2\n"},
		{"nothing said", "feeds:\n  - name: mine\n    enabled:\n    url: https://feeds.example/a\n", false,
			"feeds:\n  - name: mine\n    enabled: false\n    url: https://feeds.example/a\n"},
		{"of the catalogue", "feeds:\n  - name: mine\n    url: https://feeds.example/a\n", false, ""},
		{"no file", "", true, "feeds:\n  - name: mine\n    enabled: true\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := feedsFile(t, tt.before)
			name, want := "mine", tt.want
			if want == "" {
				name, want = "cisa-kev", tt.before+"  - name: cisa-kev\n    enabled: false\n"
			}
			if err := config.EnableFeed(path, name, tt.on); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, content(t, path)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			feeds, err := config.ParseFeeds(path, []byte(content(t, path)))
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(feeds, func(f config.Feed) bool { return f.Name == name })
			if i < 0 || feeds[i].Enabled == nil || *feeds[i].Enabled != tt.on {
				t.Errorf("feeds %+v", feeds)
			}
		})
	}
}

func TestAddFeed(t *testing.T) {
	t.Parallel()
	f := config.Feed{
		Name: "mine", URL: "https://feeds.example/list?a=1#b", Format: "list", Interval: 90 * time.Minute,
		Tags: []string{"c2", "yes", "1"}, About: "what: it # is", MaxChange: -1,
	}
	const entry = `- name: mine
  url: "https://feeds.example/list?a=1#b"
  format: list
  interval: 1h30m
  tags:
    - c2
    - "yes"
    - "1"
  max_change: -1.0
  about: "what: it # is"
`
	indented := func(by, newLine string) string {
		var b strings.Builder
		for line := range strings.Lines(entry) {
			b.WriteString(by + strings.TrimSuffix(line, "\n") + newLine)
		}
		return b.String()
	}
	const one = "name: one\n"
	tests := []struct{ name, before, want string }{
		{"empty", "", "feeds:\n" + indented("  ", "\n")},
		{"comments alone", "# ours\n", "# ours\nfeeds:\n" + indented("  ", "\n")},
		{"a list without entries", "# ours\nfeeds:\n", "# ours\nfeeds:\n" + indented("  ", "\n")},
		{"an empty list", "feeds: [] # none\n", "feeds: # none\n" + indented("  ", "\n")},
		{"null", "feeds: null", "feeds:\n" + indented("  ", "\n")},
		{"two spaces", "feeds:\n  - " + one + "    url: https://feeds.example/\n# end\n", ""},
		{"none", "feeds:\n- " + one + "  url: https://feeds.example/", ""},
		{"four and a wide dash", "feeds:\n    -   " + one + "        url: https://feeds.example/\n\n\n", ""},
		{"a document begins", "---\nfeeds:\n  - " + one + "    url: https://feeds.example/\n", ""},
		{"one line entries", "feeds:\n  - {name: one, url: https://feeds.example/}\n", ""},
		{"carriage returns", "feeds:\r\n  - name: one\r\n    url: https://feeds.example/\r\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path, want := feedsFile(t, tt.before), tt.want
			if want == "" {
				by, newLine := "  ", "\n"
				switch {
				case strings.Contains(tt.before, "\n-"):
					by = ""
				case strings.Contains(tt.before, "\n    - "):
					by = "    "
				case strings.Contains(tt.before, "\r"):
					newLine = "\r\n"
				}
				if want = tt.before; !strings.HasSuffix(want, "\n") {
					want += "\n"
				}
				want += indented(by, newLine)
			}
			if err := config.AddFeed(path, f); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, content(t, path)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			feeds, err := config.ParseFeeds(path, []byte(content(t, path)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(f, feeds[len(feeds)-1]); diff != "" {
				t.Errorf("read again (-want +got)\n%s", diff)
			}
			if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		})
	}
}

// TestEditFeedsRefuses holds that a file that cannot be changed without losing
// something stays as it is.
func TestEditFeedsRefuses(t *testing.T) {
	t.Parallel()
	off := func(path string) error { return config.EnableFeed(path, "mine", false) }
	add := func(path string) error {
		return config.AddFeed(path, config.Feed{Name: "mine", URL: "https://feeds.example/a"})
	}
	tests := []struct {
		name, text string
		edit       func(string) error
		want       error
	}{
		{"a list on one line", "feeds: [{name: one, url: https://feeds.example/}]\n", add, config.ErrByHand},
		{"the document has ended", "feeds:\n  - name: one\n    url: https://feeds.example/\n...\n", add, config.ErrByHand},
		{"a name over several lines", "feeds:\n  - name:\n      mine\n    url: https://feeds.example/\n", off, config.ErrByHand},
		{"an anchor", "feeds:\n  - &a {name: mine, url: https://feeds.example/}\n", off, config.ErrByHand},
		{"no YAML", "feeds:\n  - name: [\n", add, config.ErrInvalid},
		{"an unknown setting", "feeds:\n  - name: one\n    utl: https://feeds.example/\n", add, config.ErrInvalid},
		{"there already", "feeds:\n  - name: mine\n    url: https://feeds.example/\n", add, config.ErrInvalid},
		{"not usable", "", func(path string) error {
			return config.AddFeed(path, config.Feed{Name: "mine", KeyEnv: "A", KeyFile: "b"})
		}, config.ErrInvalid},
		{"nameless", "", func(path string) error { return config.AddFeed(path, config.Feed{URL: "https://feeds.example/"}) }, config.ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := feedsFile(t, tt.text)
			if err := tt.edit(path); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v; the file is now:\n%s", err, tt.want, content(t, path))
			}
			if got := content(t, path); got != tt.text {
				t.Errorf("changed to:\n%s", got)
			}
			if left, err := filepath.Glob(path + "?*"); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestEditFeedsFollowsLinks(t *testing.T) {
	t.Parallel()
	for _, there := range []bool{true, false} {
		dir := t.TempDir()
		link, file := filepath.Join(dir, "link.yaml"), filepath.Join(dir, "real", "feeds.yaml")
		if err := os.Symlink(filepath.Join("real", "feeds.yaml"), link); err != nil {
			t.Skip("no links here:", err)
		}
		if there {
			if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o700), os.WriteFile(file, []byte("# ours\n"), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if err := config.AddFeed(link, config.Feed{Name: "mine", URL: "https://feeds.example/"}); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
			t.Errorf("the link is now %v, %v", info.Mode(), err)
		}
		if got := content(t, file); !strings.Contains(got, "name: mine") || strings.Contains(got, "# ours") != there {
			t.Errorf("file there %t: %q", there, got)
		}
	}
}

// TestEditFeedsTogether holds that of many edits at once none is lost.
func TestEditFeedsTogether(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "feeds.yaml")
	const edits = 12
	var wg sync.WaitGroup
	for i := range edits {
		wg.Go(func() {
			name := fmt.Sprintf("feed-%d", i)
			err := config.AddFeed(path, config.Feed{Name: name, URL: "https://feeds.example/"})
			if err == nil {
				err = config.EnableFeed(path, name, i%2 == 0)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	feeds, err := config.LoadFeeds(path, false)
	if err != nil || len(feeds) != edits {
		t.Fatalf("%d feeds, want %d: %v", len(feeds), edits, err)
	}
	for _, f := range feeds {
		if f.Enabled == nil {
			t.Errorf("%s: an edit was lost", f.Name)
		}
	}
}

// TestEditFeedsAfterKill holds that the mark of an edit that was killed is
// taken away.
func TestEditFeedsAfterKill(t *testing.T) {
	t.Parallel()
	path := feedsFile(t, "")
	old := time.Now().Add(-time.Hour)
	if err := errors.Join(os.WriteFile(path+".lock", nil, 0o600), os.Chtimes(path+".lock", old, old)); err != nil {
		t.Fatal(err)
	}
	if err := config.AddFeed(path, config.Feed{Name: "mine", URL: "https://feeds.example/"}); err != nil {
		t.Error(err)
	}
}

// TestFeedsOfTheCatalogueByName holds that a feed of the catalogue needs only
// its name, also where the rest of the catalogue is not wanted.
func TestFeedsOfTheCatalogueByName(t *testing.T) {
	t.Parallel()
	path := feedsFile(t, "feeds:\n  - name: cisa-kev\n    tlp: green\n")
	feeds, err := config.LoadFeeds(path, false)
	if err != nil || len(feeds) != 1 || feeds[0].Format != "kev" || feeds[0].TLP != "green" || feeds[0].URL == "" {
		t.Errorf("feeds %+v, %v", feeds, err)
	}
	all, err := config.LoadFeeds(path, true)
	if err != nil || len(all) != len(config.Catalogue()) {
		t.Errorf("%d feeds, want %d: %v", len(all), len(config.Catalogue()), err)
	}
	twice := "feeds:\n  - name: mine\n    title: CISA KEV\n    url: https://feeds.example/\n"
	if _, err := config.LoadFeeds(feedsFile(t, twice), true); !errors.Is(err, config.ErrInvalid) {
		t.Errorf("a title that is there twice: %v", err)
	}
	if _, err := config.LoadFeeds(feedsFile(t, "feeds:\n  - name: nobody\n"), true); !errors.Is(err, config.ErrInvalid) {
		t.Errorf("a feed without an address: %v", err)
	}
	if got := config.NearestFeed("cisa-kve", all); got != "cisa-kev" {
		t.Errorf("nearest %q", got)
	}
}

// FuzzEditFeeds holds for any file: an edit is either refused, or leaves every
// feed as it was but for what was asked, and every comment.
func FuzzEditFeeds(f *testing.F) {
	f.Add("feeds:\n  - name: mine # a\n    url: https://feeds.example/\n")
	f.Add("feeds:\r\n- {name: 'mine', enabled: no, url: x} # b\r\n")
	f.Add("# c\nfeeds: ~\n")
	f.Fuzz(func(t *testing.T, text string) {
		path := feedsFile(t, text)
		before, unreadable := config.ParseFeeds(path, []byte(text))
		for _, edit := range []func() error{
			func() error { return config.EnableFeed(path, "mine", false) },
			func() error { return config.AddFeed(path, config.Feed{Name: "one more", Interval: time.Hour}) },
		} {
			if err := edit(); err != nil {
				continue
			}
			if unreadable != nil {
				t.Fatalf("changed what cannot be read: %v", unreadable)
			}
		}
		next := content(t, path)
		after, err := config.ParseFeeds(path, []byte(next))
		if err != nil && unreadable == nil {
			t.Fatalf("not readable any more: %v\n%q\n%q", err, text, next)
		}
		for i, was := range before {
			is := after[i]
			if was.Name == "mine" {
				was.Enabled, is.Enabled = nil, nil
			}
			if diff := cmp.Diff(was, is); diff != "" {
				t.Fatalf("feed %d changed:\n%s", i, diff)
			}
		}
		if was, is := strings.Count(text, "#"), strings.Count(next, "#"); was != is {
			t.Fatalf("%d marks of comments, %d before:\n%q\n%q", is, was, text, next)
		}
	})
}
