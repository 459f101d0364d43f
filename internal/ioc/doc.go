// Package ioc says what an indicator of compromise is: the one table of types,
// and for each type its canonical value, its search key and the spellings that
// mean the same thing.
//
// Normalise and Identify turn input as people and feeds write it (quoted,
// defanged, upper-cased, with a port) into the one canonical form; Readings
// lists everything a query may mean; Defang writes a value so that nothing can
// click or resolve it. The judgement vocabularies that travel with an indicator
// (Confidence, TLP) live here too.
//
// The package does no I/O, keeps no state and knows nothing of feeds, stores or
// the wire. It does not find indicators in prose (that is extract) and does not
// judge them (that is benign).
//
//	ind, err := ioc.Identify("hxxp[://]evil[.]example/a")
//	// ind.Type == ioc.URL, ind.Value == "http://evil.example/a"
package ioc
