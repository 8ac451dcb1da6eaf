package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// The records, below State/local:
//
//	clusters/CLUSTER/network.json
//	clusters/CLUSTER/machines/ID/machine.json      and all that is the machine's
//	clusters/CLUSTER/balancers/NAME/balancer.json
//	clusters/CLUSTER/addresses/NAME/address.json

type networkRecord struct {
	Scope   cloud.Scope  `json:"scope"`
	Name    string       `json:"name"`
	Bridge  string       `json:"bridge"`
	Subnet  netip.Prefix `json:"subnet"`
	Gateway netip.Addr   `json:"gateway"`
	DNS     string       `json:"dns,omitempty"`
}

func (r networkRecord) network() cloud.Network {
	return cloud.Network{ID: r.Bridge, CIDR: r.Subnet.String(), Gateway: r.Gateway.String()}
}

type machineRecord struct {
	Scope   cloud.Scope     `json:"scope"`
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Role    string          `json:"role"`
	Address netip.Addr      `json:"address"`
	Flavor  jeroboam.Flavor `json:"flavor"`
}

// addressRecord is that of a balancer or of a virtual address.
type addressRecord struct {
	Scope   cloud.Scope `json:"scope"`
	Name    string      `json:"name"`
	Address netip.Addr  `json:"address"`
}

func (l *Local) clusterDir(cluster string) string { return filepath.Join(l.dir, "clusters", cluster) }

func (l *Local) networkFile(cluster string) string {
	return filepath.Join(l.clusterDir(cluster), "network.json")
}

// readRecord reads a JSON record; found is false when there is none.
func readRecord[T any](path string) (record T, found bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return record, false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &record)
	}
	if err != nil {
		return record, false, jeroboam.Errorf(jeroboam.Unavailable, "record-damaged", "The record %s cannot be read.", path).
			WithRemedy("Delete the cluster, or restore the file.").Wrap(err)
	}
	return record, true, nil
}

// writeRecord writes a record, whole or not at all, making its directory.
func writeRecord(path string, record any) error {
	data, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, data)
}

func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return diskFailed(err)
	}
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return diskFailed(err)
	}
	_, err = file.Write(data)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return diskFailed(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return diskFailed(err)
	}
	return nil
}

func diskFailed(err error) error {
	return jeroboam.Errorf(jeroboam.Unavailable, "disk", "The state directory cannot be written.").
		WithRemedy("Make room on its disk, or correct its permissions.").Wrap(err)
}

// machineRecords reads every machine's record; damaged ones are left out, List
// finds those by their directories.
func (l *Local) machineRecords(cluster string) ([]machineRecord, error) {
	return records[machineRecord](l, machineKind, cluster)
}

func records[T any](l *Local, k kind, cluster string) ([]T, error) {
	names, err := subdirectories(l.dirOf(k, cluster, ""))
	if err != nil {
		return nil, err
	}
	var all []T
	for _, name := range names {
		if record, found, err := readRecord[T](l.recordOf(k, cluster, name)); found && err == nil {
			all = append(all, record)
		}
	}
	return all, nil
}

// subdirectories lists the names of the directories in dir, sorted; a dir that
// is absent has none.
func subdirectories(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, failed("records", "The records of the local cloud cannot be read.", err)
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

// tag marks a network device as ours, for the cluster, in its alias.
func (l *Local) tag(cluster string, more ...string) string {
	return strings.Join(append([]string{"jeroboam", l.instance, cluster}, more...), ":")
}

// clusterOfTag is the cluster a device is for, "" for one that is not ours.
func (l *Local) clusterOfTag(alias string) string {
	parts := strings.Split(alias, ":")
	if len(parts) < 3 || parts[0] != "jeroboam" || parts[1] != l.instance {
		return ""
	}
	return parts[2]
}

// deviceName makes a name for a network device out of a hash: the kernel takes
// 15 bytes. kind is "jb" for bridges, "jv" for the machines' cables.
func (l *Local) deviceName(kind, of string, attempt int) string {
	return kind + "-" + digest(12, l.instance, of, fmt.Sprint(attempt))
}
