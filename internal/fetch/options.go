package fetch

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Options say who asks, what may be asked for, and how much of it. The zero
// value of a field means its default; a negative Pause, Retries or
// MaxRedirects means none.
type Options struct {
	// UserAgent says honestly who asks, with an address for complaints.
	// Default: "spoor".
	UserAgent string
	// AllowHosts are what a guard would refuse and the operator wants all the
	// same: host names without port, addresses, or ranges in CIDR notation. A
	// name opens the private and loopback addresses that it resolves to; other
	// special addresses have to be listed as such. Any port of them may be
	// redirected to. They are open to what is configured and to links from
	// there (Request.LinkedFrom), not to those of sources outside.
	AllowHosts []string
	// Root is the folder that file sources have to lie in. Default: no file
	// source is read.
	Root string
	// TempDir is where bodies over a megabyte are kept while they are read.
	// Default: the system's.
	TempDir string
	// Roots are the certificate authorities. Default: the system's.
	Roots *x509.CertPool
	// MaxBytes bounds a body as it is sent, and again as it is unpacked.
	// Default: 256 MiB.
	MaxBytes int64
	// Timeout bounds a Get with its redirects, retries and waits, counted from
	// its first turn at the host: a queue of many is no reason to fail.
	// Default: 2 minutes.
	Timeout time.Duration
	// Stall is how long an answer may send nothing. Default: 30 seconds.
	Stall time.Duration
	// PerHost is how many requests one host gets at once. Default: 2.
	PerHost int
	// Pause is the least time between the starts of two requests to one host.
	// Default: 1 second.
	Pause time.Duration
	// MaxRedirects is how many redirects one Get follows. Default: 5.
	MaxRedirects int
	// Retries is how often a Get that failed for a passing reason is tried
	// again. Default: 2.
	Retries int
	// Backoff is about how long to wait before the first retry; each further
	// wait is twice as long. Default: 1 second.
	Backoff time.Duration
	// Now is the clock. It is required.
	Now func() time.Time
}

const (
	defaultAgent     = "spoor"
	defaultMaxBytes  = 256 << 20
	defaultTimeout   = 2 * time.Minute
	defaultStall     = 30 * time.Second
	defaultPerHost   = 2
	defaultPause     = time.Second
	defaultRedirects = 5
	defaultRetries   = 2
	defaultBackoff   = time.Second
)

// complete fills in the defaults and checks the rest.
func (o *Options) complete() error {
	if o.Now == nil {
		return errors.New("a clock is missing")
	}
	if o.UserAgent == "" {
		o.UserAgent = defaultAgent
	}
	if strings.ContainsFunc(o.UserAgent, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("user agent %q: printable ASCII only", o.UserAgent)
	}
	o.MaxBytes = orDefault(o.MaxBytes, defaultMaxBytes)
	o.Timeout = orDefault(o.Timeout, defaultTimeout)
	o.Stall = orDefault(o.Stall, defaultStall)
	o.PerHost = orDefault(o.PerHost, defaultPerHost)
	o.Backoff = orDefault(o.Backoff, defaultBackoff)
	o.Pause = orNone(o.Pause, defaultPause)
	o.MaxRedirects = orNone(o.MaxRedirects, defaultRedirects)
	o.Retries = orNone(o.Retries, defaultRetries)
	return nil
}

func orDefault[N int | int64 | time.Duration](n, def N) N {
	if n <= 0 {
		return def
	}
	return n
}

func orNone[N int | time.Duration](n, def N) N {
	switch {
	case n < 0:
		return 0
	case n == 0:
		return def
	}
	return n
}
