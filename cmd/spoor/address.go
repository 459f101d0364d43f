package main

import (
	"errors"
	"strings"
)

// readable refuses the address of a database that is not read as it was meant:
// with these characters in a password, what follows them is taken for a host or
// a database, which errors name. Its own errors do not repeat the address.
func readable(address string) error {
	_, rest, _ := strings.Cut(address, "://")
	authority, after := rest, ""
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority, after = rest[:end], rest[end:]
	}
	switch at := strings.Count(authority, "@"); {
	case at > 1:
		return errors.New("the address holds more than one @: write an @ in the password as %40")
	case at == 0 && authority != "" && strings.Contains(after, "@"):
		return errors.New("the address holds an @ after the host: write /, ?, # and @ in the password as %2F, %3F, %23 and %40")
	default:
		return nil
	}
}

// isRefusal reports whether the database server did not let the user in, or
// has no such database (PostgreSQL, appendix A: error codes).
func isRefusal(err error) bool {
	code := sqlState(err)
	return strings.HasPrefix(code, "28") || code == "3D000"
}

// sqlState returns the code that a database server gave an error, or nothing.
func sqlState(err error) string {
	var said interface{ SQLState() string }
	if errors.As(err, &said) {
		return said.SQLState()
	}
	return ""
}

// plainCauses leaves of the ways in which a driver tried to reach a server only
// the last: before it there are those that its sslmode tries first. Nil stays
// nil.
func plainCauses(err error) error {
	if err == nil {
		return nil
	}
	if text := lastCauses(err.Error()); text != err.Error() {
		return &hiddenError{text: text, cause: err}
	}
	return err
}

// lastCauses keeps of the indented lines that begin with the same server the
// last one, says nothing twice, and puts a list of one behind what it belongs to.
func lastCauses(text string) string {
	var kept []string
	heads, tries := 0, map[string]int{} // by server: where its line is kept
	for line := range strings.SplitSeq(text, "\n") {
		try, isTry := strings.CutPrefix(line, "\t")
		if !isTry {
			heads++
			kept = append(kept, line)
			continue
		}
		if len(kept) > 0 && strings.HasSuffix(kept[len(kept)-1], ": "+try) {
			continue // a name that is not found, again
		}
		server, _, _ := strings.Cut(line, "): ")
		if i, again := tries[server]; again {
			kept[i] = line
			continue
		}
		tries[server] = len(kept)
		kept = append(kept, line)
	}
	if heads == 1 && len(tries) == 1 {
		return kept[0] + " " + strings.TrimPrefix(kept[1], "\t")
	}
	return strings.Join(kept, "\n")
}
