package ioc

import (
	"strings"
	"testing"
)

// benchValues gives one canonical ASCII value of each type, in contract order.
func benchValues() []Indicator {
	hex := "0123456789abcdef"
	values := []string{
		"192.0.2.10", "2001:db8:0:1::42", "gate.update-check.evil.example",
		"https://cdn.evil.example:8443/wp-content/uploads/2026/05/invoice.php?id=42&ref=mail",
		strings.Repeat(hex, 2), strings.Repeat(hex, 3)[:40], strings.Repeat(hex, 4), strings.Repeat(hex, 8),
		"billing@mail.evil.example", "CVE-2024-3094", "T1059.001",
	}
	all := make([]Indicator, 0, len(values))
	for i, t := range Types() {
		all = append(all, Indicator{Type: t, Value: values[i]})
	}
	return all
}

// BenchmarkNormalise times canonical ASCII input by type (bars.md: 2 µs and two
// allocations, aim 0.5 µs and none), then defanged and other spellings.
func BenchmarkNormalise(b *testing.B) {
	for _, v := range benchValues() {
		benchNormalise(b, v.Type.String(), v.Type, v.Value)
	}
	for _, v := range benchValues() {
		if defanged := Defang(v.Type, v.Value); defanged != v.Value {
			benchNormalise(b, v.Type.String()+"/defanged", v.Type, defanged)
		}
	}
	benchNormalise(b, "sha256/upper", SHA256, strings.ToUpper(benchValues()[6].Value))
	benchNormalise(b, "ipv4/port", IPv4, "192.0.2.10:443")
	benchNormalise(b, "domain/upper", Domain, "Gate.Update-Check.EVIL.example")
	benchNormalise(b, "domain/unicode", Domain, "bücher.example")
	benchNormalise(b, "url/no_path", URL, "http://192.0.2.10")
	benchNormalise(b, "url/no_scheme", URL, "evil.example/wp-content/gate.php")
	benchNormalise(b, "url/mixed_case", URL, "https://evil.example/Gate/Login.PHP?Id=7")
	benchNormalise(b, "url/escapes", URL, "http://evil.example/a%2eb/%7euser/x?q=%c3%bc")
	benchNormalise(b, "url/whole_parser", URL, "http://evil.example/a/../x y?q=ü")
}

func benchNormalise(b *testing.B, name string, t Type, raw string) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Normalise(t, raw); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkIdentify times input whose type is not named.
func BenchmarkIdentify(b *testing.B) {
	inputs := benchValues()
	inputs = append(inputs, Indicator{Value: "192.0.2.10:443"}, Indicator{Value: "hxxp://evil[.]example/a"})
	for _, v := range inputs {
		name := v.Type.String()
		if !v.Type.Valid() {
			name = v.Value
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Identify(v.Value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("refused_path", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Identify("/wp-content/gate.php"); err == nil {
				b.Fatal("a bare path was accepted")
			}
		}
	})
}

// BenchmarkReadings times what every search does first.
func BenchmarkReadings(b *testing.B) {
	for _, q := range []string{"192.0.2.10", "evil.example", "evil.example/gate.php", "paypal"} {
		b.Run(q, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = Readings(q)
			}
		})
	}
}
