package config

import "reflect"

// Effective is one setting as it is now.
type Effective struct {
	Setting
	// Value is the value as text, with secrets masked.
	Value string
	// Origin is "default", FILE:LINE, or the variable or flag that set it.
	Origin string
}

// Explain returns every setting with its value and where that came from, in
// the order of Config.
func (l *Loaded) Explain() []Effective {
	settings := Settings()
	out := make([]Effective, 0, len(settings))
	for _, s := range settings {
		value := s.mask(text(s.field(reflect.ValueOf(l.Config))))
		out = append(out, Effective{Setting: s, Value: value, Origin: l.Origin(s.Key)})
	}
	return out
}

// Origin says where the setting's value came from.
func (l *Loaded) Origin(key string) string {
	if o, ok := l.origin[key]; ok {
		return o
	}
	return "default"
}
