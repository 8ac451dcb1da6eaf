package jeroboam

import "time"

// Machine is the cloud's thing that carries one node. It is written by engine
// alone: planned before the cloud is asked, forgotten after the cloud has none.
type Machine struct {
	ID        string        `json:"id"` // UUID; the system UUID of the node
	Cluster   string        `json:"cluster"`
	Project   string        `json:"project"`
	Group     string        `json:"group"` // NodeGroup.ID
	Role      string        `json:"role"`  // RoleMaster or RoleWorker
	Index     int           `json:"index"` // within the group, never used twice at once
	Name      string        `json:"name"`  // host name and node name, e.g. "demo-worker-0"; unique in the cluster
	Flavor    string        `json:"flavor"`
	Image     string        `json:"image"`
	Status    MachineStatus `json:"status"`
	CreatedAt time.Time     `json:"created_at"`
	UpdatedAt time.Time     `json:"updated_at,omitzero"`
	Revision  int64         `json:"-"`
	Seq       int64         `json:"-"`
}

// MachineStatus says how far a machine has come.
type MachineStatus struct {
	CloudID       string         `json:"cloud_id,omitempty"` // the cloud's handle
	Address       string         `json:"address,omitempty"`  // IPv4 inside the cluster's network
	Public        string         `json:"public,omitempty"`   // floating address that leads to Address, if it has one
	JoinedAt      time.Time      `json:"joined_at,omitzero"` // its agent's first call
	SeenAt        time.Time      `json:"seen_at,omitzero"`   // coarse: written when the agent comes or goes
	Connected     bool           `json:"connected,omitempty"`
	Server        string         `json:"server,omitempty"`         // that its agent called last; each start of one has another name
	ServerURL     string         `json:"server_url,omitempty"`     // where other servers reach that one
	AppliedConfig string         `json:"applied_config,omitempty"` // digest of the node config in force
	Target        string         `json:"target,omitempty"`         // digest of the config it may take: a machine at work waits for its turn
	Services      []ServiceState `json:"services,omitempty"`
	ReadyAt       time.Time      `json:"ready_at,omitzero"`  // the COE said so, once
	Version       string         `json:"version,omitempty"`  // of the COE, when its node was last ready
	Cordoned      bool           `json:"cordoned,omitempty"` // takes no new work while it changes
	Drained       bool           `json:"drained,omitempty"`
	Removed       bool           `json:"removed,omitempty"` // the COE has forgotten it
	Deleting      bool           `json:"deleting,omitempty"`
	Cause         *Cause         `json:"cause,omitempty"` // what its agent could not do

	// Volumes are the serial numbers of its volumes, by what they are for.
	Volumes map[string]string `json:"volumes,omitempty"`
}

// What the volumes of machines are for; COE and cloud know them by these names.
const (
	VolumeEtcd       = "etcd"       // etcd's data, on control-plane machines
	VolumeContainers = "containers" // images and the storage of containers
)

// ServiceState is one service of a machine as its agent reports it.
type ServiceState struct {
	Name     string `json:"name"`
	State    string `json:"state"` // waiting, starting, running, ready, backoff, failed, stopped
	Restarts int    `json:"restarts,omitempty"`
	Message  string `json:"message,omitempty"` // why it is not running; last lines of its log when it fails
}

// Reached is the address by which the machine is called from outside its
// cluster's network.
func (s MachineStatus) Reached() string {
	if s.Public != "" {
		return s.Public
	}
	return s.Address
}

// IsMaster reports whether the machine carries a control-plane node.
func (m Machine) IsMaster() bool { return m.Role == RoleMaster }
