package inside

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// kubeletSysctls are the values a kubelet insists on (kubelet's
// container_manager_linux.go, setupKernelTunables). They are the whole host's:
// the machine is shown files that have them, and the host stays as it is.
var kubeletSysctls = map[string]string{
	"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10",
	"kernel/panic_on_oops": "1", "kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
}

// tuneKernel shows the machine its own size and identity where the kernel
// would show the host's.
func tuneKernel(dir, root string, c Config) error {
	show := func(path, content string, readOnly bool) error {
		source := filepath.Join(dir, etcDir, strings.ReplaceAll(path, "/", "-"))
		if err := os.WriteFile(source, []byte(content), 0o644); err != nil {
			return err
		}
		return bindFile(source, filepath.Join(root, path), readOnly)
	}
	for name, value := range kubeletSysctls {
		if err := show("proc/sys/"+name, value+"\n", false); err != nil {
			return err
		}
	}
	if err := show("proc/meminfo", meminfo(c.MemoryMB), true); err != nil {
		return err
	}
	if err := show("sys/devices/system/cpu/online", c.CPUs+"\n", true); err != nil {
		return err
	}
	// Without it a machine could restart the host.
	if err := show("proc/sysrq-trigger", "", true); err != nil {
		return err
	}
	return show("sys/devices/virtual/dmi/id/product_uuid", c.UUID+"\n", true)
}

// meminfo is /proc/meminfo (proc(5)) of an idle machine of the size. What is
// really in use is told by its control group.
func meminfo(megabytes int) string {
	kilobytes := megabytes << 10
	return fmt.Sprintf(`MemTotal:       %8d kB
MemFree:        %8d kB
MemAvailable:   %8d kB
Buffers:               0 kB
Cached:                0 kB
SwapCached:            0 kB
Active:                0 kB
Inactive:              0 kB
SwapTotal:             0 kB
SwapFree:              0 kB
Dirty:                 0 kB
Writeback:             0 kB
Slab:                  0 kB
SReclaimable:          0 kB
SUnreclaim:            0 kB
HugePages_Total:       0
HugePages_Free:        0
HugePages_Rsvd:        0
HugePages_Surp:        0
Hugepagesize:       2048 kB
`, kilobytes, kilobytes, kilobytes)
}
