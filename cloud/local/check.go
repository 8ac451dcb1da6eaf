package local

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// What a new machine must find free on the host. A flavor's memory is a limit,
// not a reservation: an idle worker uses about 250 MiB, a control plane 700.
const (
	memoryPerMachine = 512 << 20
	diskPerMachine   = 512 << 20
)

// Check implements cloud.Cloud: it tells at once all that this host lacks.
func (l *Local) Check(ctx context.Context, _ cloud.Scope, want cloud.Demand) error {
	errs := l.checkHost(ctx)
	if info, err := os.Stat(l.options.AgentPath); err != nil || info.Mode()&0o111 == 0 {
		errs = append(errs, jeroboam.Errorf(jeroboam.Invalid, "agent-missing", "There is no program %s.", l.options.AgentPath).
			WithRemedy("Build jeroboam-agent, or name it with --agent."))
	}
	errs = append(errs, checkMemory(want), l.checkDisk(want))
	return errors.Join(errs...)
}

// checkHost asks the kernel until it has been found able once: that takes
// longer than all the rest of a request.
func (l *Local) checkHost(ctx context.Context) []error {
	if l.able.Load() {
		return nil
	}
	var errs []error
	for _, finding := range Probe(ctx, l.options.State) {
		if !finding.OK && finding.Needed {
			errs = append(errs, jeroboam.Errorf(jeroboam.Invalid, "host", "This host cannot carry machines: %s: %s.", finding.Name, finding.Detail).
				WithRemedy("%s", finding.Remedy))
		}
	}
	l.able.Store(len(errs) == 0)
	return errs
}

func checkMemory(want cloud.Demand) error {
	total, available, err := memory()
	if err != nil {
		return failed("memory", "The memory of this host cannot be read.", err)
	}
	var errs []error
	for _, m := range want.Machines {
		flavor := m.Flavor
		if int64(flavor.MemoryMB)<<20 > total {
			errs = append(errs, jeroboam.Errorf(jeroboam.QuotaExceeded, "memory", "The flavor %s has %d MiB, this host %d MiB.", flavor.Name, flavor.MemoryMB, total>>20).
				WithRemedy("Choose a smaller flavor."))
			break
		}
	}
	if need := int64(len(want.Machines)) * memoryPerMachine; need > available {
		errs = append(errs, jeroboam.Errorf(jeroboam.QuotaExceeded, "memory", "%d machines need %d MiB of free memory, this host has %d MiB.", len(want.Machines), need>>20, available>>20).
			WithRemedy("Ask for fewer nodes, or delete a cluster."))
	}
	return errors.Join(errs...)
}

// memory returns MemTotal and MemAvailable of /proc/meminfo, in bytes.
func memory() (total, available int64, err error) {
	data, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kilobytes, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "MemTotal:":
			total = kilobytes << 10
		case "MemAvailable:":
			available = kilobytes << 10
		}
	}
	return total, available, nil
}

func (l *Local) checkDisk(want cloud.Demand) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(l.dir, &disk); err != nil {
		return failed("disk", "The disk of the state directory cannot be read.", err)
	}
	free := int64(disk.Bavail) * disk.Bsize
	if need := int64(len(want.Machines)) * diskPerMachine; need > free {
		return jeroboam.Errorf(jeroboam.QuotaExceeded, "disk", "%d machines need %d MiB of disk, the state directory has %d MiB free.", len(want.Machines), need>>20, free>>20).
			WithRemedy("Make room, or put the state directory on another disk.")
	}
	return nil
}
