package identity

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// The language of rules is oslo.policy's:
// https://docs.openstack.org/oslo.policy/latest/admin/policy-yaml-file.html
// It leaves out checks that ask a server (http:) and texts around a
// substitution, and refuses names that would never match anything.

// maxDepth bounds parentheses and "not"s in one another.
const maxDepth = 50

// parser reads one rule, a word at a time.
type parser struct {
	words []string
	depth int
}

// parse reads a rule. Errors say what is wrong in words that end a sentence.
func parse(text string) (check, error) {
	p := &parser{words: words(text)}
	if len(p.words) == 0 {
		return everybody, nil // as oslo.policy has it
	}
	c, err := p.either()
	if err != nil {
		return nil, err
	}
	if rest := p.peek(); rest != "" {
		return nil, fmt.Errorf("%q is out of place: \"and\" or \"or\" has to stand before it", rest)
	}
	return c, nil
}

// words splits at white space; parentheses at the ends of a word are words.
func words(text string) []string {
	var out []string
	for _, word := range strings.Fields(text) {
		for strings.HasPrefix(word, "(") {
			out, word = append(out, "("), word[1:]
		}
		closing := 0
		for strings.HasSuffix(word, ")") {
			closing, word = closing+1, word[:len(word)-1]
		}
		if word != "" {
			out = append(out, word)
		}
		out = append(out, slices.Repeat([]string{")"}, closing)...)
	}
	return out
}

// peek returns the next word in the case that operators have, "" at the end.
func (p *parser) peek() string {
	if len(p.words) == 0 {
		return ""
	}
	if low := strings.ToLower(p.words[0]); low == "and" || low == "or" || low == "not" {
		return low
	}
	return p.words[0]
}

func (p *parser) next() string {
	word := p.peek()
	if len(p.words) > 0 {
		p.words = p.words[1:]
	}
	return word
}

func (p *parser) either() (check, error) {
	parts, err := p.chain("or", p.both)
	if len(parts) == 1 || err != nil {
		return first(parts), err
	}
	return anyOf(parts), nil
}

func (p *parser) both() (check, error) {
	parts, err := p.chain("and", p.one)
	if len(parts) == 1 || err != nil {
		return first(parts), err
	}
	return allOf(parts), nil
}

// chain reads operands between operators.
func (p *parser) chain(operator string, operand func() (check, error)) ([]check, error) {
	var parts []check
	for {
		part, err := operand()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if p.peek() != operator {
			return parts, nil
		}
		p.next()
	}
}

func first(parts []check) check {
	if len(parts) == 0 {
		return nil
	}
	return parts[0]
}

func (p *parser) one() (check, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, fmt.Errorf("it nests deeper than %d levels", maxDepth)
	}
	switch word := p.next(); word {
	case "":
		return nil, fmt.Errorf("it ends where a check has to follow")
	case "and", "or", ")":
		return nil, fmt.Errorf("%q stands where a check has to", word)
	case "not":
		c, err := p.one()
		return negation{c}, err
	case "(":
		c, err := p.either()
		if err == nil && p.next() != ")" {
			err = fmt.Errorf("a parenthesis is not closed")
		}
		return c, err
	case "@":
		return everybody, nil
	case "!":
		return nobody, nil
	default:
		return parseCheck(word)
	}
}

// parseCheck reads one "kind:value".
func parseCheck(word string) (check, error) {
	if strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return nil, fmt.Errorf("%q holds what cannot be printed", word)
	}
	kind, value, found := strings.Cut(word, ":")
	if !found || kind == "" || value == "" {
		return nil, fmt.Errorf("%q is not of the form kind:value", word)
	}
	if kind == "http" || kind == "https" {
		return nil, fmt.Errorf("checks that ask a server (%s:) are not supported", kind)
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(value, "%("), ")s")
	if strings.ContainsAny(kind+bare, "()") {
		return nil, fmt.Errorf("a parenthesis in %q needs white space around it", word)
	}
	switch kind {
	case "role":
		return role(value), refuseSubstitution(kind, value)
	case "rule":
		return reference(value), refuseSubstitution(kind, value)
	case "is_admin":
		return parseIsAdmin(value)
	}
	if _, known := callerAttributes[kind]; !known {
		return nil, fmt.Errorf("there is no check %q; there are role, rule, is_admin, %s", kind, strings.Join(names(callerAttributes), ", "))
	}
	return parseMatch(kind, value)
}

func parseIsAdmin(value string) (check, error) {
	switch strings.ToLower(value) {
	case "true", "1":
		return reference(ruleAdmin), nil
	case "false", "0":
		return negation{reference(ruleAdmin)}, nil
	}
	return nil, fmt.Errorf("is_admin is True or False, not %q", value)
}

func parseMatch(kind, value string) (check, error) {
	inner, substituted := strings.CutPrefix(value, "%(")
	if !substituted {
		return match{attribute: kind, literal: value}, refuseSubstitution(kind, value)
	}
	name, closed := strings.CutSuffix(inner, ")s")
	if !closed {
		return nil, fmt.Errorf("%q is not of the form %%(name)s", value)
	}
	if _, known := targetAttributes[name]; !known {
		return nil, fmt.Errorf("objects have no attribute %q; they have %s", name, strings.Join(names(targetAttributes), ", "))
	}
	return match{attribute: kind, target: name}, nil
}

func refuseSubstitution(kind, value string) error {
	if strings.Contains(value, "%(") {
		return fmt.Errorf("%s: takes no %%(name)s within %q", kind, value)
	}
	return nil
}
