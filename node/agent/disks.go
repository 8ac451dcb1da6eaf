package agent

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/agent/internal/disk"
	"github.com/jeroboam-cloud/jeroboam/node/agent/internal/supervise"
)

// ensureDisks mounts the disks, one after the other: a file system takes
// seconds to make, once in the life of a volume.
func (a *Agent) ensureDisks(ctx context.Context, disks []node.Disk) error {
	host := disk.Host{Sys: a.SysDir, Dev: a.DevDir, Run: a.command, Logger: a.Logger}
	for _, d := range disks {
		if err := host.Ensure(ctx, d); err != nil {
			return fmt.Errorf("disk for %s: %w", d.Mount, err)
		}
	}
	return nil
}

// command runs one of the machine's own programs to its end and returns what it
// wrote. The reaper starts it: nobody else may.
func (a *Agent) command(ctx context.Context, words ...string) (output string, code int, err error) {
	path, err := hostProgram(words[0])
	if err != nil {
		return "", 0, jeroboam.Errorf(jeroboam.Unsupported, "program", "The machine's image has no %s.", words[0]).
			WithRemedy("Choose an image that has it, as every usual one does.").Wrap(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return "", 0, err
	}
	defer read.Close()
	process, err := a.reaper.Start(supervise.Command{Path: path, Args: words, Env: []string{"PATH=" + hostPath, "LC_ALL=C"}, Output: write})
	write.Close()
	if err != nil {
		return "", 0, err
	}
	stop := context.AfterFunc(ctx, func() { process.Signal(9) })
	defer stop()
	text, err := io.ReadAll(io.LimitReader(read, maxOutput))
	exit := process.Exit()
	if err == nil && (!exit.Known || exit.Signal != 0) {
		err = fmt.Errorf("%s %s", words[0], exit)
	}
	return string(text), exit.Code, err
}

const maxOutput = 64 << 10 // of a command, in bytes
