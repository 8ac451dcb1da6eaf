package addons

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// Where the autoscaler finds how to call the service, on every control-plane
// machine and at the same place in its pod.
const (
	AutoscalerDir    = "/etc/kubernetes/autoscaler"
	AutoscalerConfig = AutoscalerDir + "/cloud-config"
	AutoscalerCert   = AutoscalerDir + "/tls.crt"
	AutoscalerKey    = AutoscalerDir + "/tls.key"
	AutoscalerCA     = AutoscalerDir + "/ca.crt" // of the gateway
)

// unixScheme begins the address of a gateway that machines share a socket with.
const unixScheme = "unix://"

// Autoscaler reports whether the cluster has an autoscaler.
func Autoscaler(labels map[string]string) bool { return enabled(labelAutoscaler, labels) }

// CloudConfig is the file that the autoscaler's provider externalgrpc reads. It
// takes what is before the last colon of the address for the name of the server:
// "unix" for a socket. A change may wait for the cloud's word on what is asked
// for, hence the long timeout.
func CloudConfig(gateway string) string {
	return fmt.Sprintf("address: %s\ncert: %s\nkey: %s\ncacert: %s\ngrpc_timeout: 30s\n",
		quote(strings.TrimPrefix(gateway, "https://")), AutoscalerCert, AutoscalerKey, AutoscalerCA)
}

// Bounds tells between which sizes the autoscaler may resize a group: one of
// workers that has a maximum, or the default workers up to the label's. As in
// Magnum, it leaves one default worker.
func Bounds(labels map[string]string, g jeroboam.NodeGroup) (least, most int, ok bool) {
	if g.IsMaster() || g.Spec.Deleted || !Autoscaler(labels) {
		return 0, 0, false
	}
	least = g.Spec.Min
	if g.Spec.Max != nil {
		most = *g.Spec.Max
	}
	if g.Name == jeroboam.DefaultWorker {
		least = max(least, 1)
		if label, err := strconv.Atoi(labelMaxNodes.In(labels)); err == nil && label > 0 && (most == 0 || label < most) {
			most = label
		}
	}
	return least, most, most > 0
}

// socket is the directory of the socket by which machines of this host reach the
// service, "" for others.
func (c Cluster) socket() string {
	file, local := strings.CutPrefix(c.Gateway, unixScheme)
	if !local {
		return ""
	}
	return path.Dir(file)
}
