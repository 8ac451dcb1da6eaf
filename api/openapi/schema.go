package openapi

import (
	"fmt"
	"reflect"
	"strings"
)

// Schema is a JSON Schema of draft 2020-12: a reference, or a type.
type Schema struct {
	Ref        string             `json:"$ref,omitempty"`
	Type       any                `json:"type,omitempty"` // a name, or names of which null is one
	Format     string             `json:"format,omitempty"`
	Items      *Schema            `json:"items,omitempty"`
	Properties map[string]*Schema `json:"properties,omitempty"`
	Required   []string           `json:"required,omitempty"`
	// Additional is false for an object of known members and the schema of the
	// values for one of any.
	Additional any       `json:"additionalProperties,omitempty"`
	AnyOf      []*Schema `json:"anyOf,omitempty"`
}

const refPrefix = "#/components/schemas/"

// Schemas collects the schemas of named struct types while they are used.
type Schemas struct {
	Named map[string]*Schema
	// Special are types that write themselves otherwise than their fields say.
	Special map[reflect.Type]*Schema
}

// Of is the schema of t as encoding/json writes it.
func (s *Schemas) Of(t reflect.Type) *Schema {
	if special, ok := s.Special[t]; ok {
		return special
	}
	switch t.Kind() {
	case reflect.String:
		return &Schema{Type: "string"}
	case reflect.Bool:
		return &Schema{Type: "boolean"}
	case reflect.Int, reflect.Int64:
		return &Schema{Type: "integer"}
	case reflect.Pointer:
		return orNull(s.Of(t.Elem()))
	case reflect.Slice:
		return &Schema{Type: "array", Items: s.Of(t.Elem())}
	case reflect.Map:
		return &Schema{Type: "object", Additional: s.Of(t.Elem())}
	case reflect.Struct:
		return s.named(t)
	case reflect.Interface:
		return &Schema{}
	}
	panic(fmt.Sprintf("openapi: no schema for %s", t))
}

// orNull lets a schema be null as well.
func orNull(s *Schema) *Schema {
	if name, plain := s.Type.(string); plain {
		nullable := *s
		nullable.Type = []string{name, "null"}
		return &nullable
	}
	return &Schema{AnyOf: []*Schema{s, {Type: "null"}}}
}

// named keeps the schema of a struct under its name and refers to it.
func (s *Schemas) named(t reflect.Type) *Schema {
	if t.Name() == "" {
		return s.object(t)
	}
	if s.Named[t.Name()] == nil {
		s.Named[t.Name()] = &Schema{} // a type may contain itself
		*s.Named[t.Name()] = *s.object(t)
	}
	return &Schema{Ref: refPrefix + t.Name()}
}

func (s *Schemas) object(t reflect.Type) *Schema {
	o := &Schema{Type: "object", Properties: map[string]*Schema{}, Additional: false}
	s.fields(t, o)
	return o
}

// fields adds the members of t to o; those of embedded structs are its own.
func (s *Schemas) fields(t reflect.Type, o *Schema) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			s.fields(f.Type, o)
			continue
		case !f.IsExported() || name == "-" || name == "":
			continue
		}
		o.Properties[name] = s.Of(f.Type)
		if nilable := f.Type.Kind() == reflect.Slice || f.Type.Kind() == reflect.Map; nilable && options == "" {
			o.Properties[name] = orNull(o.Properties[name])
		}
		if options == "" {
			o.Required = append(o.Required, name)
		}
	}
}
