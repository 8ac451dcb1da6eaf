package inside

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// writeFiles writes what makes this machine this machine. They are written at
// every start, as a machine of a cloud gets them from its metadata.
func writeFiles(_, root string, c Config) error {
	userData, err := os.ReadFile(c.UserData)
	if err != nil {
		return err
	}
	hosts := fmt.Sprintf("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n%s %s\n", c.Address, c.Hostname)
	files := []struct {
		path    string
		content string
		mode    os.FileMode
	}{
		{"/etc/hostname", c.Hostname + "\n", 0o644},
		{"/etc/hosts", hosts, 0o644},
		{"/etc/resolv.conf", resolvers(c.Nameserver), 0o644},
		{"/etc/machine-id", strings.ReplaceAll(c.UUID, "-", "") + "\n", 0o444},
		{"/etc/shadow", "root:*:19000:0:99999:7:::\n", 0o600},
		{"/etc/gshadow", "root:*::\n", 0o600},
		{UserDataPath, string(userData), 0o600},
	}
	for _, f := range files {
		path := filepath.Join(root, f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		// Some are links on some hosts (resolv.conf): a machine has files.
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return err
		}
		if err := os.WriteFile(path, []byte(f.content), f.mode); err != nil {
			return err
		}
	}
	return nil
}

// resolvers makes the machine's resolv.conf: the nameserver asked for, or the
// host's as far as a machine can reach them. A resolver on the host's loopback
// is left out; what it forwards to is taken instead where systemd tells.
func resolvers(nameserver string) string {
	if nameserver != "" {
		return "nameserver " + nameserver + "\n"
	}
	for _, path := range []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"} {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		if text, found := reachable(string(data)); found {
			return text
		}
	}
	return "# The host has no resolver that a machine can reach.\n"
}

func reachable(conf string) (text string, found bool) {
	var kept []string
	for line := range strings.SplitSeq(conf, "\n") {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "nameserver" {
			address, err := netip.ParseAddr(fields[1])
			if err != nil || address.IsLoopback() {
				continue
			}
			found = true
		}
		kept = append(kept, line)
	}
	return strings.TrimSpace(strings.Join(kept, "\n")) + "\n", found
}
