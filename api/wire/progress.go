package wire

import "github.com/jeroboam-cloud/jeroboam"

// Operation is one change of a cluster and how far it got. It is not Magnum's.
type Operation struct {
	UUID        string                  `json:"uuid"`
	ClusterUUID string                  `json:"cluster_uuid"`
	ProjectID   string                  `json:"project_id"`
	UserID      string                  `json:"user_id"`
	RequestID   string                  `json:"request_id"`
	Verb        string                  `json:"verb"`
	Summary     string                  `json:"summary"`
	State       jeroboam.OperationState `json:"state"`
	Cause       *jeroboam.Cause         `json:"cause"`
	CreatedAt   Time                    `json:"created_at"`
	StartedAt   Time                    `json:"started_at"`
	FinishedAt  Time                    `json:"finished_at"`
	Deadline    Time                    `json:"deadline"`
	Steps       []Step                  `json:"steps,omitempty"` // in a show only
}

// Step is one line of an operation's journal.
type Step struct {
	Name       string             `json:"name"`
	State      jeroboam.StepState `json:"state"`
	Attempt    int                `json:"attempt"`
	Message    string             `json:"message"`
	Cause      *jeroboam.Cause    `json:"cause"`
	StartedAt  Time               `json:"started_at"`
	FinishedAt Time               `json:"finished_at"`
}

// Operations lists the operations of a cluster, the newest first.
type Operations struct {
	Items []Operation `json:"operations"`
	Next  string      `json:"next,omitempty"`
}

// OperationOf shows an operation with the steps that are given.
func OperationOf(op jeroboam.Operation, steps []jeroboam.Step) Operation {
	shown := Operation{
		UUID: op.ID, ClusterUUID: op.Cluster, ProjectID: op.Project, UserID: op.User, RequestID: op.Request, Verb: op.Verb,
		Summary: op.Summary, State: op.State, Cause: op.Cause, CreatedAt: Time{op.CreatedAt}, StartedAt: Time{op.StartedAt},
		FinishedAt: Time{op.FinishedAt}, Deadline: Time{op.Deadline},
	}
	for _, st := range steps {
		shown.Steps = append(shown.Steps, Step{Name: st.Name, State: st.State, Attempt: st.Attempt, Message: st.Message,
			Cause: st.Cause, StartedAt: Time{st.StartedAt}, FinishedAt: Time{st.FinishedAt}})
	}
	return shown
}

// Event is one thing that happened to a cluster. ID is its number in the
// stream: a client that comes back sends it as Last-Event-ID.
type Event struct {
	ID        int64           `json:"id"`
	Operation string          `json:"operation,omitempty"`
	Step      string          `json:"step,omitempty"`
	Type      string          `json:"type"`
	State     string          `json:"state,omitempty"`
	Message   string          `json:"message"`
	Cause     *jeroboam.Cause `json:"cause,omitempty"`
	At        Time            `json:"at"`
}

// EventGone is the type of the last event of a stream: the cluster is no more.
const EventGone = "gone"

// Events is a page of events, the oldest first.
type Events struct {
	Items []Event `json:"events"`
	Next  string  `json:"next,omitempty"`
}

// EventOf shows an event.
func EventOf(e jeroboam.Event) Event {
	return Event{ID: e.Seq, Operation: e.Operation, Step: e.Step, Type: e.Type, State: e.State, Message: e.Message,
		Cause: e.Cause, At: Time{e.At}}
}

// Machine is one machine of a cluster.
type Machine struct {
	UUID      string                  `json:"uuid"`
	Name      string                  `json:"name"`
	Role      string                  `json:"role"`
	NodeGroup string                  `json:"nodegroup"` // UUID
	Index     int                     `json:"index"`
	Flavor    string                  `json:"flavor_id"`
	Image     string                  `json:"image_id"`
	Address   string                  `json:"address"`
	Connected bool                    `json:"connected"`
	Services  []jeroboam.ServiceState `json:"services"`
	Cause     *jeroboam.Cause         `json:"cause"`
	CreatedAt Time                    `json:"created_at"`
	JoinedAt  Time                    `json:"joined_at"`
	ReadyAt   Time                    `json:"ready_at"`
	Deleting  bool                    `json:"deleting"`
}

// Machines lists the machines of a cluster.
type Machines struct {
	Items []Machine `json:"machines"`
}

// MachineOf shows a machine.
func MachineOf(m jeroboam.Machine) Machine {
	shown := Machine{
		UUID: m.ID, Name: m.Name, Role: m.Role, NodeGroup: m.Group, Index: m.Index, Flavor: m.Flavor, Image: m.Image,
		Address: m.Status.Address, Connected: m.Status.Connected, Services: m.Status.Services, Cause: m.Status.Cause,
		CreatedAt: Time{m.CreatedAt}, JoinedAt: Time{m.Status.JoinedAt}, ReadyAt: Time{m.Status.ReadyAt},
		Deleting: m.Status.Deleting,
	}
	if shown.Services == nil {
		shown.Services = []jeroboam.ServiceState{}
	}
	return shown
}
