package ioc

import (
	"errors"
	"fmt"
)

// ErrInvalid is what every refusal of this package is: errors.Is(err, ErrInvalid).
var ErrInvalid = errors.New("invalid indicator")

// Reason is the machine word for why input is no indicator. Imports count
// skipped lines by it.
type Reason string

// The reasons. Each is described for humans in Describe.
const (
	// ReasonEmpty: nothing remains after trimming spaces, quotes and punctuation.
	ReasonEmpty Reason = "empty"
	// ReasonTooLong: the key would be over MaxKeyBytes, or the input over MaxInputBytes.
	ReasonTooLong Reason = "too_long"
	// ReasonNUL: the input holds a NUL byte, which the engines disagree about.
	ReasonNUL Reason = "nul"
	// ReasonInvalidUTF8: the input is not UTF-8, which the engines disagree about.
	ReasonInvalidUTF8 Reason = "invalid_utf8"
	// ReasonRange: an address range (CIDR), which is none of the eleven types.
	ReasonRange Reason = "range"
	// ReasonBarePath: a URL path without a host.
	ReasonBarePath Reason = "bare_path"
	// ReasonScheme: a URL whose scheme is not in the contract's list.
	ReasonScheme Reason = "unsupported_scheme"
	// ReasonHost: the host of a URL or e-mail address is no address and no domain name.
	ReasonHost Reason = "bad_host"
	// ReasonPort: the port is not a number from 0 to 65535.
	ReasonPort Reason = "bad_port"
	// ReasonWrongType: the input does not read as the one type that was asked for.
	ReasonWrongType Reason = "wrong_type"
	// ReasonNotIndicator: the input reads as none of the eleven types.
	ReasonNotIndicator Reason = "not_an_indicator"
	// ReasonUnstable: the input is still changing after eight rounds of normalisation.
	ReasonUnstable Reason = "unstable"
)

// reasonText is the one table of reasons: what is wrong, and what to do.
//
//nolint:gochecknoglobals // read-only table
var reasonText = map[Reason]string{
	ReasonEmpty:        "nothing is left after trimming; give a value",
	ReasonTooLong:      fmt.Sprintf("longer than %d bytes; shorten it", MaxKeyBytes),
	ReasonNUL:          "holds a NUL byte; remove it",
	ReasonInvalidUTF8:  "is not valid UTF-8; convert the text to UTF-8",
	ReasonRange:        "is an address range; give single addresses",
	ReasonBarePath:     "is a path without a host; put the host in front",
	ReasonScheme:       "has an unsupported URL scheme; use http, https, ftp, ws, wss, ldap, ldaps, rmi, smb, tcp or udp",
	ReasonHost:         "has a host that is neither an address nor a domain name; check the host",
	ReasonPort:         "has a port that is not a number up to 65535; check the port",
	ReasonWrongType:    "does not read as the type that was asked for; check the value or leave the type out",
	ReasonNotIndicator: "reads as none of the indicator types; check the value",
	ReasonUnstable:     "has no stable form; give the value without nested escapes and brackets",
}

// Describe says in words what the reason means and what to do about it.
func (r Reason) Describe() string {
	if text, ok := reasonText[r]; ok {
		return text
	}
	return "is not an indicator"
}

// Reasons returns every reason, for documentation and tests. The caller owns
// the slice.
func Reasons() []Reason {
	return []Reason{
		ReasonEmpty, ReasonTooLong, ReasonNUL, ReasonInvalidUTF8, ReasonRange, ReasonBarePath,
		ReasonScheme, ReasonHost, ReasonPort, ReasonWrongType, ReasonNotIndicator, ReasonUnstable,
	}
}

// InvalidError says why input was refused. Its message is safe to log and to
// show: the input in it is defanged and cut short.
type InvalidError struct {
	// Reason is the machine word.
	Reason Reason
	// Type is the type that was asked for, or 0 when any would have done.
	Type Type
	// input is what was refused; it is only shown defanged.
	input string
}

// Error tells what was refused, why, and what to do.
func (e *InvalidError) Error() string {
	shown := DefangText(truncate(e.input, 80))
	if e.Type.Valid() {
		return fmt.Sprintf("read %q as %s: %s", shown, e.Type, e.Reason.Describe())
	}
	return fmt.Sprintf("read %q as indicator: %s", shown, e.Reason.Describe())
}

// Is makes errors.Is(err, ErrInvalid) true.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }
