// Package output prints what a command found: a table for people, JSON or YAML
// with the wire's field names for programs. It knows no noun.
package output

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"sigs.k8s.io/yaml"

	"github.com/jeroboam-cloud/jeroboam"
)

// Formats are the words that --output takes.
var Formats = [...]string{"table", "json", "yaml"}

// Printer writes in one format.
type Printer struct {
	W      io.Writer
	Format string
}

// Check refuses a format that does not exist.
func (p Printer) Check() error {
	for _, f := range Formats {
		if p.Format == f {
			return nil
		}
	}
	return jeroboam.Errorf(jeroboam.Invalid, "output", "There is no output format %q.", p.Format).
		WithRemedy("Choose from: %s.", strings.Join(Formats[:], ", "))
}

// ForPeople reports whether the reader is a person.
func (p Printer) ForPeople() bool { return p.Format == "table" }

// List prints rows under a header, or value as it is.
func (p Printer) List(value any, header []string, rows [][]string) error {
	if !p.ForPeople() {
		return p.value(value)
	}
	t := tabwriter.NewWriter(p.W, 0, 8, 2, ' ', 0)
	writeRow(t, header)
	for _, row := range rows {
		writeRow(t, row)
	}
	return t.Flush()
}

// Field is one line of a shown object.
type Field struct {
	Name  string
	Value string
}

// Object prints fields one below the other, or value as it is.
func (p Printer) Object(value any, fields []Field) error {
	if !p.ForPeople() {
		return p.value(value)
	}
	t := tabwriter.NewWriter(p.W, 0, 8, 2, ' ', 0)
	for _, f := range fields {
		writeRow(t, []string{f.Name + ":", f.Value})
	}
	return t.Flush()
}

// Text prints a sentence for people, or value for programs.
func (p Printer) Text(value any, format string, args ...any) error {
	if !p.ForPeople() {
		return p.value(value)
	}
	_, err := fmt.Fprintf(p.W, format+"\n", args...)
	return err
}

func (p Printer) value(value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	if p.Format == "yaml" {
		if data, err = yaml.JSONToYAML(data); err != nil {
			return fmt.Errorf("encode the answer: %w", err)
		}
	} else {
		data = append(data, '\n')
	}
	_, err = p.W.Write(data)
	return err
}

// writeRow keeps a cell on one line: a reason may hold several.
func writeRow(w io.Writer, cells []string) {
	clean := make([]string, len(cells))
	for i, c := range cells {
		clean[i] = strings.Join(strings.Fields(c), " ")
		if clean[i] == "" {
			clean[i] = "-"
		}
	}
	fmt.Fprintln(w, strings.TrimRight(strings.Join(clean, "\t"), "\t"))
}
