// Package benign says which indicators are known to be good, or known to be
// something that anyone uses: it compiles warning lists in the format of MISP,
// short lists of our own and the operator's allow list, and judges a value by
// all of them in well under a microsecond. A verdict names its list and the
// reason in words.
//
// It does not fetch lists, does not decide what happens to a value it judged
// (ingest, export and the server do) and keeps no state: Lists never change
// once made, and may be asked by any number of goroutines.
//
// # Strength
//
// Lists differ in what they prove. Being reserved for documentation excludes
// an indicator; being the ten thousandth most visited site does not, and an
// address of a cloud says nothing at all. Each list therefore has a Strength,
// from a table of the lists that we know (class.go), from words in its name,
// or as the operator says (Options). Only Strong verdicts mean "known-good":
// they alone make Known and Host true, and they alone should keep a value out
// of a block list. The others are worth showing to whoever judges the value.
//
// # What an entry covers
//
//   - An address list covers the addresses in its ranges. A URL whose host is
//     such an address is covered only when it is nothing but that host, or when
//     the range is reserved and can be reached by nobody.
//
//   - An entry of a list of host names (type "hostname") covers the name and
//     all names below it; of type "string" the name alone, but with those below
//     it when it is written ".name" or "*.name".
//
//   - It does not reach across the border between a provider and its customers:
//     when a public suffix (publicsuffix.org, with its private section, and
//     builtin/tenants.txt) lies between entry and name, the name belongs to
//     somebody else. An entry for azurewebsites.net says nothing about a site
//     there. Lists of such providers (dynamic DNS) do reach across: that is
//     what they say.
//
//   - A URL is judged as that URL. It is not good because its host is: what is
//     on a code host, a file share or a hacked site is as good as whoever put
//     it there. MISP lets a host name list match every URL on those hosts; here
//     a URL is covered when an entry names it or a prefix of it, when it is just
//     the host (path "/", no query), or when the list is one of those few whose
//     hosts serve nobody's content but their own (analysis sites, names for
//     documentation). The price: a link to a vendor's site in a structured
//     source is not marked. In prose, Host is for that.
//
//   - An e-mail address is not good because its provider is. Lists of mail
//     domains (attribute "email-src" and the like) cover the addresses there.
//
//   - An entry of type "substring" that reads as a host name is taken as a host
//     name with all below it. As a bare substring it would also cover
//     virustotal.com.invalid-owner.test, which is the oldest trick there is.
//
//   - Regular expressions are RE2 and see the canonical value; each is only
//     tried when a literal that it needs is in the value.
//
//     lists := benign.Merge(benign.Builtin(), loaded)
//     lists.Known(ind) // may this be dropped from prose?
//     lists.Judge(ind) // why
package benign
