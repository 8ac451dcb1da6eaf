package jeroboam

import "time"

// Verbs of operations.
const (
	VerbCreate  = "create"
	VerbUpdate  = "update"
	VerbResize  = "resize"
	VerbUpgrade = "upgrade"
	VerbRotate  = "rotate"
	VerbDelete  = "delete"
	VerbRepair  = "repair" // the engine's own: what was lost is made again, what has aged is renewed
)

// OperationState is how far an operation got.
type OperationState string

const (
	OperationPending    OperationState = "pending"
	OperationRunning    OperationState = "running"
	OperationBlocked    OperationState = "blocked" // waits for a person; see Cause
	OperationComplete   OperationState = "complete"
	OperationFailed     OperationState = "failed"
	OperationSuperseded OperationState = "superseded" // a later change took over what was left
)

// Ended reports whether nothing more will happen to the operation.
func (s OperationState) Ended() bool {
	return s == OperationComplete || s == OperationFailed || s == OperationSuperseded
}

// Operation is one change of a cluster, from the request to its end. Service
// writes it in the same transaction as the change; engine writes the rest.
type Operation struct {
	ID         string         `json:"id"` // UUID
	Cluster    string         `json:"cluster"`
	Project    string         `json:"project"`
	User       string         `json:"user"`
	Request    string         `json:"request,omitempty"` // request id of the call that caused it
	Trace      string         `json:"trace,omitempty"`   // W3C traceparent of that call
	Verb       string         `json:"verb"`
	Summary    string         `json:"summary,omitempty"` // e.g. "default-worker 2 -> 4"
	State      OperationState `json:"state"`
	Cause      *Cause         `json:"cause,omitempty"`
	CreatedAt  time.Time      `json:"created_at"`
	StartedAt  time.Time      `json:"started_at,omitzero"`
	FinishedAt time.Time      `json:"finished_at,omitzero"`
	Deadline   time.Time      `json:"deadline,omitzero"` // zero: none
	Revision   int64          `json:"-"`
	Seq        int64          `json:"-"`
}

// StepState is how far a step got.
type StepState string

const (
	StepRunning  StepState = "running"
	StepWaiting  StepState = "waiting" // asked to be called again; no attempt spent
	StepRetrying StepState = "retrying"
	StepBlocked  StepState = "blocked"
	StepDone     StepState = "done"
	StepFailed   StepState = "failed"
)

// Step is one line of an operation's journal.
type Step struct {
	ID         string    `json:"id"` // operation ID + "/" + name
	Operation  string    `json:"operation"`
	Cluster    string    `json:"cluster"`
	Project    string    `json:"project"`
	Name       string    `json:"name"` // e.g. "network", "machine demo-worker-0", "ready demo-worker-0"
	State      StepState `json:"state"`
	Attempt    int       `json:"attempt"` // from 1
	Message    string    `json:"message,omitempty"`
	Cause      *Cause    `json:"cause,omitempty"`
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	Revision   int64     `json:"-"`
	Seq        int64     `json:"-"`
}

// Event is one thing that happened to a cluster, in order, kept for clients
// that follow along or come back later. Seq is its number in the stream.
type Event struct {
	ID        string    `json:"id"`
	Cluster   string    `json:"cluster"`
	Project   string    `json:"project"`
	Operation string    `json:"operation,omitempty"`
	Step      string    `json:"step,omitempty"`
	Type      string    `json:"type"` // cluster, operation, step, node, warning, federation
	State     string    `json:"state,omitempty"`
	Message   string    `json:"message"`
	Cause     *Cause    `json:"cause,omitempty"`
	At        time.Time `json:"at"`
	Revision  int64     `json:"-"`
	Seq       int64     `json:"-"`
}
