package server

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"spoor/internal/auth"
)

// clientAddr is the address that a key's allowed_ips are compared with: the
// peer's, unless the peer is a trusted proxy. Then X-Forwarded-For is read from
// the right, because only what trusted proxies appended can be believed, to
// the first address that is not a trusted proxy itself.
func (s *Server) clientAddr(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap()
	if !s.trusted(addr) {
		return addr
	}
	lines := r.Header["X-Forwarded-For"]
	for _, line := range slices.Backward(lines) {
		hops := strings.Split(line, ",")
		for _, hop := range slices.Backward(hops) {
			next, ok := parseHop(strings.TrimSpace(hop))
			if !ok {
				return netip.Addr{} // a proxy that writes nonsense vouches for nobody
			}
			addr = next
			if !s.trusted(addr) {
				return addr
			}
		}
	}
	return addr
}

// parseHop reads an address of X-Forwarded-For, which some proxies write with
// a port.
func parseHop(hop string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(hop); err == nil {
		return a.Unmap(), true
	}
	ap, err := netip.ParseAddrPort(hop)
	return ap.Addr().Unmap(), err == nil
}

func (s *Server) trusted(addr netip.Addr) bool {
	return slices.ContainsFunc(s.opts.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// keyText finds the key of a request (contract section 1.1). Two different
// keys are nobody's.
func (s *Server) keyText(r *http.Request) (string, error) {
	key, clash := "", false
	add := func(k string) {
		k = strings.TrimSpace(k)
		clash = clash || key != "" && k != "" && k != key
		if key == "" {
			key = k
		}
	}
	for _, v := range r.Header["Authorization"] {
		// Other schemes (a proxy's Basic) are not ours to judge.
		if scheme, token, ok := strings.Cut(v, " "); ok && strings.EqualFold(scheme, "Bearer") {
			add(token)
		}
	}
	for _, v := range r.Header["X-Api-Key"] {
		add(v)
	}
	if s.opts.AllowQueryKey {
		for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
			if v, ok := strings.CutPrefix(pair, paramAPIKey+"="); ok {
				add(v) // base62 and underscores are never escaped
			}
		}
	}
	if clash {
		return "", auth.ErrInvalid
	}
	return key, nil
}
