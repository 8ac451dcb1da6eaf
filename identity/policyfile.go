package identity

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/jeroboam-cloud/jeroboam"
)

// reader reads one file into a policy and collects what is wrong with it.
type reader struct {
	*Policy
	file     string
	override bool
	errs     []error
}

// read adds the rules of a file and checks that the whole holds together.
func (p *Policy) read(file string, text []byte, override bool) error {
	r := &reader{Policy: p, file: file, override: override}
	var document, another yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(text))
	if err := documents.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return badPolicy("%s is not YAML.", file).WithRemedy("Correct it: %s.", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(document.Content) > 0 {
		r.rulesOf(document.Content[0])
	}
	if err := documents.Decode(&another); !errors.Is(err, io.EOF) {
		r.wrong(another.Line, "Put all rules into one.", "a second YAML document begins, or what follows is not YAML.")
	}
	if len(r.errs) == 0 {
		r.references()
	}
	return errors.Join(r.errs...)
}

// wrong notes an error of a line with what to do about it.
func (r *reader) wrong(line int, remedy, format string, args ...any) {
	where := fmt.Sprintf("%s, line %d: ", r.file, line)
	r.errs = append(r.errs, badPolicy("%s", where+fmt.Sprintf(format, args...)).WithRemedy("%s", remedy))
}

func badPolicy(format string, args ...any) *jeroboam.Error {
	return jeroboam.Errorf(jeroboam.Invalid, "policy-file", format, args...)
}

func (r *reader) rulesOf(top *yaml.Node) {
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return // nothing but comments
	}
	if top.Kind != yaml.MappingNode {
		r.wrong(top.Line, `Write one rule on a line: cluster:create: "role:member".`, "the file does not consist of rules.")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, value := top.Content[i], top.Content[i+1]
		if before := seen[key.Value]; before > 0 {
			r.wrong(key.Line, "Keep one of the two.", "the rule %s stands in line %d already.", key.Value, before)
			continue
		}
		seen[key.Value] = key.Line
		r.rule(key, value)
	}
}

func (r *reader) rule(key, value *yaml.Node) {
	name := key.Value
	if _, known := r.rules[name]; r.override && !known && !r.mayAdd(key) {
		return
	}
	if value.Kind != yaml.ScalarNode || value.Tag != "!!str" {
		r.wrong(value.Line, `Write it as text in quotes: "role:member and project_id:%(project_id)s", "@" for everybody, "!" for nobody.`,
			"the rule %s is not text.", name)
		return
	}
	parsed, err := parse(value.Value)
	if err != nil {
		r.wrong(value.Line, "Correct the rule; docs/identity.md shows the language.", "the rule %s: %v.", name, err)
		return
	}
	if _, known := r.rules[name]; !known {
		r.order = append(r.order, name)
	}
	r.rules[name] = rule{check: parsed, text: strings.Join(strings.Fields(value.Value), " "), line: value.Line, override: r.override}
}

var ruleName = regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`)

// mayAdd lets a file add helpers, and no action: it would never be asked for.
func (r *reader) mayAdd(key *yaml.Node) bool {
	switch name := key.Value; {
	case name == "default":
		r.wrong(key.Line, "Remove it: every action has a rule of its own, and what has none is allowed to nobody.", "the rule default has no effect here.")
	case !ruleName.MatchString(name):
		r.wrong(key.Line, "Name it with letters, digits and underscores.", "%q is no name of a rule.", name)
	case !isHelper(name):
		r.wrong(key.Line, "Remove it, or correct its name: the nearest is "+nearest(name, r.Rules())+".", "there is no action %q.", name)
	default:
		return true
	}
	return false
}

// references refuses rules that refer to what is not there, or to themselves.
func (r *reader) references() {
	for _, name := range r.order {
		here := r.rules[name]
		for _, to := range references(here.check) {
			if _, ok := r.rules[to]; !ok {
				r.wrong(here.line, "Define it in the file, or correct its name: the nearest is "+nearest(to, r.order)+".",
					"the rule %s refers to %q, which does not exist.", name, to)
			}
		}
	}
	innocent := map[string]bool{}
	for _, name := range r.order {
		if path := r.circle(name, nil, innocent); len(path) > 0 {
			r.wrong(r.rules[name].line, "Let one of them stand on its own.", "the rule %s refers to itself: %s.", name, strings.Join(path, ", "))
			return
		}
	}
}

// circle returns the way from a rule to one that was on it already, nil if
// there is none. Rules that lead to none are innocent.
func (r *reader) circle(name string, way []string, innocent map[string]bool) []string {
	if innocent[name] {
		return nil
	}
	way = append(way, name)
	if slices.Contains(way[:len(way)-1], name) {
		return way
	}
	for _, to := range references(r.rules[name].check) {
		if path := r.circle(to, way, innocent); path != nil {
			return path
		}
	}
	innocent[name] = true
	return nil
}

// nearest is the name with the fewest letters to change.
func nearest(name string, of []string) string {
	return slices.MinFunc(of, func(a, b string) int { return cmp.Compare(distance(name, a), distance(name, b)) })
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
