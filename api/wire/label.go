package wire

import "github.com/jeroboam-cloud/jeroboam"

// Label describes one label that templates, clusters and node groups may carry.
// It is not Magnum's.
type Label struct {
	Name    string             `json:"name"`
	Type    jeroboam.LabelType `json:"type"`
	Items   jeroboam.LabelType `json:"items,omitempty"`   // of a list
	Values  []string           `json:"values,omitempty"`  // of an enum, or of the items of a list
	Minimum int                `json:"minimum,omitempty"` // of an int, or of the prefix length of a network
	Maximum int                `json:"maximum,omitempty"` // none: no bound of its own
	Unit    string             `json:"unit,omitempty"`
	Allowed string             `json:"allowed"` // the same in words
	Default string             `json:"default"` // "": none
	Meaning string             `json:"meaning"`
	Effect  string             `json:"effect"` // where it is obeyed; "": accepted, without effect
	Since   string             `json:"since"`  // version of Jeroboam
	COEs    []string           `json:"coes"`   // []: all
}

// Labels lists the labels by name.
type Labels struct {
	Items []Label `json:"labels"`
}

// LabelOf shows a label.
func LabelOf(l jeroboam.Label) Label {
	shown := Label{Name: l.Name, Type: l.Type, Items: l.Items, Values: l.Values, Minimum: l.Min, Maximum: l.Max, Unit: l.Unit,
		Allowed: l.Allowed(), Default: l.Default, Meaning: l.Meaning, Effect: l.Effect, Since: l.Since, COEs: l.COEs}
	if shown.COEs == nil {
		shown.COEs = []string{}
	}
	return shown
}
