package extract

import (
	"slices"
	"strings"
	"testing"
)

func TestActors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		want       []string
	}{
		{"none", "A report about nobody in particular.", nil},
		{"a name", "We attribute this to Sandworm.", []string{"APT44"}},
		{"an alias of two words", "Microsoft calls it Forest Blizzard, others APT28.", []string{"APT28"}},
		{"several, in order", "MuddyWater and Turla share tools; MuddyWater more often.", []string{"MuddyWater", "Turla"}},
		{"the longer name", "Lazarus Group again", []string{"Lazarus"}},
		{"numbered", "UNC9999, TA999, Storm-9999 and FIN99", []string{"UNC9999", "TA999", "Storm-9999", "FIN99"}},
		{"a tactic is none", "TA0001 and TA0043", nil},
		{"part of a word", "Turlabad, XTurla, APT2800", nil},
		{"part of an address", "turla.example, Turla.example, /Turla/x, Turla@mail.example", nil},
		{"lower case", "the gamaredon of old", nil},
		{"in a heading", "# Gamaredon: tools", []string{"Gamaredon"}},
		{"possessive and bracket", "(Kimsuky's) [Worok]", []string{"APT43", "Worok"}},
		{"at the end", "by ToddyCat", []string{"ToddyCat"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Actors(tt.text); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestActorTable wants every name to be found by itself, as one actor.
func TestActorTable(t *testing.T) {
	t.Parallel()
	owner := map[string]string{}
	for _, names := range knownActors() {
		for _, n := range names {
			if other, twice := owner[n.written]; twice && other != n.kept {
				t.Errorf("%s stands for %s and for %s", n.written, other, n.kept)
			}
			owner[n.written] = n.kept
			if got := Actors("seen: " + n.written + ", again"); !slices.Equal(got, []string{n.kept}) {
				t.Errorf("%s: got %q, want %s", n.written, got, n.kept)
			}
		}
	}
	if len(owner) < 200 {
		t.Errorf("%d names", len(owner))
	}
}

func TestActorsAreBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := range 500 {
		b.WriteString("UNC" + strings.Repeat("1", 1+i%2) + string(rune('0'+i%10)) + string(rune('0'+i/10%10)) + " ")
	}
	if got := Actors(b.String()); len(got) > maxActors {
		t.Errorf("%d actors", len(got))
	}
}

func FuzzActors(f *testing.F) {
	f.Add("APT28 Lazarus Group\x00UNC")
	f.Fuzz(func(t *testing.T, text string) {
		for _, a := range Actors(text) {
			if a == "" || len(a) > 60 {
				t.Errorf("actor %q", a)
			}
		}
	})
}
