package api_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/api/openapi"
)

const preface = `# API reference

Made from the OpenAPI document that the service answers at ` + "`GET /v1/openapi.json`" + `; do not edit it:
` + "`go test ./api -run ThePage -update`" + ` writes it. [Compatibility](compatibility.md) tells where it differs from Magnum.

Every request but those marked *public* carries a token of the Keystone v3 API in ` + "`X-Auth-Token`" + `. The microversion
is asked for in ` + "`OpenStack-API-Version: container-infra 1.N`" + ` and is 1.1 without it.
`

// page is the document as Markdown.
func page(d openapi.Document) string {
	var out strings.Builder
	out.WriteString(preface)
	byTag := map[string][]string{}
	for path, verbs := range d.Paths {
		for verb, o := range verbs {
			byTag[o.Tags[0]] = append(byTag[o.Tags[0]], row(path, verb, o))
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(byTag)) {
		slices.Sort(byTag[tag])
		fmt.Fprintf(&out, "\n## %s\n\n| route | what | takes | answers | refuses |\n|---|---|---|---|---|\n%s", tag, strings.Join(byTag[tag], ""))
	}
	out.WriteString("\n## Bodies\n\nA member with * is always there.\n")
	for _, name := range slices.Sorted(maps.Keys(d.Components.Schemas)) {
		fmt.Fprintf(&out, "\n### %s\n\n", name)
		s := d.Components.Schemas[name]
		for _, member := range slices.Sorted(maps.Keys(s.Properties)) {
			star := ""
			if slices.Contains(s.Required, member) {
				star = "*"
			}
			fmt.Fprintf(&out, "- `%s`%s: %s\n", member, star, words(s.Properties[member]))
		}
	}
	return out.String()
}

func row(path, verb string, o openapi.Operation) string {
	var args, answers, refuses []string
	if o.Body != nil {
		args = append(args, words(o.Body.Content["application/json"].Schema))
	}
	for _, p := range o.Parameters {
		switch {
		case p.In == "query":
			args = append(args, "`"+p.Name+"`")
		case p.In == "header" && p.Required:
			args = append(args, strings.Split(strings.TrimPrefix(p.Description, "A microversion, "), ":")[0])
		}
	}
	for _, status := range slices.Sorted(maps.Keys(o.Responses)) {
		if status >= "400" {
			refuses = append(refuses, status)
			continue
		}
		answers = append(answers, status)
		for _, kind := range slices.Sorted(maps.Keys(o.Responses[status].Content)) {
			said := kind
			if kind == "application/json" {
				said = words(o.Responses[status].Content[kind].Schema)
			}
			answers = append(answers, said)
		}
	}
	summary := o.Summary
	if o.Security != nil {
		summary += " (*public*)"
	}
	return fmt.Sprintf("| `%s %s` | %s | %s | %s | %s |\n", strings.ToUpper(verb), path, summary,
		strings.Join(args, ", "), strings.Join(answers, " "), strings.Join(refuses, " "))
}

// words is a schema in a few of them.
func words(s *openapi.Schema) string {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return fmt.Sprintf("[%s](#%s)", name, strings.ToLower(name))
	}
	if len(s.AnyOf) > 0 {
		var all []string
		for _, one := range s.AnyOf {
			all = append(all, words(one))
		}
		return strings.Join(all, " or ")
	}
	if s.Type == nil {
		return "anything"
	}
	text := strings.Join(types(s), " or ")
	if s.Format != "" {
		text += " (" + s.Format + ")"
	}
	if s.Items != nil {
		text += " of " + words(s.Items)
	}
	if values, ok := s.Additional.(*openapi.Schema); ok {
		text += " of " + words(values)
	}
	return text
}
