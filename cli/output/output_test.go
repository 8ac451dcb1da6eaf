package output

import (
	"bytes"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
)

type thing struct {
	Name  string `json:"name"`
	Count int    `json:"node_count"`
}

func TestPeopleGetATableAndProgramsTheWiresNames(t *testing.T) {
	for format, want := range map[string]string{
		"table": "NAME  NODES\na     1\nb     -\n",
		"json":  "[\n  {\n    \"name\": \"a\",\n    \"node_count\": 1\n  }\n]\n",
		"yaml":  "- name: a\n  node_count: 1\n",
	} {
		var out bytes.Buffer
		err := Printer{&out, format}.List([]thing{{"a", 1}}, []string{"NAME", "NODES"}, [][]string{{"a", "1"}, {"b", ""}})
		if err != nil || out.String() != want {
			t.Errorf("%s: got %q, %v", format, out.String(), err)
		}
	}
}

func TestACellStaysOnItsLine(t *testing.T) {
	var out bytes.Buffer
	err := Printer{&out, "table"}.Object(nil, []Field{{"Reason", "two\nlines\tand a tab"}, {"Health", ""}})
	if want := "Reason:  two lines and a tab\nHealth:  -\n"; err != nil || out.String() != want {
		t.Errorf("got %q, %v", out.String(), err)
	}
}

func TestAFormatThatIsNotIsRefused(t *testing.T) {
	err := Printer{Format: "xml"}.Check()
	if e, _ := jeroboam.AsError(err); e == nil || e.Kind != jeroboam.Invalid || e.Remedy != "Choose from: table, json, yaml." {
		t.Errorf("got %v", err)
	}
}
