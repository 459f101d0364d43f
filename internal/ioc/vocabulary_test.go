package ioc

import (
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// TestTypesAreTheContracts pins the table of types to contract section 2.
func TestTypesAreTheContracts(t *testing.T) {
	t.Parallel()
	want := []string{"ipv4", "ipv6", "domain", "url", "md5", "sha1", "sha256", "sha512", "email", "cve", "mitre-attack"}
	var got []string
	for _, typ := range Types() {
		got = append(got, typ.String())
		if back, err := ParseType(typ.String()); err != nil || back != typ {
			t.Errorf("ParseType(%q) = %v, %v", typ.String(), back, err)
		}
		row := typ.info()
		if row.canonical == nil || row.parse == nil || row.defang == nil {
			t.Errorf("row %s of the table of types has a hole", typ)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Types() (-want +got):\n%s", diff)
	}
	for _, bad := range []Type{0, MITREAttack + 1, 255} {
		if bad.Valid() || bad.String() != "unknown" {
			t.Errorf("Type(%d) is taken for %s", uint8(bad), bad)
		}
	}
}

func TestParseType(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"mitre-attack", "mitre_attack", "MITRE-ATTACK"} {
		if got, err := ParseType(name); err != nil || got != MITREAttack {
			t.Errorf("ParseType(%q) = %v, %v, want mitre-attack", name, got, err)
		}
	}
	for _, name := range []string{"", "ip", "unknown", "ipv4 "} {
		_, err := ParseType(name)
		if err == nil || !strings.Contains(err.Error(), "ipv4") || !strings.Contains(err.Error(), "mitre-attack") {
			t.Errorf("ParseType(%q): error %v does not name the allowed values", name, err)
		}
	}
}

// TestReasonsAreDescribed walks the one table of reasons.
func TestReasonsAreDescribed(t *testing.T) {
	t.Parallel()
	if len(Reasons()) != len(reasonText) {
		t.Errorf("Reasons() has %d entries, the table %d", len(Reasons()), len(reasonText))
	}
	for _, r := range Reasons() {
		if reasonText[r] == "" || r.Describe() != reasonText[r] {
			t.Errorf("reason %q is not described", r)
		}
		if strings.Trim(string(r), "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
			t.Errorf("reason %q is no machine word", r)
		}
	}
	if Reason("other").Describe() == "" {
		t.Error("an unknown reason has no description")
	}
}

// TestInvalidErrorIsSafeToShow: nothing live, nothing long, no control
// characters, and what to do.
func TestInvalidErrorIsSafeToShow(t *testing.T) {
	t.Parallel()
	_, err := Normalise(IPv4, "http://evil.example/\x1b[2J"+strings.Repeat("x", 5000))
	if !errors.Is(err, ErrInvalid) {
		t.Fatalf("got %v, want ErrInvalid", err)
	}
	message := err.Error()
	if strings.Contains(message, "http://") || strings.Contains(message, "evil.example") || strings.ContainsFunc(message, unicode.IsControl) {
		t.Errorf("message %q is live", message)
	}
	if len(message) > 300 {
		t.Errorf("message has %d bytes", len(message))
	}
	if !strings.Contains(message, "ipv4") || !strings.Contains(message, "shorten it") {
		t.Errorf("message %q does not say what to do", message)
	}
}

func TestConfidence(t *testing.T) {
	t.Parallel()
	for _, c := range []Confidence{Low, Medium, High} {
		if got, err := ParseConfidence(strings.ToUpper(c.String())); err != nil || got != c || !c.Valid() {
			t.Errorf("ParseConfidence(%q) = %v, %v", c, got, err)
		}
	}
	if Low >= Medium || Medium >= High {
		t.Error("confidence is not ordered")
	}
	for n, want := range map[int]Confidence{-1: Low, 0: Low, 49: Low, 50: Medium, 74: Medium, 75: High, 100: High} {
		if got := ConfidenceFromScore(n); got != want {
			t.Errorf("ConfidenceFromScore(%d) = %s, want %s", n, got, want)
		}
	}
	if _, err := ParseConfidence("sure"); err == nil || !strings.Contains(err.Error(), "low, medium, high") {
		t.Errorf("ParseConfidence(sure): error %v does not name the allowed values", err)
	}
	if Confidence(0).Valid() || Confidence(0).String() != "unknown" {
		t.Error("the zero confidence is taken for a level")
	}
}

func TestTLP(t *testing.T) {
	t.Parallel()
	tests := map[string]TLP{
		"clear": Clear, "TLP:WHITE": Clear, "white": Clear, "tlp:clear": Clear, "GREEN": Green, "TLP:GREEN": Green,
		"tlp-green": Green, "amber": Amber, "TLP: AMBER": Amber, "tlp:amber+strict": AmberStrict, "TLP:AMBER-STRICT": AmberStrict,
		"amber strict": AmberStrict, "amber_strict": AmberStrict, " red ": Red, "tlp:red": Red,
	}
	for in, want := range tests {
		if got, err := ParseTLP(in); err != nil || got != want {
			t.Errorf("ParseTLP(%q) = %v, %v, want %s", in, got, err, want)
		}
	}
	for m := Clear; m.Valid(); m++ {
		if back, err := ParseTLP(m.String()); err != nil || back != m {
			t.Errorf("ParseTLP(%q) = %v, %v", m, back, err)
		}
	}
	// In order of strictness: the number is what comparisons use.
	want := []string{"clear", "green", "amber", "amber+strict", "red", "unknown"}
	for i, name := range want {
		if got := TLP(i + 1).String(); got != name {
			t.Errorf("TLP(%d) = %q, want %q", i+1, got, name)
		}
	}
	for _, bad := range []string{"", "tlp", "tlp:", "purple", "amberred"} {
		if got, err := ParseTLP(bad); err == nil {
			t.Errorf("ParseTLP(%q) = %s, want an error", bad, got)
		}
	}
}

// TestLowerCaseIsAFixedPoint: keys are lower-cased once and compared for ever.
func TestLowerCaseIsAFixedPoint(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		once := strings.ToLower(string(r))
		if twice := strings.ToLower(once); twice != once {
			t.Fatalf("lower case of %U is %q, then %q", r, once, twice)
		}
	}
}
