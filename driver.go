package jeroboam

// Driver pairs a cloud with a COE: it serves templates of one server type,
// image distro and COE. The table of them is cmd/jeroboam/drivers.go.
type Driver struct {
	Name       string // e.g. "k8s_local"; Magnum's template field "driver"
	ServerType string // "vm", or "bm" for machines of metal
	Distro     string // the image's os_distro
	COE        string
	Cloud      string
}

// Bare reports whether its machines are of metal.
func (d Driver) Bare() bool { return d.ServerType == "bm" }
