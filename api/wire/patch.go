package wire

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// maxChanges bounds the operations of one patch.
const maxChanges = 500

// Patch is a checked JSON Patch in Magnum's dialect: paths of one or two
// segments, scalar values, and whole maps given as Python literals.
type Patch []Change

// Change is one operation of a patch, as a client writes it.
type Change struct {
	Op    string `json:"op"` // add, replace or remove
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// patchRules says what of a resource may be patched.
type patchRules struct {
	internal  []string // never
	mandatory []string // not removed
	literals  []string // maps and lists, given as the text of a literal
}

var (
	patchPath = regexp.MustCompile(`^(/[\w-]+)+$`)
	patchOps  = []string{"add", "remove", "replace"}
	// internalPaths are closed in every resource.
	internalPaths = []string{"created_at", "id", "links", "updated_at", "uuid", "project_id", "user_id"}
)

// decodePatch checks everything that needs no knowledge of the object.
func decodePatch(body []byte, rules patchRules) (Patch, error) {
	v, err := decodeArgument("patch", body)
	if err != nil {
		return nil, err
	}
	items, ok := v.([]any)
	switch {
	case !ok:
		return nil, invalidField("patch", v, "Value not a valid list")
	case len(items) > maxChanges:
		return nil, jeroboam.Errorf(jeroboam.Invalid, "patch", "The patch has more than %d operations.", maxChanges)
	}
	patch := make(Patch, 0, len(items))
	for _, item := range items {
		c, err := decodeChange(item, rules)
		if err != nil {
			return nil, err
		}
		patch = append(patch, c)
	}
	return patch, nil
}

func decodeChange(item any, rules patchRules) (Change, error) {
	members, ok := item.(map[string]any)
	if !ok {
		return Change{}, jeroboam.Errorf(jeroboam.Invalid, "patch", "An operation must be a JSON object with op, path and value.")
	}
	o := newObject("patch", members)
	o.ignored("op", "path", "value")
	o.required("path")
	o.required("op")
	if err := o.done(); err != nil {
		return Change{}, err
	}
	op, _ := members["op"].(string)
	path, _ := members["path"].(string)
	c := Change{Op: op, Path: path, Value: members["value"]}
	if !slices.Contains(patchOps, op) {
		return c, invalidField("op", members["op"], "Value should be one of: add, remove, replace")
	}
	if !patchPath.MatchString(path) {
		return c, invalidField("path", members["path"], `Value should match the pattern ^(/[\w-]+)+$`)
	}
	return c, checkChange(c, rules)
}

func checkChange(c Change, rules patchRules) error {
	name := c.names()[0]
	if slices.Contains(internalPaths, name) || slices.Contains(rules.internal, name) {
		return jeroboam.Errorf(jeroboam.Invalid, name, "'/%s' is an internal attribute and can not be updated", name)
	}
	if c.Op == "remove" {
		if slices.Contains(rules.mandatory, name) && len(c.names()) == 1 {
			return jeroboam.Errorf(jeroboam.Invalid, name, "'/%s' is a mandatory attribute and can not be removed", name)
		}
		return nil
	}
	if c.Value == nil {
		return jeroboam.Errorf(jeroboam.Invalid, name, "'add' and 'replace' operations needs value")
	}
	switch v := c.Value.(type) {
	case string, bool:
		return nil
	case json.Number:
		if _, ok := integer(v); ok {
			return nil
		}
	}
	return invalidField("value", c.Value, "Wrong type. Expected a string, an integer or a boolean.")
}

// names are the segments of the path.
func (c Change) names() []string { return strings.Split(c.Path[1:], "/") }

// apply returns doc changed by the patch; doc itself is left as it is. A nil
// member is one that exists and is null.
func (p Patch) apply(doc map[string]any, rules patchRules) (map[string]any, error) {
	doc = maps.Clone(doc)
	for _, c := range p {
		names := c.names()
		var err error
		switch {
		case len(names) == 1:
			err = c.applyTop(doc, names[0], rules)
		case len(names) == 2 && slices.Contains(rules.literals, names[0]):
			err = c.applyKey(doc, names[0], names[1])
		default:
			err = c.cannot("can't %s a non-existent object '%s'", c.Op, names[len(names)-1])
		}
		if err != nil {
			return nil, err
		}
	}
	return doc, nil
}

func (c Change) cannot(format string, args ...any) error {
	return jeroboam.Errorf(jeroboam.Invalid, "patch", "Couldn't apply patch '[%s %s]'. Reason: %s",
		c.Op, clip(c.Path), fmt.Sprintf(format, args...))
}

func (c Change) applyTop(doc map[string]any, name string, rules patchRules) error {
	old, exists := doc[name]
	switch {
	case !exists && c.Op == "add":
		return jeroboam.Errorf(jeroboam.Invalid, "patch",
			"Adding a new attribute /%s to the root of the resource is not allowed.", clip(name))
	case !exists:
		return c.cannot("can't %s a non-existent object '%s'", c.Op, clip(name))
	case c.Op == "add" && !isNull(old):
		return jeroboam.Errorf(jeroboam.Invalid, "patch",
			"The attribute /%s has existed, please use 'replace' operation instead.", name)
	case c.Op == "remove":
		doc[name] = nil
		return nil
	}
	text, isText := c.Value.(string)
	if !isText || !slices.Contains(rules.literals, name) {
		doc[name] = c.Value
		return nil
	}
	v, err := ParseLiteral(text)
	if err != nil {
		return c.cannot("%v", err)
	}
	doc[name] = v
	return nil
}

// isNull tells whether "add" may set the attribute. Terraform and Horizon add
// to empty maps.
func isNull(v any) bool {
	if m, ok := v.(map[string]any); ok {
		return len(m) == 0
	}
	return v == nil
}

func (c Change) applyKey(doc map[string]any, name, key string) error {
	old, ok := doc[name].(map[string]any)
	if !ok && doc[name] != nil {
		return c.cannot("'%s' is not a map", name)
	}
	if _, exists := old[key]; !exists && c.Op != "add" {
		return c.cannot("can't %s a non-existent object '%s'", c.Op, clip(key))
	}
	changed := maps.Clone(old)
	if changed == nil {
		changed = map[string]any{}
	}
	if c.Op == "remove" {
		delete(changed, key)
	} else {
		changed[key] = c.Value
	}
	doc[name] = changed
	return nil
}

// document turns labels into what a patch works on.
func document(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}
