package jeroboam

// APIAccess is the label that chooses how a cluster's API is called.
var APIAccess = Label{Name: "api_access", Type: LabelEnum, Values: []string{APIAuto, APIDirect, APITunnel}, Default: APIAuto, Since: "0.1",
	Meaning: "How the API is called: at its address (direct), through the connections that the machines' agents keep to the service (tunnel), or by the service in the one way where the other does not answer (auto).",
	Effect:  "how the service calls the cluster, and api_address"}

// The values of APIAccess.
const (
	APIAuto   = "auto"
	APIDirect = "direct"
	APITunnel = "tunnel"
)

// APIAccess is the cluster's value of the label.
func (s ClusterSpec) APIAccess() string { return APIAccess.In(s.Labels) }
