// Package labels knows every label there is, who obeys it, and which of a wish's
// have no effect.
package labels

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// Registry is every label there is, by name: all of them, and those of each
// COE that a driver serves.
type Registry struct {
	all []jeroboam.Label
	of  map[string][]jeroboam.Label
}

// Source is what obeys labels: a COE with the cloud that it runs on.
type Source struct {
	COE    string
	Labels []jeroboam.Label
}

// New knows the labels that every COE obeys, or none does, and those of sources.
func New(common []jeroboam.Label, sources []Source) Registry {
	r := Registry{slices.Clone(common), map[string][]jeroboam.Label{}}
	for _, source := range sources {
		for _, l := range source.Labels {
			r.obeyed(l, source.COE)
		}
		r.of[source.COE] = nil
	}
	slices.SortStableFunc(r.all, func(a, b jeroboam.Label) int { return cmp.Compare(a.Name, b.Name) })
	for coe := range r.of {
		r.of[coe] = r.suiting(coe)
	}
	return r
}

// obeyed takes in a label that a COE, or a cloud that it runs on, obeys, in the
// place of what was known of it without effect.
func (r *Registry) obeyed(l jeroboam.Label, coe string) {
	at := slices.IndexFunc(r.all, func(known jeroboam.Label) bool {
		return known.Name == l.Name && slices.Equal(known.COEs, []string{coe})
	})
	if at < 0 {
		at = len(r.all)
		r.all = append(r.all, l)
	}
	l.COEs = []string{coe}
	r.all[at] = l
}

func (r Registry) suiting(coe string) []jeroboam.Label {
	return slices.DeleteFunc(slices.Clone(r.all), func(l jeroboam.Label) bool { return !l.Suits(coe) })
}

// Of are the labels of a COE that a driver serves.
func (r Registry) Of(coe string) []jeroboam.Label { return r.of[coe] }

// List lists the labels of a COE by name, those of all COEs for "".
func (r Registry) List(coe string) ([]jeroboam.Label, error) {
	if coe == "" {
		return slices.Clone(r.all), nil
	}
	have := slices.Collect(maps.Keys(r.of))
	for _, l := range r.all {
		have = append(have, l.COEs...)
	}
	slices.Sort(have)
	if !slices.Contains(have, coe) {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "coe", "There are no labels of the COE %s.", jeroboam.QuoteLabel(coe)).
			WithRemedy("Use one of: %s.", strings.Join(slices.Compact(have), ", "))
	}
	return r.suiting(coe), nil
}

// Idle tells in sentences which labels have no effect in a COE's clusters, by
// name; of very many the first ones and how many more.
func (r Registry) Idle(coe string, labels map[string]string) []string {
	return warnings(labels, func(name string) string { return idle(r.of[coe], coe, name) })
}

// IdleOfGroup does so for labels that a node group has of its own. None of them
// has an effect: every label is read of the cluster.
func (r Registry) IdleOfGroup(coe string, own map[string]string) []string {
	return warnings(own, func(name string) string {
		if text := idle(r.of[coe], coe, name); text != "" {
			return text
		}
		return fmt.Sprintf("The label %s has no effect on a node group: it is read of the cluster.", name)
	})
}

// idle says why a label has no effect; "" if it has one.
func idle(known []jeroboam.Label, coe, name string) string {
	at := slices.IndexFunc(known, func(l jeroboam.Label) bool { return l.Name == name })
	switch {
	case at < 0:
		return fmt.Sprintf("The label %s is unknown to %s clusters and has no effect.", jeroboam.QuoteLabel(name), coe)
	case known[at].Effect == "":
		return fmt.Sprintf("The label %s is known from Magnum and has no effect here.", name)
	}
	return ""
}

// maxWarnings keeps answers and event streams readable however many labels
// there are.
const maxWarnings = 10

func warnings(labels map[string]string, judge func(name string) string) []string {
	var out []string
	more := 0
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		text := judge(name)
		switch {
		case text == "":
		case len(out) < maxWarnings:
			out = append(out, text)
		default:
			more++
		}
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("%d more labels have no effect.", more))
	}
	return out
}
