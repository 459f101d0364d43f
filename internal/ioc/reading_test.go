package ioc

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadings(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("ab", 16)
	tests := []struct {
		name, q string
		only    []Type
		want    []Reading
	}{
		{"address", "192[.]0[.]2[.]10", nil, []Reading{{IPv4, "192.0.2.10", "192.0.2.10"}}},
		{"domain", "EVIL.example", nil, []Reading{{Domain, "evil.example", "evil.example"}}},
		{"mapped address", "::ffff:192.0.2.1", nil, []Reading{{IPv4, "192.0.2.1", "192.0.2.1"}}},
		{"mapped address in brackets", "[::ffff:c000:201]", nil, []Reading{{IPv4, "192.0.2.1", "192.0.2.1"}}},
		{"md5", strings.ToUpper(hash), nil, []Reading{{MD5, hash, hash}}},
		{"e-mail", "User@evil.example", nil, []Reading{{Email, "user@evil.example", "user@evil.example"}}},
		{"cve", "cve-2024-3094", nil, []Reading{{CVE, "CVE-2024-3094", "cve-2024-3094"}}},
		{"technique", "t1059.001", nil, []Reading{{MITREAttack, "T1059.001", "t1059.001"}}},
		{"URL keeps the case of its path", "https://evil.example/Gate.php", nil, []Reading{
			{URL, "https://evil.example/Gate.php", "https://evil.example/gate.php"},
		}},
		{"URL without scheme", "evil.example/Gate", nil, []Reading{
			{URL, "http://evil.example/Gate", "http://evil.example/gate"},
			{URL, "https://evil.example/Gate", "https://evil.example/gate"},
		}},
		{"URL that names its host only", "hxxp://evil[.]example", nil, []Reading{
			{URL, "http://evil.example/", "http://evil.example/"},
			{Domain, "evil.example", "evil.example"},
		}},
		{"the same with a query", "http://evil.example/?x", nil, []Reading{
			{URL, "http://evil.example/?x", "http://evil.example/?x"},
		}},
		{"the same with a port and an address", "http://[2001:db8::1]:8080/", nil, []Reading{
			{URL, "http://[2001:db8::1]:8080/", "http://[2001:db8::1]:8080/"},
			{IPv6, "2001:db8::1", "2001:db8::1"},
		}},
		{"host and slash", "192.0.2.10/", nil, []Reading{
			{URL, "http://192.0.2.10/", "http://192.0.2.10/"},
			{URL, "https://192.0.2.10/", "https://192.0.2.10/"},
			{IPv4, "192.0.2.10", "192.0.2.10"},
		}},
		{"host and port", "evil.example:443", nil, []Reading{
			{Domain, "evil.example", "evil.example"},
			{URL, "http://evil.example:443/", "http://evil.example:443/"},
			{URL, "https://evil.example/", "https://evil.example/"},
		}},
		{"IPv6 address and port", "[2001:db8::1]:8443", nil, []Reading{
			{IPv6, "2001:db8::1", "2001:db8::1"},
			{URL, "http://[2001:db8::1]:8443/", "http://[2001:db8::1]:8443/"},
			{URL, "https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443/"},
		}},
		{"narrowed to the host", "http://evil.example/", []Type{Domain, IPv4}, []Reading{{Domain, "evil.example", "evil.example"}}},
		{"narrowed to another type", "192.0.2.10", []Type{SHA256}, nil},
		{"range", "203.0.113.0/24", nil, nil},
		{"bare path", "/gate.php", nil, nil},
		{"a word", "paypal", nil, nil},
		{"nothing", " \u200b", nil, nil},
		{"NUL", "evil\x00.example", nil, nil},
		{"invalid UTF-8", "evil.example/\xff", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, Readings(tt.q, tt.only...)); diff != "" {
				t.Errorf("Readings(%q, %v) (-want +got):\n%s", tt.q, tt.only, diff)
			}
		})
	}
}

func TestNeedle(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, q, want string }{
		{"case", "PayPal", "paypal"},
		{"case beyond ASCII", "BÜCHER", "bücher"},
		{"defanged piece", "[.]evil[.]Example", ".evil.example"},
		{"quotes", `"gate.php"`, "gate.php"},
		{"wildcards are literal", "100%_*a", "100%_*a"},
		{"scheme", "hxxps://Evil", "https://evil"},
		{"trailing punctuation", "evil.", "evil"},
		{"nothing left", "()", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := Needle(tt.q); got != tt.want {
				t.Errorf("Needle(%q) = %q, want %q", tt.q, got, tt.want)
			}
		})
	}
}
