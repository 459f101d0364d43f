package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// page is one Markdown document of the repository.
type page struct {
	path string // slash-separated, from the module root
	text string
}

func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	err := walk(func(name string) error {
		if !strings.HasSuffix(name, ".md") {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		all = append(all, page{name, string(text)})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDependenciesAreExplained wants every direct module of go.mod in
// docs/dependencies.md, and no module there that go.mod does not name at all.
func TestDependenciesAreExplained(t *testing.T) {
	t.Parallel()
	gomod := read(t, "go.mod")
	direct := directModules(gomod)
	if len(direct) == 0 {
		t.Fatal("go.mod names no direct module")
	}
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(read(t, "docs/dependencies.md"), -1)
	var explained []string
	for _, r := range rows {
		explained = append(explained, r[1])
	}
	for _, m := range direct {
		if !slices.Contains(explained, m) {
			t.Errorf("docs/dependencies.md does not explain %s", m)
		}
	}
	for _, m := range explained {
		if !strings.Contains(gomod, m+" v") {
			t.Errorf("docs/dependencies.md explains %s, which go.mod does not require", m)
		}
	}
}

func directModules(gomod string) []string {
	var direct []string
	required := regexp.MustCompile(`^\s*(?:require\s+)?([a-z0-9.-]+\.[a-z]+/\S+|[a-z0-9.-]+\.[a-z]+)\s+v\S+\s*$`)
	for line := range strings.Lines(gomod) {
		if m := required.FindStringSubmatch(line); m != nil {
			direct = append(direct, m[1])
		}
	}
	return direct
}

func TestDirectModules(t *testing.T) {
	t.Parallel()
	got := directModules("module x\n\nrequire a.example/b v1.0.0\nrequire (\n\tc.example/d/v2 v2.0.0\n\te.example/f v0.1.0 // indirect\n)\n")
	if want := []string{"a.example/b", "c.example/d/v2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

var (
	link  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fence = regexp.MustCompile("(?ms)^```.*?^```")
	title = regexp.MustCompile(`(?m)^#{1,6}\s+(.+?)\s*$`)
)

// TestLinksResolve follows every relative link of every document.
func TestLinksResolve(t *testing.T) {
	t.Parallel()
	anchors := map[string][]string{}
	all := pages(t)
	for _, p := range all {
		anchors[p.path] = anchorsOf(p.text)
	}
	for _, p := range all {
		for _, target := range linksOf(p.text) {
			if v := broken(p.path, target, anchors); v != "" {
				t.Error(v)
			}
		}
	}
}

// broken says what is wrong with a link, or "".
func broken(from, target string, anchors map[string][]string) string {
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return ""
	}
	file, anchor, _ := strings.Cut(target, "#")
	to := from
	if file != "" {
		to = path.Join(path.Dir(from), file)
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(to))); err != nil {
			return fmt.Sprintf("%s: link to %s: no such file", from, target)
		}
	}
	if anchor != "" && !slices.Contains(anchors[to], anchor) {
		return fmt.Sprintf("%s: link to %s: no such heading", from, target)
	}
	return ""
}

func linksOf(text string) []string {
	var targets []string
	for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		targets = append(targets, m[1])
	}
	return targets
}

// anchorsOf returns the names that a hosting site gives to the headings: lower
// case, spaces to hyphens, punctuation dropped.
func anchorsOf(text string) []string {
	var names []string
	for _, m := range title.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		names = append(names, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, m[1]))
	}
	return names
}

func TestBroken(t *testing.T) {
	t.Parallel()
	anchors := map[string][]string{"README.md": anchorsOf("# What it is, and for whom\n```\n# not a heading\n```\n")}
	cases := []struct {
		name, from, target string
		want               bool
	}{
		{"other site", "README.md", "https://site.example/x", false},
		{"file that is there", "docs/x.md", "../go.mod", false},
		{"file that is not", "docs/x.md", "go.mod", true},
		{"heading that is there", "README.md", "#what-it-is-and-for-whom", false},
		{"heading that is not", "README.md", "#not-a-heading", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := broken(c.from, c.target, anchors); (got != "") != c.want {
				t.Errorf("got %q, want broken=%v", got, c.want)
			}
		})
	}
}

// TestDocsAreReachable wants every page under docs/ linked from another page:
// what nobody can find need not be kept.
func TestDocsAreReachable(t *testing.T) {
	t.Parallel()
	linked := map[string]bool{}
	all := pages(t)
	for _, p := range all {
		for _, target := range linksOf(p.text) {
			file, _, _ := strings.Cut(target, "#")
			if to := path.Join(path.Dir(p.path), file); to != p.path {
				linked[to] = true
			}
		}
	}
	for _, p := range all {
		if within(p.path, "docs") && !linked[p.path] {
			t.Errorf("%s: no page links to it", p.path)
		}
	}
}

// TestCommandsExist reads every shell block of every document and wants each
// subcommand and flag of spoor, each make target and each folder given to go
// to exist.
func TestCommandsExist(t *testing.T) {
	t.Parallel()
	known := vocabulary{
		words:   commandWords(goFiles(t)),
		targets: makeTargets(read(t, "Makefile")),
		exists: func(folder string) bool {
			_, err := os.Stat(filepath.Join(root, folder))
			return err == nil
		},
	}
	readme := 0
	for _, p := range pages(t) {
		for _, line := range shellLines(p.text) {
			if p.path == "README.md" {
				readme++
			}
			for _, v := range known.unknown(line) {
				t.Errorf("%s: %q: %s", p.path, line, v)
			}
		}
	}
	if readme < 2 {
		t.Errorf("README.md shows %d commands, want at least the one that starts and the one that tests", readme)
	}
}

// vocabulary is what a documented command line may consist of.
type vocabulary struct {
	words   map[string]bool // string literals of the command's source
	targets map[string]bool // of the Makefile
	exists  func(folder string) bool
}

var shellBlock = regexp.MustCompile("(?ms)^```(?:sh|bash|console)\n(.*?)^```")

// shellLines returns the command lines of a page, continued lines joined,
// prompts and comments taken off.
func shellLines(text string) []string {
	var lines []string
	for _, m := range shellBlock.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(strings.ReplaceAll(m[1], "\\\n", " ")) {
			line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
			line, _, _ = strings.Cut(line, " # ")
			if line != "" && !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// quoted is an argument that the shell takes as it stands.
var quoted = regexp.MustCompile(`"[^"]*"|'[^']*'`)

// unknown returns what of the command line does not exist here. Commands that
// are not ours are not judged.
func (v vocabulary) unknown(line string) []string {
	var bad []string
	line = quoted.ReplaceAllString(line, "_")
	for _, command := range regexp.MustCompile(`&&|\|\||[|;]`).Split(line, -1) {
		words := strings.Fields(command)
		for len(words) > 0 && strings.Contains(words[0], "=") { // NAME=value before a command
			words = words[1:]
		}
		if len(words) < 2 {
			continue
		}
		switch {
		case words[0] == "make":
			for _, target := range words[1:] {
				if !strings.Contains(target, "=") && !v.targets[target] {
					bad = append(bad, "no make target "+target)
				}
			}
		case words[0] == "go" && slices.Contains([]string{"run", "test", "build", "vet", "install"}, words[1]):
			bad = append(bad, v.goCommand(words[2:])...)
		case path.Base(words[0]) == "spoor":
			bad = append(bad, v.spoor(words[1:])...)
		}
	}
	return bad
}

func (v vocabulary) goCommand(words []string) []string {
	for i, w := range words {
		if !strings.HasPrefix(w, "./") {
			continue
		}
		if !v.exists(strings.TrimSuffix(w, "/...")) {
			return []string{"no folder " + w}
		}
		if w == "./cmd/spoor" {
			return v.spoor(words[i+1:])
		}
		return nil
	}
	return nil
}

func (v vocabulary) spoor(words []string) []string {
	var bad []string
	for i, w := range words {
		name, isFlag := strings.CutPrefix(w, "--")
		name, _, _ = strings.Cut(name, "=")
		switch {
		case isFlag && name != "" && !v.words[name]:
			bad = append(bad, "no flag --"+name)
		case i == 0 && !isFlag && !v.words[w]:
			bad = append(bad, "no subcommand "+w)
		}
	}
	return bad
}

// commandWords collects the first words of the string literals of cmd/spoor
// and of config: names of subcommands (cobra's Use) and of flags are among
// them. It is a net with wide meshes, but a renamed flag falls through.
func commandWords(files []*file) map[string]bool {
	words := map[string]bool{"help": true}
	for _, f := range files {
		if f.test || !withinAny(f.room, []string{"cmd/spoor", "internal/config"}) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if first := strings.Fields(strings.Trim(lit.Value, "\"`")); len(first) > 0 {
					words[first[0]] = true
				}
			}
			return true
		})
	}
	return words
}

func makeTargets(makefile string) map[string]bool {
	targets := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z][a-z-]*):`).FindAllStringSubmatch(makefile, -1) {
		targets[m[1]] = true
	}
	return targets
}

func TestUnknownCommands(t *testing.T) {
	t.Parallel()
	v := vocabulary{
		words:   map[string]bool{"serve": true, "sample": true},
		targets: map[string]bool{"test": true},
		exists:  func(folder string) bool { return folder == "./cmd/spoor" || folder == "./internal" },
	}
	cases := []struct {
		name, line string
		want       int
	}{
		{"all there", "go run ./cmd/spoor serve --sample", 0},
		{"flag gone", "go run ./cmd/spoor serve --demo", 1},
		{"subcommand gone", "SPOOR_KEY=x bin/spoor start", 1},
		{"folder gone", "go test ./interna/...", 1},
		{"folder there", "go test ./internal/...", 0},
		{"target gone", "make test && make benchmark", 1},
		{"quoted arguments", `make test ARGS="-rows 10 | x"`, 0},
		{"not ours", "curl --silent http://127.0.0.1:8080/ | jq .", 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := v.unknown(c.line); len(got) != c.want {
				t.Errorf("got %q, want %d", got, c.want)
			}
		})
	}
}
