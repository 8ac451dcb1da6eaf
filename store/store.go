// Package store keeps the house's records: JSON documents under optimistic
// revisions, found by a few indexed columns. A Backend moves documents and
// knows no noun; the typed functions of this package know no database.
package store

import (
	"context"
	"time"
)

// Record is one stored document and the columns it is found by.
type Record struct {
	Kind     string // "cluster", "template", …: one per noun
	ID       string // unique within the kind
	Project  string
	Parent   string // the cluster a machine, group, step or event belongs to; "" for none
	Name     string
	Public   bool  // visible to every project
	Revision int64 // 0: not stored yet; every Put adds one
	Seq      int64 // given by the store: order of creation, unique across kinds
	Data     []byte
}

// Query selects records of one kind. Empty fields do not restrict.
type Query struct {
	Kind    string
	Project string
	Public  bool // also the Public records of other projects
	Parent  string
	Parents []string // any one of these
	IDs     []string // any one of these
	Name    string
	After   int64  // only records with Seq greater than this
	Sort    string // a top-level or dotted field of the document, e.g. "name", "spec.count"; "" sorts by Seq
	Desc    bool
	Marker  string // ID of the last record already seen, in the order of Sort
	Limit   int    // 0: all
	// Keys asks for ID, Revision and Seq alone, which cost a fraction: enough to
	// tell which records are new or have changed.
	Keys bool
}

// Facet is what documents are counted by: the text or truth in a top-level or
// dotted field ("" where it is absent, "true" and "false"), or with Has whether
// there is anything in it.
type Facet struct {
	Field string
	Has   bool
}

// Group is how many documents have the same values of the facets, in the order
// of these.
type Group struct {
	Values []string
	Count  int
}

// Tx is one transaction. Its errors are jeroboam.Errors: NotFound, Conflict
// (a Put or Delete met another revision than it expected, or an ID that is
// taken), Unavailable (the database is busy, full or gone).
type Tx interface {
	Get(kind, id string) (Record, error)
	List(Query) ([]Record, error)
	Count(Query) (int, error)
	// Tally counts all records of a kind by what their documents hold, in the
	// order of the values. The database reads every one of them.
	Tally(kind string, by ...Facet) ([]Group, error)
	// Put inserts a record of Revision 0 and replaces one of the same revision;
	// it returns the record with its new Revision and Seq.
	Put(Record) (Record, error)
	// Delete removes the record if it has this revision; revision 0 means any.
	Delete(kind, id string, revision int64) error
	// Wake asks for work on a cluster. The job exists if and only if the
	// transaction commits; any number of calls before it runs make one run.
	Wake(cluster string) error
}

// Backend is a database. Every method is safe for concurrent use.
type Backend interface {
	// View runs f in a read-only snapshot.
	View(ctx context.Context, f func(Tx) error) error
	// Update runs f in a transaction that commits when f returns nil. It may
	// run f again if the database asks for it, so f has no other effects.
	Update(ctx context.Context, f func(Tx) error) error
	// Watch returns a channel that receives after a commit that touched a
	// record matching kind and parent ("" matches any). Signals coalesce: the
	// reader lists again. The channel closes when ctx ends.
	Watch(ctx context.Context, kind, parent string) <-chan struct{}
	// Work runs jobs made by Wake until ctx ends, then waits for those under way.
	Work(ctx context.Context, w Worker) error
	Close() error
}

// Worker is what Work calls for a woken cluster: at most one run per cluster
// at a time across all servers of the database, at most Concurrency at once.
type Worker struct {
	Concurrency int
	// Run works on the cluster until there is nothing to do soon. A Wake that
	// commits during the run arrives on woken (coalesced, in the same process);
	// one that Run did not receive causes another run. again > 0 asks for a
	// further run after that time; an error asks for one with back-off.
	Run func(ctx context.Context, cluster string, woken <-chan struct{}) (again time.Duration, err error)
}
