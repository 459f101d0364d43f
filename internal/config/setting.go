package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// EnvPrefix begins the name of every environment variable of a setting.
const EnvPrefix = "SPOOR_"

// Setting describes one field of Config.
type Setting struct {
	// Key is its name in the file, nested names joined by dots.
	Key string
	// Env is its environment variable, with the prefix.
	Env string
	// Flag is its command-line flag without dashes, or empty.
	Flag string
	// Doc says in one line what it does.
	Doc string
	// Kind is the word for its values: text, number, true/false, duration, list.
	Kind string
	// Default is the default value as text.
	Default string
	// OneOf are the allowed values, nil when any is.
	OneOf []string

	secret string
	index  []int
}

// Settings returns all settings in the order of Config.
func Settings() []Setting {
	c := Defaults()
	var all []Setting
	collect(reflect.ValueOf(c), Setting{Env: EnvPrefix}, &all)
	for i := range all {
		if all[i].Key == "data" {
			all[i].Default = "$XDG_DATA_HOME/spoor"
		}
	}
	return all
}

// collect walks a struct; outer holds the names and index that lead to it.
func collect(v reflect.Value, outer Setting, all *[]Setting) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		s := Setting{
			Key:   outer.Key + f.Tag.Get("yaml"),
			Env:   outer.Env + f.Tag.Get("env") + f.Tag.Get("envPrefix"),
			index: append(append([]int(nil), outer.index...), i),
		}
		if f.Type.Kind() == reflect.Struct {
			s.Key += "."
			collect(v.Field(i), s, all)
			continue
		}
		s.Flag, s.Doc, s.secret = f.Tag.Get("flag"), f.Tag.Get("doc"), f.Tag.Get("secret")
		s.Kind, s.Default = kind(v.Field(i)), text(v.Field(i))
		if one := f.Tag.Get("oneof"); one != "" {
			s.OneOf = strings.Split(one, ",")
		}
		*all = append(*all, s)
	}
}

// field returns the setting's field in c, which must be a pointer's target
// when it is to be set.
func (s Setting) field(c reflect.Value) reflect.Value { return c.FieldByIndex(s.index) }

func kind(v reflect.Value) string {
	switch v.Interface().(type) {
	case time.Duration:
		return "duration"
	case int:
		return "number"
	case bool:
		return "true/false"
	case []string:
		return "list"
	default:
		return "text"
	}
}

// text writes a value as the environment and flags would give it.
func text(v reflect.Value) string {
	switch x := v.Interface().(type) {
	case string:
		return x
	case bool:
		return strconv.FormatBool(x)
	case []string:
		return strings.Join(x, ",")
	default:
		return fmt.Sprint(x)
	}
}

// mask hides what must not be shown: the password of a store's address.
func (s Setting) mask(value string) string {
	if s.secret != "url" {
		return value
	}
	return MaskAddress(value)
}
