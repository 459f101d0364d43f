package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

//nolint:gochecknoglobals // compiled pattern
var keyPrefix = regexp.MustCompile(`^[A-Za-z0-9_]{1,31}_$`)

// validate reports everything that is wrong, one line each.
func (l *Loaded) validate() error {
	c := l.Config
	var wrong []error
	check := func(key string, ok bool, allowed string) {
		if !ok {
			wrong = append(wrong, l.wrong(key, allowed))
		}
	}
	check("listen", isListen(c.Listen), "HOST:PORT, for instance 127.0.0.1:8080 or [::1]:0")
	check("read_store", c.ReadStore == "" || isPostgres(c.ReadStore), "postgres://USER@HOST/DATABASE, where HOST may be several, joined by commas")
	check("read_store", c.ReadStore == "" || isPostgres(c.Store), "none unless store is postgres://...: replicas are those of a PostgreSQL store")
	check("read_store_max_lag", c.ReadStoreMaxLag >= 10*time.Millisecond && c.ReadStoreMaxLag <= 24*time.Hour, "between 10ms and 24h")
	check("metrics_listen", c.MetricsListen == "" || isListen(c.MetricsListen), "HOST:PORT, for instance 127.0.0.1:9090")
	check("metrics_listen", !isPublic(c.MetricsListen), "an address of this machine or of a private network: the metrics are open to whoever reaches them")
	check("public_url", c.PublicURL == "" || isPublicURL(c.PublicURL), "http://HOST or https://HOST, optionally with a port, and nothing after it")
	check("source_name", strings.TrimSpace(c.SourceName) != "", "a name of at least one character")
	check("tls_key", (c.TLSKey == "") == (c.TLSCert == ""), "set exactly when tls_cert is")
	check("trusted_proxies", allPrefixes(c.TrustedProxies), "addresses such as 10.0.0.1 or ranges such as 10.0.0.0/8")
	check("allowed_hosts", allHosts(c.AllowedHosts), "host names without a scheme, port or path")
	check("key_prefix", keyPrefix.MatchString(c.KeyPrefix), "letters, digits and underscores, ending with an underscore, at most 32")
	check("query_deadline", c.QueryDeadline >= time.Millisecond && c.QueryDeadline <= 5*time.Minute, "between 1ms and 5m")
	check("shutdown_grace", c.ShutdownGrace >= time.Millisecond && c.ShutdownGrace <= time.Hour, "between 1ms and 1h")
	v := reflect.ValueOf(c)
	for _, s := range Settings() {
		f := s.field(v)
		if s.OneOf != nil {
			check(s.Key, slices.Contains(s.OneOf, f.String()), "one of "+strings.Join(s.OneOf, ", "))
		}
		if s.Kind == "number" {
			check(s.Key, f.Int() >= 0, "0 or more")
		}
	}
	return errors.Join(wrong...)
}

func (l *Loaded) wrong(key, allowed string) error {
	for _, s := range Settings() {
		if s.Key == key {
			value := s.mask(text(s.field(reflect.ValueOf(l.Config))))
			return fmt.Errorf("%w: %s is %q (from %s): allowed is %s", ErrInvalid, key, value, l.Origin(key), allowed)
		}
	}
	return fmt.Errorf("%w: %s: allowed is %s", ErrInvalid, key, allowed)
}

func isListen(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false
	}
	return host == "" || isHost(host)
}

// StoresInPostgres reports whether the store is a PostgreSQL database.
func (c Config) StoresInPostgres() bool { return isPostgres(c.Store) }

// isPostgres judges the scheme only: the rest is the driver's to read.
func isPostgres(s string) bool {
	scheme, rest, ok := strings.Cut(s, "://")
	return ok && rest != "" && (scheme == "postgres" || scheme == "postgresql")
}

// isPublic reports whether the host of a listen address is an address that the
// whole internet may reach. A name is judged when it has been resolved, and
// all addresses of the machine are warned about.
func isPublic(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && !addr.IsUnspecified() && !IsPrivate(addr)
}

// IsPrivate reports whether an address can only be reached from its own
// machine or a private network: loopback, link-local, RFC 1918, RFC 4193.
func IsPrivate(addr netip.Addr) bool {
	addr = addr.Unmap()
	return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast()
}

func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return s != "" && !strings.ContainsAny(s, "/:@?#[] \t\n\\*")
}

func allHosts(list []string) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !isHost(s) })
}

// isPublicURL takes an origin only: the API and the pages are served from the
// root, and a path would make links that lead nowhere.
func isPublicURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil &&
		(u.Path == "" || u.Path == "/") && u.RawQuery == "" && u.Fragment == ""
}

func allPrefixes(list []string) bool {
	_, err := prefixes(list)
	return err == nil
}

// ProxyPrefixes returns TrustedProxies parsed; a single address is a range of
// its own. The configuration has been validated.
func (c Config) ProxyPrefixes() []netip.Prefix {
	p, _ := prefixes(c.TrustedProxies)
	return p
}

func prefixes(list []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, 0, len(list))
	for _, s := range list {
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("parse range %q: %w", s, err)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
