// Package server speaks HTTP: one table of routes, the checks that stand
// before every handler, the handlers, and the one place that turns errors into
// status codes.
//
// It decides nothing about indicators: searching is internal/search's, keys
// are internal/auth's, pages are internal/web's. It is the only encoder of a
// record on the wire (Encoder), which the command line uses too.
//
//	srv, err := server.New(server.Options{Listen: ln.Addr().String()}, deps)
//	...
//	err = srv.Serve(ctx, ln) // returns when ctx ends and what was in flight is answered
package server
