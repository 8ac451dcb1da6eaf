// Package openapi describes an HTTP API as an OpenAPI 3.1 document
// (https://spec.openapis.org/oas/v3.1.1): as much of it as this API needs.
// Schemas of bodies are read off Go types, so that they cannot differ from them.
package openapi

// Document is a whole description.
type Document struct {
	OpenAPI    string                `json:"openapi"` // "3.1.1"
	Info       Info                  `json:"info"`
	Paths      map[string]Path       `json:"paths"`
	Components Components            `json:"components"`
	Security   []map[string][]string `json:"security"`
}

// Info is about the API as a whole.
type Info struct {
	Title       string `json:"title"`
	Description string `json:"description"`
	Version     string `json:"version"`
}

// Path is the operations of a path by verb in small letters.
type Path map[string]Operation

// Operation is one verb of one path.
type Operation struct {
	Summary    string                `json:"summary"`
	ID         string                `json:"operationId"`
	Tags       []string              `json:"tags"`
	Parameters []Parameter           `json:"parameters,omitempty"`
	Body       *Body                 `json:"requestBody,omitempty"`
	Responses  map[string]Response   `json:"responses"`          // by status
	Security   []map[string][]string `json:"security,omitempty"` // [{}]: none is needed
}

// Parameter is a part of the path, an argument of the query or a header.
type Parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"` // "path", "query" or "header"
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *Schema `json:"schema"`
}

// Body is what a request carries.
type Body struct {
	Required bool               `json:"required"`
	Content  map[string]Content `json:"content"` // by media type
}

// Response is one answer.
type Response struct {
	Description string             `json:"description"`
	Content     map[string]Content `json:"content,omitempty"` // by media type
}

// Content is a body of one media type.
type Content struct {
	Schema *Schema `json:"schema"`
}

// Components are the parts that others refer to by name.
type Components struct {
	Schemas         map[string]*Schema        `json:"schemas"`
	SecuritySchemes map[string]SecurityScheme `json:"securitySchemes"`
}

// SecurityScheme is a way to say who is calling.
type SecurityScheme struct {
	Type        string `json:"type"`
	In          string `json:"in"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// JSON is content of the one media type that this API mostly speaks.
func JSON(s *Schema) map[string]Content {
	return map[string]Content{"application/json": {Schema: s}}
}
