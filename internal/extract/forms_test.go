package extract

import (
	"strings"
	"testing"

	"spoor/internal/ioc"
)

// dotForms and schemeForms are the spellings of contract section 2.1.
//
//nolint:gochecknoglobals // read-only tables
var (
	dotForms    = []string{"[.]", "(.)", "{.}", "[dot]", "(dot)", "{dot}", "[DOT]", "[ . ]", "[ dot ]", `\.`, "。", "．", "[。]", "[.", ".]"}
	schemeForms = []string{
		"hxxp://", "hXXp://", "HXXP://", "hxtp://", "htxp://", "h**p://", "h__p://", "meow://", "http[:]//", "hxxp[:]//",
		"http[://]", "hxxp[://]", "hxxp(:)//", `hxxp:\\`, `http[:]\\`, "hxxp{:}//", "hxxp[:][/][/]",
	}
	atForms = []string{"[at]", "(at)", "{at}", "[@]", "(@)", "[AT]", " [at] ", " (at) ", "@"}
)

// places are where a value stands; %s is the value.
//
//nolint:gochecknoglobals // read-only table
var places = map[string]string{
	"alone":          "%s",
	"sentence":       "The server is %s, they say.",
	"sentence end":   "The server is %s.",
	"question":       "Is it %s?",
	"quotes":         `The server is "%s".`,
	"single quotes":  "The server is '%s'.",
	"curly quotes":   "The server is “%s”.",
	"backticks":      "The server is `%s`, and.",
	"brackets":       "The server (%s) answers.",
	"square":         "The server [%s] answers.",
	"angle":          "The server <%s> answers.",
	"emphasis":       "The server **%s** answers.",
	"list":           "- %s\n- x",
	"list, comma":    "%s, 1\n",
	"semicolons":     "a; %s; b",
	"slashes":        "a / %s / b",
	"table":          "| a | %s | b |",
	"table, tight":   "|a|%s|b|",
	"tabs":           "a\t%s\tb",
	"colon":          "C2: %s",
	"equals":         "c2=%s",
	"arrow":          "a -> %s",
	"code":           "```\n%s\n```",
	"passthrough":    "- `++%s++`",
	"German quotes":  "Der Server „%s“ antwortet.",
	"Chinese":        "服务器（%s）响应",
	"bullet":         "• %s",
	"numbered":       "1. %s",
	"HTML left over": "<td>%s</td>",
	"line break":     "The server is\n%s\nand more",
}

// wantOne fails the test if the text has not exactly the value.
func wantOne(t *testing.T, text string, typ ioc.Type, value string) {
	t.Helper()
	found, err := Text(t.Context(), text, Options{})
	if err != nil {
		t.Fatalf("Text: %v", err)
	}
	if len(found) != 1 || found[0].Indicator.Type != typ || found[0].Indicator.Value != value || !found[0].Defanged {
		t.Errorf("Text(%q) = %v; want %s %s", text, values(found), typ, value)
	}
}

// TestFormsInPlaces holds every spelling of a defanged value to its meaning in
// every place.
func TestFormsInPlaces(t *testing.T) {
	t.Parallel()
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, dot := range dotForms {
				if dot == "。" || dot == "．" {
					continue // plain in prose: they end sentences
				}
				wantOne(t, strings.Replace(place, "%s", "bad"+dot+"host"+dot+"example", 1), ioc.Domain, "bad.host.example")
				wantOne(t, strings.Replace(place, "%s", "bad.host"+dot+"example", 1), ioc.Domain, "bad.host.example")
				wantOne(t, strings.Replace(place, "%s", "192"+dot+"0"+dot+"2"+dot+"99", 1), ioc.IPv4, "192.0.2.99")
				wantOne(t, strings.Replace(place, "%s", "192.0.2"+dot+"99:8080", 1), ioc.IPv4, "192.0.2.99")
				wantOne(t, strings.Replace(place, "%s", "hxxps://bad"+dot+"example:8443/a.php?b=c&d", 1), ioc.URL, "https://bad.example:8443/a.php?b=c&d")
				for _, at := range atForms {
					wantOne(t, strings.Replace(place, "%s", "joe.doe"+at+"bad"+dot+"example", 1), ioc.Email, "joe.doe@bad.example")
				}
			}
			for _, scheme := range schemeForms {
				wantOne(t, strings.Replace(place, "%s", scheme+"bad.example/x/y.z", 1), ioc.URL, "http://bad.example/x/y.z")
				wantOne(t, strings.Replace(place, "%s", scheme+"192.0.2[.]9:81", 1), ioc.URL, "http://192.0.2.9:81/")
			}
		})
	}
}

// TestFormsAcrossTags is the same for marks that tags of HTML take apart.
func TestFormsAcrossTags(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		`bad<b>[.]</b>example`, `<span>bad</span>[<i>.</i>]<span>example</span>`, `bad[<wbr>.<wbr>]example`,
		`bad&#91;.&#93;example`, `bad<!-- -->[.]example`, `<a href="#">bad[.]example</a>`, `bad&shy;[.]exam&#8203;ple`,
		"<td><p>bad<code>[.]</code>example</p></td>", "<pre>bad<em>[.]</em>example</pre>", "<li>bad[<strong>dot</strong>]example",
	} {
		doc := render(t, source, HTML)
		wantOne(t, doc.Text, ioc.Domain, "bad.example")
	}
}

// TestLiveInSections is the same for values that are not defanged, in a
// section about indicators.
func TestLiveInSections(t *testing.T) {
	t.Parallel()
	values := map[string]ioc.Type{
		"bad.host.example": ioc.Domain, "192.0.2.99": ioc.IPv4, "2001:db8::99": ioc.IPv6,
		"https://bad.example:8443/a.php?b=c&d": ioc.URL, "joe.doe@bad.example": ioc.Email,
		"0123456789abcdef0123456789abcdef": ioc.MD5, "0123456789abcdef0123456789abcdef01234567": ioc.SHA1,
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for value, typ := range values {
				text := "# A report\n\n## Network indicators\n\n" + strings.Replace(place, "%s", value, 1)
				found, err := Text(t.Context(), text, Options{})
				if err != nil || len(found) != 1 || found[0].Indicator.Type != typ || found[0].Indicator.Value != value ||
					found[0].Defanged || !found[0].Listed {
					t.Errorf("Text(%q) = %+v, %v; want %s %s", text, found, err, typ, value)
				}
			}
		})
	}
}
