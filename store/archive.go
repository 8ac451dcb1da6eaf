package store

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/jeroboam-cloud/jeroboam"
)

// Archive is a Backend whose records can be carried to another.
type Archive interface {
	Backend
	// Dump calls f with every record, in the order of Seq, out of one snapshot.
	Dump(ctx context.Context, f func(Record) error) error
	// Fill writes the records of next, until its io.EOF, as they are, with their
	// Revision and Seq, and wakes every cluster: all or nothing. A database that
	// has records already is a Conflict.
	Fill(ctx context.Context, next func() (Record, error)) error
}

// An export is lines of JSON: a heading, each record, and how many those were,
// so that one which was cut off is known.
type (
	heading struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}
	line struct {
		Kind     string          `json:"kind,omitempty"`
		ID       string          `json:"id,omitempty"`
		Project  string          `json:"project,omitempty"`
		Parent   string          `json:"parent,omitempty"`
		Name     string          `json:"name,omitempty"`
		Public   bool            `json:"public,omitempty"`
		Revision int64           `json:"revision,omitempty"`
		Seq      int64           `json:"seq,omitempty"`
		Data     json.RawMessage `json:"data,omitempty"`
		Records  *int            `json:"records,omitempty"` // of the last line
	}
)

var exported = heading{Format: "jeroboam-records", Version: 1}

// Export writes every record of from and returns how many they are.
func Export(ctx context.Context, from Archive, to io.Writer) (n int, err error) {
	w := bufio.NewWriter(to)
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	if err := lines.Encode(exported); err != nil {
		return 0, fmt.Errorf("export: %w", err)
	}
	err = from.Dump(ctx, func(r Record) error {
		n++
		return lines.Encode(line{
			Kind: r.Kind, ID: r.ID, Project: r.Project, Parent: r.Parent, Name: r.Name, Public: r.Public,
			Revision: r.Revision, Seq: r.Seq, Data: r.Data,
		})
	})
	if err == nil {
		err = lines.Encode(line{Records: &n})
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		return n, fmt.Errorf("export: %w", err)
	}
	return n, nil
}

// Import fills an empty Backend with an export and returns how many records
// that were. One that is damaged or cut off (Invalid) leaves nothing.
func Import(ctx context.Context, to Archive, from io.Reader) (n int, err error) {
	lines := json.NewDecoder(bufio.NewReader(from))
	var h heading
	if err := lines.Decode(&h); err != nil || h != exported {
		return 0, damaged("It is no export of records that this version can read.").Wrap(err)
	}
	err = to.Fill(ctx, func() (Record, error) {
		r, err := nextRecord(lines, n)
		if err == nil {
			n++
		}
		return r, err
	})
	if err != nil {
		return 0, fmt.Errorf("import: %w", err)
	}
	return n, nil
}

// nextRecord reads the record after n others; io.EOF: there is none.
func nextRecord(lines *json.Decoder, n int) (Record, error) {
	var l line
	switch err := lines.Decode(&l); {
	case errors.Is(err, io.EOF):
		return Record{}, damaged("The export is cut off after %d records.", n)
	case err != nil:
		return Record{}, damaged("The export is damaged after %d records.", n).Wrap(err)
	case l.Records != nil && *l.Records != n:
		return Record{}, damaged("The export has %d records and should have %d.", n, *l.Records)
	case l.Records != nil:
		return Record{}, io.EOF
	case l.Kind == "" || l.ID == "" || l.Revision < 1 || l.Seq < 1 || len(l.Data) == 0:
		return Record{}, damaged("What follows record %d of the export is none.", n)
	}
	return Record{
		Kind: l.Kind, ID: l.ID, Project: l.Project, Parent: l.Parent, Name: l.Name, Public: l.Public,
		Revision: l.Revision, Seq: l.Seq, Data: l.Data,
	}, nil
}

func damaged(format string, args ...any) *jeroboam.Error {
	return jeroboam.Errorf(jeroboam.Invalid, "export-damaged", format, args...).WithRemedy("Export the records again.")
}
