package configs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// The plain forms leave out what changes without meaning anything for a
// config, so that the same machine has the same config.

func plainCluster(c jeroboam.Cluster) jeroboam.Cluster {
	c.Status, c.Observed, c.UpdatedAt, c.Revision = jeroboam.ClusterStatus{}, jeroboam.ClusterObserved{}, time.Time{}, 0
	c.Spec.Deleted = false
	return c
}

func plainGroup(g jeroboam.NodeGroup) jeroboam.NodeGroup {
	g.Status, g.Claim, g.UpdatedAt, g.Revision = jeroboam.NodeGroupStatus{}, jeroboam.Claim{}, time.Time{}, 0
	g.Spec.Remove = nil
	return g
}

func plainMachine(m jeroboam.Machine) jeroboam.Machine {
	m.Status = jeroboam.MachineStatus{CloudID: m.Status.CloudID, Address: m.Status.Address, Volumes: m.Status.Volumes}
	m.UpdatedAt, m.Revision = time.Time{}, 0
	return m
}

// fingerprint identifies an input and the machines whose configs it yields.
func fingerprint(common input, machines []jeroboam.Machine) string {
	var leaving []string
	for _, m := range machines {
		if m.Status.Deleting {
			leaving = append(leaving, m.ID)
		}
	}
	data, err := json.Marshal(struct {
		Common  input
		Leaving []string
	}{common, leaving})
	if err != nil {
		panic(err) // plain data
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
