// Package disk brings the disks of a machine to where its services look for
// them: found by their serial numbers, given a file system when they hold
// nothing that blkid(8) knows, mounted. What holds anything is never written over.
package disk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// Host is the machine that has the disks.
type Host struct {
	Sys string // /sys
	Dev string // /dev
	// Run runs a program to its end: what it wrote, and its exit code. An error
	// is one that could not be run, or was killed.
	Run    func(ctx context.Context, words ...string) (output string, code int, err error)
	Logger *slog.Logger
}

// fileSystem is what a blank disk gets: every image has the programs for it.
const fileSystem = "ext4"

// Ensure mounts the disk unless it is. A disk that is not there yet is
// Unavailable; one that holds something that cannot be mounted is Invalid.
func (h Host) Ensure(ctx context.Context, d node.Disk) error {
	device, err := h.find(d.Serial)
	if err != nil {
		return err
	}
	if there, err := isMounted(device, d.Mount); there || err != nil {
		return err
	}
	kind, err := h.look(ctx, device)
	if err != nil {
		return err
	}
	if kind == "" {
		if err := h.format(ctx, device); err != nil {
			return err
		}
		kind = fileSystem
	}
	if err := os.MkdirAll(d.Mount, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(device, d.Mount, kind, unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mount %s (%s): %w", device, kind, err)
	}
	h.Logger.Info("disk mounted", "device", device, "path", d.Mount, "filesystem", kind)
	return nil
}

// Exit codes of blkid(8).
const (
	blkidFound   = 0
	blkidNothing = 2
)

// look tells which file system the disk holds, "" for nothing.
func (h Host) look(ctx context.Context, device string) (kind string, err error) {
	if err := readable(device); err != nil {
		return "", err // blkid calls what it cannot read nothing
	}
	output, code, err := h.Run(ctx, "blkid", "-p", "-o", "export", device)
	switch {
	case err != nil:
		return "", err
	case code == blkidNothing:
		return "", nil
	case code != blkidFound:
		return "", occupied(device, fmt.Sprintf("blkid cannot tell what (exit code %d)", code))
	}
	found := map[string]string{}
	for line := range strings.Lines(output) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		found[key] = value
	}
	switch {
	case found["USAGE"] == "filesystem" && found["TYPE"] != "":
		return found["TYPE"], nil
	case found["PTTYPE"] != "":
		return "", occupied(device, "a partition table ("+found["PTTYPE"]+")")
	}
	return "", occupied(device, found["TYPE"])
}

func occupied(device, what string) error {
	return jeroboam.Errorf(jeroboam.Invalid, "disk", "The disk %s holds something that is no file system: %s.", device, what).
		WithRemedy("It is left as it is. Replace the machine; its volumes are made anew with it.")
}

// readable reads the beginning of a disk.
func readable(device string) error {
	f, err := os.Open(device)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Read(make([]byte, 64<<10))
	return err
}

// format makes a file system, to the end: nobody is helped by a half of one. All
// of the disk is for its one user, so nothing is kept back for root.
func (h Host) format(ctx context.Context, device string) error {
	output, code, err := h.Run(context.WithoutCancel(ctx), "mkfs."+fileSystem, "-q", "-m", "0", device)
	if err == nil && code != 0 {
		err = fmt.Errorf("mkfs of %s: exit code %d: %s", device, code, strings.TrimSpace(output))
	}
	if err == nil {
		h.Logger.Info("file system made", "device", device, "filesystem", fileSystem)
	}
	return err
}

// isMounted reports whether the device is mounted at the path. Another one there
// is an error: it would hide, or be hidden.
func isMounted(device, path string) (bool, error) {
	var disk, at, above unix.Stat_t
	if err := unix.Stat(device, &disk); err != nil {
		return false, fmt.Errorf("stat %s: %w", device, err)
	}
	err := unix.Stat(path, &at)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("stat %s: %w", path, err)
	}
	if at.Dev == disk.Rdev {
		return true, nil
	}
	if err := unix.Stat(path+"/..", &above); err != nil {
		return false, fmt.Errorf("stat %s/..: %w", path, err)
	}
	if above.Dev != at.Dev {
		return false, fmt.Errorf("another disk is mounted at %s", path)
	}
	return false, nil
}
