package server

import (
	"net/http"

	"spoor/internal/auth"
)

// route is one row of the table of routes.
type route struct {
	method, path string
	// scope is what the key must have; empty: open without a key.
	scope auth.Scope
	// scopeOf decides by the request where part of the answers is open; nil: scope does.
	scopeOf func(r *http.Request) auth.Scope
	params  []param
	// negotiated says that the answer's format depends on Accept.
	negotiated bool
	// page says that errors are shown as a page to a browser.
	page    bool
	handler func(x *exchange, r *http.Request) error
}

const (
	pathHealth = "/healthz"
	pathReady  = "/readyz"
	pathSearch = "/api/v1/iocs/search"
	pathList   = "/api/v1/iocs"
)

// routes is everything that the server answers. HEAD is answered where GET is.
func (s *Server) routes() []route {
	return []route{
		{method: http.MethodGet, path: pathSearch, scope: auth.ReadIOCs, params: searchParams(), handler: s.search},
		{method: http.MethodGet, path: pathList, scope: auth.ReadIOCs, params: listParams(), negotiated: true, handler: s.list},
		{method: http.MethodGet, path: "/api/v1/iocs/{id}", scope: auth.ReadIOCs, handler: s.record},
		{method: http.MethodGet, path: "/item/{article_id}", scope: auth.ReadArticles, page: true, handler: s.article},
		{method: http.MethodGet, path: "/api/openapi.json", handler: s.openapiJSON},
		{method: http.MethodGet, path: "/api/openapi.yaml", handler: s.openapiYAML},
		{method: http.MethodGet, path: pathHealth, handler: s.health},
		{method: http.MethodGet, path: pathReady, scopeOf: readyScope, params: readyParams(), handler: s.ready},
	}
}

// newMux groups the table by path, so that a wrong method is told from an
// unknown address.
func (s *Server) newMux() *http.ServeMux {
	byPath := map[string][]*route{}
	for _, rt := range s.routes() {
		byPath[rt.path] = append(byPath[rt.path], &rt)
	}
	mux := http.NewServeMux()
	for path, group := range byPath {
		mux.HandleFunc(path, s.endpoint(group))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w.(*exchange), r, noRoute()) //nolint:forcetypeassert // serve passes nothing else
	})
	return mux
}

// endpoint runs the checks in the contract's order: method, key, address,
// limit, scope and tier, parameters; then the handler.
func (s *Server) endpoint(group []*route) http.HandlerFunc {
	allow := allowed(group)
	return func(w http.ResponseWriter, r *http.Request) {
		x := w.(*exchange) //nolint:forcetypeassert // serve passes nothing else
		for _, rt := range group {
			if rt.method == r.Method || rt.method == http.MethodGet && r.Method == http.MethodHead {
				x.route = rt
			}
		}
		if x.route == nil {
			s.fail(x, r, wrongMethod(allow))
			return
		}
		if err := s.handle(x, r); err != nil {
			s.fail(x, r, err)
		}
	}
}

func allowed(group []*route) []string {
	var methods []string
	for _, rt := range group {
		methods = append(methods, rt.method)
		if rt.method == http.MethodGet {
			methods = append(methods, http.MethodHead)
		}
	}
	return methods
}

func (s *Server) handle(x *exchange, r *http.Request) error {
	scope := x.route.scope
	if x.route.scopeOf != nil {
		scope = x.route.scopeOf(r)
	}
	if scope != "" {
		if err := s.admit(x, r, scope); err != nil {
			return err
		}
	}
	if err := x.query.parse(x.route.params, r.URL.RawQuery, s.opts.AllowQueryKey); err != nil {
		return err
	}
	if x.route.scope == "" { // its answers do not depend on the store's seq alone
		return x.route.handler(x, r)
	}
	if x.route.negotiated {
		x.Header().Add("Vary", "Accept") // of 304 too (RFC 9110, 15.4.5)
	}
	fresh, err := s.stillFresh(x, r)
	if err != nil {
		return err
	}
	if fresh {
		x.cacheHeaders()
		x.WriteHeader(http.StatusNotModified)
		return nil
	}
	return x.route.handler(x, r)
}

// admit checks key, address, limit, scope and tier.
func (s *Server) admit(x *exchange, r *http.Request, scope auth.Scope) error {
	key, err := s.keyText(r)
	if err != nil {
		return err
	}
	x.caller, err = s.deps.Authenticator.Authenticate(r.Context(), key, s.clientAddr(r))
	if err != nil {
		return err
	}
	if err := s.charge(x, r); err != nil {
		return err
	}
	if !x.caller.Has(scope) {
		return wrongScope(x.caller, scope)
	}
	return nil
}
