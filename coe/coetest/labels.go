package coetest

import (
	"slices"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
)

// testLabels: what a COE says of its labels is whole and true. A wrong value is
// refused by Check as well, which other rooms may call without the registry.
func testLabels(t *testing.T, c Pure) {
	traits := c.Traits()
	seen := map[string]bool{}
	for _, l := range traits.Labels {
		if l.Name == "" || seen[l.Name] || l.Meaning == "" || l.Effect == "" || l.Since == "" || l.COEs != nil {
			t.Errorf("label %+v", l)
		}
		seen[l.Name] = true
		if err := l.Check(l.Default); err != nil {
			t.Errorf("its own default: %v", err)
		}
		if slices.ContainsFunc(coe.Magnum(), func(m jeroboam.Label) bool { return m.Name == l.Name && m.Suits(traits.Name) }) {
			t.Errorf("%s is obeyed, and listed among those without effect", l.Name)
		}
		// No type but plain text takes this.
		wrong := map[string]string{l.Name: "\x00"}
		if err := c.Check(jeroboam.Template{COE: traits.Name, Labels: wrong}); l.Type != jeroboam.LabelString && jeroboam.KindOf(err) != jeroboam.Invalid {
			t.Errorf("%s with a wrong value: %v", l.Name, err)
		}
	}
}
