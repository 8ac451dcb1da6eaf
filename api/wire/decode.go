package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jeroboam-cloud/jeroboam"
)

// object reads the members of one JSON object with Magnum's coercions: null
// and "" are the same as absence, numbers and booleans may be strings. The
// first thing that is wrong stays in err.
type object struct {
	what    string // the argument's name in texts, e.g. "cluster"
	members map[string]any
	read    map[string]bool
	err     error
}

func decodeJSON(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "body", "Request is not in valid JSON format").Wrap(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "body", "Request is not in valid JSON format")
	}
	return v, nil
}

// decodeArgument decodes a body that must be there.
func decodeArgument(what string, body []byte) (any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "body", "Missing argument: %q", what)
	}
	return decodeJSON(body)
}

func readObject(what string, body []byte) (*object, error) {
	v, err := decodeArgument(what, body)
	if err != nil {
		return nil, err
	}
	members, ok := v.(map[string]any)
	if !ok {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "body", "The body must be a JSON object that describes the %s.", what)
	}
	return newObject(what, members), nil
}

func newObject(what string, members map[string]any) *object {
	return &object{what: what, members: members, read: map[string]bool{}}
}

// member returns the value, nil for null and absent, and marks it as known.
func (o *object) member(name string) any {
	o.read[name] = true
	v := o.members[name]
	if v == "" {
		return nil
	}
	return v
}

func (o *object) refuse(name string, value any, format string, args ...any) {
	if o.err == nil {
		o.err = invalidField(name, value, fmt.Sprintf(format, args...))
	}
}

func invalidField(name string, value any, why string) error {
	return jeroboam.Errorf(jeroboam.Invalid, name, "Invalid input for field/attribute %s. Value: '%s'. %s",
		name, shown(value), why)
}

// shown is a refused value as a person would recognise it.
func shown(value any) string {
	if value == nil {
		return "None"
	}
	if text, err := scalarText(value); err == nil {
		return clip(text)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return clip(string(data))
}

// text reads a string of 1 to most characters.
func (o *object) text(name string, most int) *string {
	v := o.member(name)
	if v == nil {
		return nil
	}
	s, ok := v.(string)
	switch {
	case !ok:
		o.refuse(name, v, "Value should be string")
	case utf8.RuneCountInString(s) > most:
		o.refuse(name, v, "Value should have a maximum character requirement of %d", most)
	case strings.ContainsRune(s, 0):
		o.refuse(name, "", "Value should not contain a NUL character")
	}
	return &s
}

// word reads one of the allowed strings.
func (o *object) word(name string, allowed ...string) *string {
	s := o.text(name, 255)
	if s != nil && !slices.Contains(allowed, *s) {
		o.refuse(name, *s, "Value should be one of: %s", strings.Join(allowed, ", "))
	}
	return s
}

// number reads an integer of at least least and at most most.
func (o *object) number(name string, least, most int) *int {
	v := o.member(name)
	if v == nil {
		return nil
	}
	n, ok := integer(v)
	switch {
	case !ok:
		o.refuse(name, v, "unable to convert to int.")
	case n < least:
		o.refuse(name, v, "Value should be greater or equal to %d", least)
	case n > most:
		o.refuse(name, v, "Value should be lower or equal to %d", most)
	}
	return &n
}

const anyInt = math.MaxInt32

func integer(v any) (int, bool) {
	text := ""
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	default:
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return int(n), err == nil
}

var (
	truths = []string{"true", "t", "yes", "y", "on", "1"}
	lies   = []string{"false", "f", "no", "n", "off", "0"}
)

// flag reads a boolean of three states: nil is not given.
func (o *object) flag(name string) *bool {
	v := o.member(name)
	if v == nil {
		return nil
	}
	b, ok := Bool(v)
	if !ok {
		o.refuse(name, v, "Value should be a boolean")
	}
	return &b
}

// Bool reads a JSON boolean or one of Magnum's words for it.
func Bool(v any) (value, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case json.Number:
		return v == "1", v == "1" || v == "0"
	case string:
		word := strings.ToLower(strings.TrimSpace(v))
		yes := slices.Contains(truths, word)
		return yes, yes || slices.Contains(lies, word)
	}
	return false, false
}

// labels reads an object of scalars; every value becomes a string as Python
// prints it. nil is not given, which differs from an empty object.
func (o *object) labels(name string) map[string]string {
	v := o.member(name)
	if v == nil {
		return nil
	}
	members, ok := v.(map[string]any)
	if !ok {
		o.refuse(name, v, "Value not a valid dict")
		return nil
	}
	out := make(map[string]string, len(members))
	for key, value := range members {
		text, err := scalarText(value)
		if err != nil {
			o.refuse(name, v, "The value of %q should be a string, a number or a boolean", clip(key))
		}
		out[key] = text
	}
	return out
}

// texts reads a list of strings.
func (o *object) texts(name string) []string {
	v := o.member(name)
	if v == nil {
		return nil
	}
	items, ok := v.([]any)
	if !ok {
		o.refuse(name, v, "Value should be a list of strings")
		return nil
	}
	out := make([]string, 0, len(items))
	for _, item := range items {
		s, ok := item.(string)
		if !ok {
			o.refuse(name, v, "Value should be a list of strings")
		}
		out = append(out, s)
	}
	return out
}

func (o *object) required(name string) {
	if v := o.members[name]; v == nil || v == "" {
		o.refuse(name, nil, "Mandatory field missing.")
	}
}

// ignored marks members that Magnum accepts and does nothing with.
func (o *object) ignored(names ...string) {
	for _, name := range names {
		o.read[name] = true
	}
}

func (o *object) readOnly(names ...string) {
	for _, name := range names {
		if v := o.member(name); v != nil {
			o.refuse(name, v, "Cannot set read only field.")
		}
	}
}

// done returns the first error; members nobody read are one.
func (o *object) done() error {
	if o.err != nil {
		return o.err
	}
	var unknown []string
	for name := range o.members {
		if !o.read[name] {
			unknown = append(unknown, clip(name))
		}
	}
	slices.Sort(unknown)
	switch len(unknown) {
	case 0:
		return nil
	case 1:
		return jeroboam.Errorf(jeroboam.Invalid, "attribute", "Unknown attribute for argument %s: %s", o.what, unknown[0])
	}
	return jeroboam.Errorf(jeroboam.Invalid, "attribute", "Unknown attributes for argument %s: %s",
		o.what, strings.Join(unknown, ", "))
}
