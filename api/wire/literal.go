package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep a literal nests.
const maxDepth = 16

var errSyntax = errors.New("invalid syntax")

// ParseLiteral reads a Python literal as ast.literal_eval does: strings,
// numbers, True, False, None, and lists, tuples and dicts of them. JSON text is
// read too. The result has the types of a JSON decoder that uses json.Number.
func ParseLiteral(text string) (any, error) {
	p := &literal{rest: text}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.rest != "" {
		return nil, fmt.Errorf("%w at %q", errSyntax, clip(p.rest))
	}
	return v, nil
}

// literal is a parser; rest is what is still to be read.
type literal struct{ rest string }

func (p *literal) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *literal) take(c byte) bool {
	if p.space(); p.rest != "" && p.rest[0] == c {
		p.rest = p.rest[1:]
		return true
	}
	return false
}

func (p *literal) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("nested too deep")
	}
	p.space()
	if p.rest == "" {
		return nil, errSyntax
	}
	switch c := p.rest[0]; {
	case c == '{':
		return p.dict(depth)
	case c == '[':
		return p.list(depth, ']')
	case c == '(':
		return p.list(depth, ')')
	case c == '\'' || c == '"':
		return p.text()
	case c == '-' || c == '+' || c == '.' || c >= '0' && c <= '9':
		return p.number()
	}
	return p.word()
}

func (p *literal) dict(depth int) (any, error) {
	p.rest = p.rest[1:]
	out := map[string]any{}
	for !p.take('}') {
		key, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		name, err := scalarText(key)
		if err != nil {
			return nil, err
		}
		if !p.take(':') {
			return nil, errSyntax
		}
		if out[name], err = p.value(depth + 1); err != nil {
			return nil, err
		}
		if !p.take(',') && !strings.HasPrefix(p.rest, "}") {
			return nil, errSyntax
		}
	}
	return out, nil
}

func (p *literal) list(depth int, end byte) (any, error) {
	p.rest = p.rest[1:]
	out := []any{}
	for !p.take(end) {
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
		if !p.take(',') && !strings.HasPrefix(p.rest, string(end)) {
			return nil, errSyntax
		}
	}
	return out, nil
}

func (p *literal) number() (any, error) {
	end := strings.IndexFunc(p.rest, func(r rune) bool { return !strings.ContainsRune("+-.0123456789eE", r) })
	if end < 0 {
		end = len(p.rest)
	}
	text := strings.TrimPrefix(p.rest[:end], "+")
	p.rest = p.rest[end:]
	if _, err := strconv.ParseFloat(text, 64); err != nil {
		return nil, fmt.Errorf("%w: %q is no number", errSyntax, clip(text))
	}
	return json.Number(text), nil
}

var words = map[string]any{"True": true, "False": false, "None": nil, "true": true, "false": false, "null": nil}

func (p *literal) word() (any, error) {
	for word, v := range words {
		if rest, ok := strings.CutPrefix(p.rest, word); ok {
			p.rest = rest
			return v, nil
		}
	}
	if strings.HasPrefix(p.rest, "u'") || strings.HasPrefix(p.rest, `u"`) {
		p.rest = p.rest[1:]
		return p.text()
	}
	return nil, fmt.Errorf("%w at %q", errSyntax, clip(p.rest))
}

func (p *literal) text() (any, error) {
	quote := p.rest[0]
	p.rest = p.rest[1:]
	var out strings.Builder
	for p.rest != "" {
		c := p.rest[0]
		switch {
		case c == quote:
			p.rest = p.rest[1:]
			return out.String(), nil
		case c == '\n':
			return nil, errSyntax
		case c == '\\':
			if err := p.escape(&out); err != nil {
				return nil, err
			}
		default:
			out.WriteByte(c)
			p.rest = p.rest[1:]
		}
	}
	return nil, fmt.Errorf("%w: a string has no end", errSyntax)
}

var escapes = map[byte]string{'\\': "\\", '\'': "'", '"': `"`, '/': "/", 'a': "\a", 'b': "\b", 'f': "\f",
	'n': "\n", 'r': "\r", 't': "\t", 'v': "\v", '\n': ""}

var hexDigits = map[byte]int{'x': 2, 'u': 4, 'U': 8}

func (p *literal) escape(out *strings.Builder) error {
	if len(p.rest) < 2 {
		return errSyntax
	}
	c := p.rest[1]
	if plain, ok := escapes[c]; ok {
		out.WriteString(plain)
		p.rest = p.rest[2:]
		return nil
	}
	digits, ok := hexDigits[c]
	if !ok {
		// Python keeps a backslash that starts no escape.
		out.WriteByte('\\')
		p.rest = p.rest[1:]
		return nil
	}
	if len(p.rest) < 2+digits {
		return errSyntax
	}
	code, err := strconv.ParseUint(p.rest[2:2+digits], 16, 32)
	if err != nil || !utf8.ValidRune(rune(code)) {
		return fmt.Errorf("%w: bad escape", errSyntax)
	}
	out.WriteRune(rune(code))
	p.rest = p.rest[2+digits:]
	return nil
}

// scalarText is a scalar as Python's str() prints it.
func scalarText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		if v {
			return "True", nil
		}
		return "False", nil
	case json.Number:
		return numberText(v), nil
	}
	return "", errors.New("a string, a number or a boolean is needed")
}

func numberText(n json.Number) string {
	if !strings.ContainsAny(n.String(), ".eE") {
		return n.String()
	}
	f, err := n.Float64()
	if err != nil {
		return n.String()
	}
	text := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(text, ".einI") {
		text += ".0"
	}
	return text
}

// clip keeps an error's text short, whatever a client sent.
func clip(text string) string {
	const most = 100
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
