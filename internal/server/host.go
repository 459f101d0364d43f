package server

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// hosts are the names that the server answers for. A page of another name that
// was made to resolve to this machine (DNS rebinding) sends its own name in
// Host, and is refused.
type hosts map[string]bool

func newHosts(o Options) hosts {
	h := hosts{"localhost": true, "127.0.0.1": true, "::1": true}
	for _, name := range o.AllowedHosts {
		h[bareHost(name)] = true
	}
	if u, err := url.Parse(o.PublicURL); err == nil {
		h[bareHost(u.Host)] = true
	}
	if host := bareHost(o.Listen); host != "" {
		if addr, err := netip.ParseAddr(host); err != nil || !addr.IsUnspecified() {
			h[host] = true
		}
	}
	return h
}

// knows reports whether the request was meant for this server. An IP literal
// is known when it is the address that the connection arrived at: no name was
// resolved to get here, so none was rebound.
func (h hosts) knows(r *http.Request) bool {
	host := bareHost(r.Host)
	if h[host] {
		return true
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	arrived, err := netip.ParseAddrPort(local.String())
	return err == nil && arrived.Addr().Unmap() == addr.Unmap()
}

// bareHost is the name in a Host header: lower case, without port, brackets
// and final dot. It does not allocate for what is already plain.
func bareHost(host string) string {
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 {
			return ""
		}
		return strings.ToLower(host[1:end])
	}
	if i := strings.IndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i+1:], ':') < 0 {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
