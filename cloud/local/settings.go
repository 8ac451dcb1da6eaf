package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// setting is one of the kernel's that machines need at least so high and that
// only the host as a whole has.
type setting struct {
	path  string
	least int
}

// settings are what the host gets while it has clusters. The kernel's default
// of 128 inotify instances is enough for some ten machines: the runtime and the
// kubelet of one take about a dozen, all of them the same user's.
var settings = []setting{
	{"/proc/sys/net/ipv4/ip_forward", 1},
	{"/proc/sys/fs/inotify/max_user_instances", 16384},
	{"/proc/sys/fs/inotify/max_user_watches", 1048576},
}

// before is where the value is kept that the host had before the first cluster
// of any instance came.
func (s setting) before() string { return filepath.Join(hostDir, filepath.Base(s.path)+".before") }

// raiseSettings changes what is too low. Its caller holds the host's lock.
func raiseSettings() error {
	for _, s := range settings {
		if err := s.raise(); err != nil {
			return fmt.Errorf("set %s: %w", s.path, err)
		}
	}
	return nil
}

func (s setting) raise() error {
	now, err := os.ReadFile(s.path)
	if err != nil {
		return err
	}
	if value, err := strconv.Atoi(strings.TrimSpace(string(now))); err != nil || value >= s.least {
		return err
	}
	if err := os.WriteFile(s.before(), now, 0o600); err != nil {
		return err
	}
	return os.WriteFile(s.path, []byte(strconv.Itoa(s.least)), 0o644)
}

// setBack undoes raiseSettings. Its caller holds the host's lock.
func setBack() error {
	for _, s := range settings {
		value, err := os.ReadFile(s.before())
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(s.path, value, 0o644)
		}
		if err != nil {
			return fmt.Errorf("set %s back: %w", s.path, err)
		}
		_ = os.Remove(s.before())
	}
	return nil
}
