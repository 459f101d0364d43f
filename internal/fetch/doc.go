// Package fetch gets one document at a time from the network, or from a folder
// that the operator named, and is polite, bounded and guarded about it: the
// fingerprint of the last good copy in, the body or "unchanged" out.
//
// Polite: requests are conditional, few at once and paced for each host, a host
// that asks for a rest gets it, and what fails for a passing reason is tried
// again later and later. Bounded: bytes on the wire and unpacked, time, silence,
// redirects. Guarded: the address of every connection is judged after its name
// was resolved, also behind a redirect, and no address that only this machine
// or its network can reach is connected to, unless the operator lists it.
//
// It does not know what a feed is, keeps nothing between two Gets but the
// manners towards hosts, runs no schedule, takes no cookies, and follows no
// link or refresh that stands in a page. Files that are compressed are left so:
// only the compression of the transfer is taken off.
//
//	f, err := fetch.New(fetch.Options{UserAgent: agent, Now: time.Now})
//	...
//	defer f.Close()
//	res, err := f.Get(ctx, fetch.Request{URL: source, Configured: true, Known: last})
//	if errors.Is(err, fetch.ErrUnchanged) {
//		last = res.Fingerprint
//	}
//	...
//	defer res.Close()
//	text, err := res.Text()
package fetch
