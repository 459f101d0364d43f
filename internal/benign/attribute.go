package benign

import (
	"strings"

	"spoor/internal/ioc"
)

// attributes says which of our types an attribute type of MISP is about.
// Parts of composite ones ("filename|md5", "domain|ip") are looked up one by
// one.
//
//nolint:gochecknoglobals // read-only table
var attributes = map[string]typeSet{
	"ip": setOf(ioc.IPv4, ioc.IPv6), "ip-src": setOf(ioc.IPv4, ioc.IPv6), "ip-dst": setOf(ioc.IPv4, ioc.IPv6),
	"domain": setOf(ioc.Domain), "hostname": setOf(ioc.Domain),
	"url": setOf(ioc.URL), "uri": setOf(ioc.URL), "link": setOf(ioc.URL),
	"md5": hashes, "sha1": hashes, "sha256": hashes, "sha512": hashes,
	"x509-fingerprint-md5": hashes, "x509-fingerprint-sha1": hashes, "x509-fingerprint-sha256": hashes,
	"email": setOf(ioc.Email), "email-src": setOf(ioc.Email), "email-dst": setOf(ioc.Email),
	"target-email": setOf(ioc.Email), "dns-soa-email": setOf(ioc.Email),
	"whois-registrant-email": setOf(ioc.Email),
	"vulnerability":          setOf(ioc.CVE),
}

// hashes go together: a list of files is about the file, however it is hashed.
const hashes = typeSet(1<<ioc.MD5 | 1<<ioc.SHA1 | 1<<ioc.SHA256 | 1<<ioc.SHA512)

// typesOf returns what a list with these matching attributes is about. A list
// that names none is about everything.
func typesOf(matching []string) typeSet {
	if len(matching) == 0 {
		return setOf(ioc.Types()...)
	}
	var s typeSet
	for _, m := range matching {
		for part := range strings.SplitSeq(strings.ToLower(m), "|") {
			s |= attributes[part]
		}
	}
	return s
}
