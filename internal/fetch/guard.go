package fetch

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// guard decides which addresses may be connected to. It stands in the dialer,
// after a name was resolved: whatever a URL or a redirect says and a name
// server answers, this is the address that the connection goes to.
type guard struct {
	public *ssrf.Guardian
	// names and ranges are what the operator lists.
	names  map[string]bool
	ranges []netip.Prefix
}

func newGuard(allow []string) (*guard, error) {
	g := &guard{names: map[string]bool{}}
	for _, entry := range allow {
		if err := g.allow(strings.TrimSpace(entry)); err != nil {
			return nil, err
		}
	}
	var v4, v6 []netip.Prefix
	for _, p := range g.ranges {
		if p.Addr().Is4() {
			v4 = append(v4, p)
		} else {
			v6 = append(v6, p)
		}
	}
	g.public = ssrf.New(
		// Which ports are fetched from is decided where it is known who wrote
		// the URL.
		ssrf.WithAnyPort(),
		ssrf.WithAllowedV4Prefixes(v4...), ssrf.WithAllowedV6Prefixes(v6...),
		ssrf.WithDeniedV4Prefixes(hostAgent),
	)
	return g, nil
}

// allow adds one entry of the operator.
func (g *guard) allow(entry string) error {
	bare := strings.TrimSuffix(strings.TrimPrefix(entry, "["), "]")
	if addr, err := netip.ParseAddr(bare); err == nil {
		addr = addr.Unmap().WithZone("")
		g.ranges = append(g.ranges, netip.PrefixFrom(addr, addr.BitLen()))
		return nil
	}
	if p, err := netip.ParsePrefix(bare); err == nil {
		g.ranges = append(g.ranges, p.Masked())
		return nil
	}
	if strings.ContainsAny(entry, ":/@?#*[]% \t") {
		return fmt.Errorf("allow host %q: want a name without port, an address, or a range like 10.0.0.0/8", entry)
	}
	name, err := asciiHost(entry)
	if err != nil {
		return fmt.Errorf("allow host %q: %w", entry, err)
	}
	g.names[name] = true
	return nil
}

// lists reports whether the operator listed the host of a URL, by name or by
// the address that stands in it.
func (g *guard) lists(host string) bool {
	if g.names[host] {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && g.inRanges(addr.Unmap().WithZone(""))
}

func (g *guard) inRanges(addr netip.Addr) bool {
	for _, p := range g.ranges {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// dialTimeout bounds one connection, with the resolving of its name.
const dialTimeout = 15 * time.Second

// dial connects to the host and port of a URL.
func (g *guard) dial(ctx context.Context, network, hostPort string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	d := net.Dialer{
		Timeout: dialTimeout,
		Control: func(network, address string, _ syscall.RawConn) error {
			return g.judge(host, network, address)
		},
	}
	return d.DialContext(ctx, network, hostPort)
}

// judge refuses what the host of a URL resolved to, or allows it.
func (g *guard) judge(host, network, address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return forbid("address %q of %s cannot be judged", address, host)
	}
	// An IPv4 address in IPv6 notation is reached as IPv4, and judged so.
	addr := at.Addr().Unmap().WithZone("")
	if g.names[host] && isPrivate(addr) {
		return nil
	}
	err = g.public.Safe(network, netip.AddrPortFrom(addr, at.Port()).String(), nil)
	if inner, ok := translated(addr); ok && err == nil {
		// The operator opened a translator's range, not what lies behind it.
		err = g.public.SafeAddr(inner)
	}
	switch {
	case err == nil:
		return nil
	case host == addr.String():
		return forbid("%s is a private or special-purpose address; if it is meant, list it in feeds.allow_hosts", host)
	case g.names[host] || !isPrivate(addr):
		return forbid("%s has the special-purpose address %s; if that is meant, list the address in feeds.allow_hosts", host, addr)
	}
	return forbid("%s has the private address %s; if that is meant, list %s in feeds.allow_hosts", host, addr, host)
}

// hostAgent is where a cloud gives its machines their secrets, at an address
// that is public everywhere else.
//
//nolint:gochecknoglobals // read-only table
var hostAgent = netip.MustParsePrefix("168.63.129.16/32")

// sharedSpace is what carriers, and networks laid over others, use like
// private addresses (RFC 6598).
//
//nolint:gochecknoglobals // read-only table
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// metadata are the services inside private ranges that give a machine in a
// cloud its secrets. A listed name does not open them: names are resolved by
// others.
//
//nolint:gochecknoglobals // read-only table
var metadata = map[netip.Addr]bool{
	netip.MustParseAddr("100.100.100.200"): true,
	netip.MustParseAddr("fd00:ec2::254"):   true,
	netip.MustParseAddr("fd20:ce::254"):    true,
}

// isPrivate reports whether the address is one that a listed name opens.
func isPrivate(addr netip.Addr) bool {
	return (addr.IsPrivate() || addr.IsLoopback() || sharedSpace.Contains(addr)) && !metadata[addr]
}

// translated returns the IPv4 address inside one of the well-known prefix of
// NAT64 (RFC 6052).
func translated(addr netip.Addr) (netip.Addr, bool) {
	if !ssrf.IPv6NAT64Prefix.Contains(addr) {
		return netip.Addr{}, false
	}
	b := addr.As16()
	return netip.AddrFrom4([4]byte(b[12:])), true
}
