package config

import (
	"reflect"
	"strings"
)

// FeedSettings describes the fields of Feed, in order.
func FeedSettings() []Setting {
	t := reflect.TypeFor[Feed]()
	all := make([]Setting, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		s := Setting{Key: name, Doc: f.Tag.Get("doc"), index: []int{i}}
		switch f.Type.Kind() {
		case reflect.Pointer:
			s.Kind = "true/false"
		case reflect.Float64:
			s.Kind = "number"
		default:
			s.Kind = kind(reflect.Zero(f.Type))
		}
		all = append(all, s)
	}
	return all
}

// IsBare reports whether a feed has nothing but its name.
func IsBare(f Feed) bool {
	f.Name = ""
	return reflect.ValueOf(f).IsZero()
}

// Over returns base with what f sets.
func Over(base, f Feed) Feed {
	from, to := reflect.ValueOf(f), reflect.ValueOf(&base).Elem()
	for i := range from.NumField() {
		if v := from.Field(i); !v.IsZero() {
			to.Field(i).Set(v)
		}
	}
	return base
}
