package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"

	"spoor/api"
	"spoor/internal/store"
	"spoor/internal/web"
)

// record answers GET /api/v1/iocs/{id}.
func (s *Server) record(x *exchange, r *http.Request) error {
	id, ok := parseID(r.PathValue("id"))
	if !ok {
		return store.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.opts.QueryDeadline)
	defer cancel()
	at := s.opts.Now()
	var (
		rec store.Record
		seq int64
	)
	err := s.deps.Store.View(ctx, func(snap store.Snapshot) error {
		seq = snap.Seq()
		var err error
		rec, err = snap.Record(ctx, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("read record %s: %w", id, err)
	}
	// What the key may not see is not there.
	if !x.caller.Sees(rec.TLP) {
		return store.ErrNotFound
	}
	s.setETag(x, r, seq)
	buf := s.buffer()
	defer s.give(buf)
	*buf = s.encoder.Record(*buf, at, &rec)
	return x.send(typeJSON, *buf)
}

// article answers GET /item/{article_id}.
func (s *Server) article(x *exchange, r *http.Request) error {
	id, ok := parseID(r.PathValue("article_id"))
	if !ok {
		return noArticle()
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.opts.QueryDeadline)
	defer cancel()
	page := web.Article{SourceName: s.opts.SourceName}
	var seq int64
	err := s.deps.Store.View(ctx, func(snap store.Snapshot) error {
		seq = snap.Seq()
		var err error
		if page.Article, err = snap.Article(ctx, id); err != nil {
			return err
		}
		filter := store.Filter{Article: id, Visibility: x.caller.Visibility}
		page.List, err = snap.List(ctx, filter, store.Page{Limit: web.MaxRows})
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return noArticle()
	}
	if err != nil {
		return fmt.Errorf("read article %s: %w", id, err)
	}
	if !x.caller.Sees(page.Article.TLP) {
		return noArticle()
	}
	var body bytes.Buffer
	if err := s.pages.Article(&body, page); err != nil {
		return fmt.Errorf("render article %s: %w", id, err)
	}
	s.setETag(x, r, seq)
	x.set("Content-Security-Policy", s.pages.Policy())
	return x.send(typeHTML, body.Bytes())
}

func noArticle() *apiError {
	return &apiError{code: api.ArticleNotFound, message: "There is no article with that id. Article ids are in source.article_id of search results."}
}

// openapiJSON answers GET /api/openapi.json.
func (s *Server) openapiJSON(x *exchange, _ *http.Request) error {
	x.set("Cache-Control", "public, max-age=3600")
	return x.send(typeJSON, api.OpenAPIJSON())
}

// openapiYAML answers GET /api/openapi.yaml.
func (s *Server) openapiYAML(x *exchange, _ *http.Request) error {
	x.set("Cache-Control", "public, max-age=3600")
	return x.send(typeYAML, api.OpenAPIYAML())
}

// health answers GET /healthz: the process runs.
func (s *Server) health(x *exchange, _ *http.Request) error {
	x.set("Cache-Control", "no-store")
	return x.send(typeText, []byte("ok\n"))
}
