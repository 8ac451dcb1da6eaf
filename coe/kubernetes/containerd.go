package kubernetes

import (
	"github.com/jeroboam-cloud/jeroboam/node"
)

const (
	containerdFile   = "/etc/containerd/config.toml"
	containerdSocket = "/run/containerd/containerd.sock"
	containerdRoot   = "/var/lib/containerd"
	// registryDir may hold a hosts.toml per registry: mirrors and their CAs.
	registryDir = "/etc/containerd/certs.d"
)

// pauseImage is the sandbox image of the bundle.
const pauseImage = "jeroboam.local/pause:v1"

// containerd is the container runtime. It finds runc, which the operating
// system brings, on its path.
func containerd() node.Service {
	return node.Service{
		Name:    serviceContainerd,
		Command: []string{"containerd", "--config", containerdFile},
		Env:     environment(),
		Ready:   &node.Probe{Socket: containerdSocket},
		Watch:   []string{containerdFile},
	}
}

// containerdConfig is for containerd 2. Plugins that a node does not use are
// off: each costs time at the start and memory afterwards. One that does not
// serve the kubelet had better not run, so that it is started again. A process
// may not lower its OOM score without a capability that some hosts withhold.
const containerdConfig = `version = 3
root = "` + containerdRoot + `"
state = "/run/containerd"
required_plugins = ["io.containerd.grpc.v1.cri"]
disabled_plugins = [
  "io.containerd.differ.v1.erofs",
  "io.containerd.internal.v1.opt",
  "io.containerd.internal.v1.tracing",
  "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
]

[grpc]
  address = "` + containerdSocket + `"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "` + pauseImage + `"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "` + registryDir + `"

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["` + node.BinDir + `"]
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        SystemdCgroup = false
`
