package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"spoor/internal/ioc"
	"spoor/internal/store"
)

// MaxRows is how many indicators an article's page shows.
const MaxRows = 1_000

//go:embed template
var files embed.FS

// Pages renders. It serves any number of goroutines.
type Pages struct {
	article, problem *template.Template
	policy           string
}

// Article is what the page of an article shows.
type Article struct {
	// SourceName is the name of this feed.
	SourceName string
	Article    store.Article
	// List holds the article's records, MaxRows at most.
	List store.List
}

// Problem is what the page of an error shows.
type Problem struct {
	Status                   int
	Code, Message, RequestID string
}

// New reads the templates.
func New() (*Pages, error) {
	style, err := files.ReadFile("template/style.css")
	if err != nil {
		return nil, fmt.Errorf("read style: %w", err)
	}
	funcs := template.FuncMap{
		"style": func() template.CSS { return template.CSS(style) }, //nolint:gosec // our own file
		"value": func(r store.Record) string { return ioc.Defang(r.Type, r.Value) },
		// Free text is defanged too: a mail client that is shown the page
		// makes links of what looks like one.
		"text":  ioc.DefangText,
		"day":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
		"join":  func(s []string) string { return strings.Join(s, ", ") },
		"ports": ports,
	}
	p := &Pages{}
	for name, into := range map[string]**template.Template{"article": &p.article, "problem": &p.problem} {
		*into, err = template.New("layout.html").Funcs(funcs).ParseFS(files, "template/layout.html", "template/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("read template %s: %w", name, err)
		}
	}
	sum := sha256.Sum256(style)
	p.policy = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return p, nil
}

func ports(list []uint16) string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = fmt.Sprint(p)
	}
	return strings.Join(texts, ", ")
}

// Policy is the Content-Security-Policy that belongs to every page: nothing
// but the one style sheet in it.
func (p *Pages) Policy() string { return p.policy }

// Article writes the page of an article.
func (p *Pages) Article(w io.Writer, a Article) error { return execute(w, p.article, a) }

// Problem writes the page of an error.
func (p *Pages) Problem(w io.Writer, pr Problem) error { return execute(w, p.problem, pr) }

func execute(w io.Writer, t *template.Template, data any) error {
	if err := t.Execute(w, data); err != nil {
		return fmt.Errorf("render page: %w", err)
	}
	return nil
}
