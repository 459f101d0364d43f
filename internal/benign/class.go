package benign

import (
	"slices"
	"strings"
)

// class is what a kind of list proves and covers.
type class struct {
	strength Strength
	says     string // what being on such a list means, for a reason
	urls     bool   // every URL on its hosts, too
	across   bool   // customers of its providers, too
}

// kind is a row of the table of classes.
type kind uint8

// The kinds of lists.
const (
	own        kind = iota // names and addresses of organisations that everyone knows
	site                   // the same, of hosts that serve their own content only
	reserved               // nobody's: private use, this host, multicast
	example                // reserved for documentation and tests, and used there
	suffix                 // names under which anyone registers; blocking one blocks all
	shared                 // addresses behind which very many sites stand at once
	popular                // counted visits
	rented                 // clouds, data centres, relays: whoever pays
	scanner                // known to look at the whole internet
	provider               // of names or sites for strangers
	mail                   // of mailboxes for strangers
	resolver               // answers anyone's DNS queries, often by mistake
	sinkhole               // where seized names point to
	parked                 // where unused names point to
	fallback               // a list that nobody classified
	kindsCount             // how many there are
)

//nolint:gochecknoglobals // read-only table
var classes = [kindsCount]class{
	own:      {strength: Strong},
	site:     {strength: Strong, urls: true},
	reserved: {strength: Strong, urls: true, across: true},
	example:  {strength: Weak, urls: true, across: true, says: "it stands for another in texts and tests"},
	suffix:   {strength: Strong, says: "others have their names below it"},
	shared:   {strength: Strong, says: "very many sites share one address there"},
	popular:  {strength: Popular, says: "that counts visits and proves nothing"},
	rented:   {strength: Weak, says: "anyone can rent an address there"},
	scanner:  {strength: Weak, says: "it looks at the whole internet"},
	provider: {strength: Weak, says: "anyone can have a name or page there", across: true},
	mail:     {strength: Weak, says: "anyone can have a mailbox there", across: true},
	resolver: {strength: Weak, says: "open resolvers are not all meant to be open"},
	sinkhole: {strength: Weak, says: "whoever asks for it may be infected"},
	parked:   {strength: Weak, says: "it stands for no site in use", across: true},
	fallback: {strength: Strong},
}

// known are the lists of the MISP project by folder name.
//
//nolint:gochecknoglobals // read-only table
var known = map[string]kind{
	// Akamai rents out machines in its ranges since it bought Linode.
	"akamai": rented, "bunny-net": shared, "cloudflare": shared, "fastly": shared, "stackpath": shared,
	"telegram-ips": shared, "wikimedia": own, "zscaler": shared, "apple": own,
	"google-gmail-sending-ips": own, "googlebot": own, "microsoft-office365-ip": own, "microsoft-office365-cn": own,

	"automated-malware-analysis": site, "microsoft-attack-simulator": site,
	"umbrella-blockpage-hostname": site, "umbrella-blockpage-v4": own, "umbrella-blockpage-v6": own,
	"bank-website": own, "captive-portals": own, "dax30": own, "university_domains": own,
	"crl-hostname": own, "findip-host": own, "whats-my-ip": own, "security-provider-blogpost": own,
	"google": own, "microsoft": own, "microsoft-office365": own,
	"microsoft-win10-connection-endpoints": own, "common-contact-emails": own,
	"common-ioc-false-positive": own, "ti-falsepositives": own, "eicar.com": own, "empty-hashes": own,
	"mozilla-CA": own, "mozilla-IntermediateCA": own,

	"ipv6-linklocal": reserved, "multicast": reserved, "rfc1918": reserved, "rfc3849": reserved,
	"rfc5735": reserved, "rfc6598": reserved, "rfc6761": reserved,
	"second-level-tlds": suffix, "tlds": suffix,

	"alexa": popular, "cisco_top1000": popular, "cisco_top5k": popular, "cisco_top10k": popular,
	"cisco_top20k": popular, "cloudflare-top200": popular, "cloudflare-top1k": popular,
	"cloudflare-top2k": popular, "cloudflare-top5k": popular, "cloudflare-top10k": popular,
	"cloudflare-top20k": popular, "cloudflare-top50k": popular, "cloudflare-top100k": popular,
	"majestic_million": popular, "moz-top500": popular, "tranco10k": popular,
	// Names of 2020 that nobody looks after any more.
	"covid": popular, "covid-19-cyber-threat-coalition-whitelist": popular, "covid-19-krassi-whitelist": popular,

	"amazon-aws": rented, "google-gcp": rented, "oracle-oci": rented, "ovh-cluster": rented, "github": rented,
	"microsoft-azure": rented, "microsoft-azure-china": rented, "microsoft-azure-germany": rented,
	"microsoft-azure-us-gov": rented, "vpn-ipv4": rented, "vpn-ipv6": rented, "icloud-private-relay": rented,
	"smtp-receiving-ips": rented, "smtp-sending-ips": rented, "crl-ip": rented,

	"openai-gptbot": scanner, "check-host-net": scanner, "circl-security-scanning": scanner,
	"palo-alto-networks-cortex-cloud": scanner, "palo-alto-networks-cortex-xpanse": scanner,
	"shadowserver": scanner, "tenable-cloud-ipv4": scanner, "tenable-cloud-ipv6": scanner,
	"umich-cse-connection-attempts": scanner,

	// Its customers choose what stands before it, as phishers do.
	"microsoft-mdca-proxy": provider,
	"digitalside":          provider, "dynamic-dns": provider, "link-in-bio": provider, "lots-project": provider,
	"public-ipfs-gateways": provider, "url-shortener": provider, "disposable-email": mail,
	"public-dns-v4": resolver, "public-dns-v6": resolver, "public-dns-hostname": resolver,
	"sinkholes": sinkhole, "parking-domain": parked, "parking-domain-ns": parked,
}

// hints classify lists that are not in known by words of their names. The
// first that fits counts.
//
//nolint:gochecknoglobals // read-only table
var hints = []struct {
	kind  kind
	words []string
}{
	{scanner, []string{"scanning", "scanner", "scanners", "crawler", "crawlers"}},
	{provider, []string{"dynamic", "dyndns", "ddns", "shortener", "shorteners", "pastebin", "hosting", "ipfs", "lots"}},
	{mail, []string{"disposable", "freemail", "webmail"}},
	{rented, []string{"vpn", "tor", "proxy", "proxies", "cloud", "aws", "azure", "gcp", "datacenter", "relay", "vps"}},
	{resolver, []string{"resolver", "resolvers"}},
	{sinkhole, []string{"sinkhole", "sinkholes"}},
	{parked, []string{"parking", "parked"}},
	{popular, []string{"top", "top1000", "top500", "million", "popular", "popularity", "alexa", "tranco", "majestic", "umbrella"}},
}

// classify returns the class of a list: by its folder name, else by a word in
// its folder name or title, else a list is taken at its word: somebody put it
// there to keep values out.
func classify(name, title string) class {
	if k, ok := known[name]; ok {
		return classes[k]
	}
	words := strings.FieldsFunc(strings.ToLower(name+" "+title), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	for _, h := range hints {
		for _, w := range words {
			if slices.Contains(h.words, w) || h.kind == popular && isTop(w) {
				return classes[h.kind]
			}
		}
	}
	return classes[fallback]
}

// isTop recognises "top10k" and "tranco10k".
func isTop(word string) bool {
	for _, prefix := range []string{"top", "tranco"} {
		if rest, ok := strings.CutPrefix(word, prefix); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			return true
		}
	}
	return false
}
