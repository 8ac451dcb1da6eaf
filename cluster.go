package jeroboam

import (
	"maps"
	"regexp"
	"strings"
	"time"
)

// Cluster is what a project asked for (Spec, written by service), how far the
// engine has brought it (Status, written by engine; service sets the first
// value) and how it is doing (Observed, written by monitor).
type Cluster struct {
	ID        string          `json:"id"` // UUID; also the tag on everything the cloud makes for it
	Project   string          `json:"project"`
	User      string          `json:"user"` // who created it
	Name      string          `json:"name"`
	Spec      ClusterSpec     `json:"spec"`
	Status    ClusterStatus   `json:"status"`
	Observed  ClusterObserved `json:"observed"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at,omitzero"`
	Revision  int64           `json:"-"`
	Seq       int64           `json:"-"` // creation order within the store
}

// ClusterSpec is the wanted state, with every default of the template already
// resolved, so that a later change of the template does not reach it.
type ClusterSpec struct {
	Template          string            `json:"template"` // UUID
	Driver            string            `json:"driver"`   // row of drivers.go: which cloud, which COE
	COE               string            `json:"coe"`
	Version           string            `json:"version"` // of the COE, e.g. "v1.36.3"
	Image             string            `json:"image"`
	Keypair           string            `json:"keypair,omitempty"`
	Flavor            string            `json:"flavor"`
	MasterFlavor      string            `json:"master_flavor"`
	Labels            map[string]string `json:"labels,omitempty"`
	DockerVolumeSize  int               `json:"docker_volume_size,omitempty"` // GB, 0: none
	CreateTimeout     time.Duration     `json:"create_timeout"`               // 0: no limit
	DiscoveryURL      string            `json:"discovery_url,omitempty"`
	FixedNetwork      string            `json:"fixed_network,omitempty"`
	FixedSubnet       string            `json:"fixed_subnet,omitempty"`
	ExternalNetwork   string            `json:"external_network,omitempty"`
	NetworkDriver     string            `json:"network_driver,omitempty"`
	DNSNameserver     string            `json:"dns_nameserver,omitempty"`
	FloatingIPEnabled bool              `json:"floating_ip_enabled"`
	MasterLBEnabled   bool              `json:"master_lb_enabled"`
	TLSDisabled       bool              `json:"tls_disabled,omitempty"`
	Deleted           bool              `json:"deleted,omitempty"`    // delete was asked for; there is no way back
	Data              DataWish          `json:"data,omitempty"`       // of a deleted one
	Rotation          int               `json:"rotation,omitempty"`   // generation wanted of all certificate authorities
	Rotations         map[string]int    `json:"rotations,omitempty"`  // of some, by name, as many generations more
	Credential        int               `json:"credential,omitempty"` // generation wanted of the cloud's credential
}

// DataWish says what becomes of the volumes, snapshots and shares that a cluster
// has made for itself when it is deleted.
type DataWish string

const (
	KeepData   DataWish = "keep"
	RemoveData DataWish = "remove"
)

// Generation is the generation that is wanted of a certificate authority; the
// first is 0.
func (s ClusterSpec) Generation(authority string) int { return s.Rotation + s.Rotations[authority] }

// ClusterStatus is the engine's word on a cluster.
type ClusterStatus struct {
	State            State  `json:"state"`
	Reason           string `json:"reason,omitempty"` // for the user: cause and remedy of a failure or a block
	APIAddress       string `json:"api_address,omitempty"`
	COEVersion       string `json:"coe_version,omitempty"`
	ContainerVersion string `json:"container_version,omitempty"`
	Operation        string `json:"operation,omitempty"` // the newest one, running or ended
}

// ClusterObserved is the monitor's word on a cluster.
type ClusterObserved struct {
	Health       Health            `json:"health,omitempty"`
	HealthReason map[string]string `json:"health_reason,omitempty"`
	At           time.Time         `json:"at,omitzero"`
}

// Health is how a live cluster is doing; "" is not yet known.
type Health string

const (
	Healthy       Health = "HEALTHY"
	Unhealthy     Health = "UNHEALTHY"
	HealthUnknown Health = "UNKNOWN"
)

// State is an action and how far it got. The words are Magnum's, because every
// client matches on them.
type State string

const (
	CreateInProgress State = "CREATE_IN_PROGRESS"
	CreateFailed     State = "CREATE_FAILED"
	CreateComplete   State = "CREATE_COMPLETE"
	UpdateInProgress State = "UPDATE_IN_PROGRESS"
	UpdateFailed     State = "UPDATE_FAILED"
	UpdateComplete   State = "UPDATE_COMPLETE"
	DeleteInProgress State = "DELETE_IN_PROGRESS"
	DeleteFailed     State = "DELETE_FAILED"
)

// Failed reports whether the last action ended in failure.
func (s State) Failed() bool { return strings.HasSuffix(string(s), "_FAILED") }

// InProgress reports whether an action is under way.
func (s State) InProgress() bool { return strings.HasSuffix(string(s), "_IN_PROGRESS") }

// Resting reports whether the cluster is whole and accepts any verb.
func (s State) Resting() bool { return strings.HasSuffix(string(s), "_COMPLETE") }

var plainName = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_.-]*$`)

// ValidateClusterName keeps Magnum's rule: 1-242 characters, a letter first.
func ValidateClusterName(name string) error { return validateName("cluster", name) }

func validateName(of, name string) error {
	if len(name) > 0 && len(name) <= 242 && plainName.MatchString(name) {
		return nil
	}
	return Errorf(Invalid, "name", "%q is not a %s name.", name, of).
		WithRemedy("Use 1 to 242 letters, digits, dots, dashes and underscores, a letter first.")
}

// MergeLabels returns base overlaid by over; neither is changed.
func MergeLabels(base, over map[string]string) map[string]string {
	merged := maps.Clone(base)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, over)
	return merged
}
