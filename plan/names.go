package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// Longest parts of a machine name: 30 + 1 + 25 + 1 + digits stays under the 63
// characters of an RFC 1123 label.
const (
	maxCluster = 30
	maxGroup   = 20
)

// Label turns any name into an RFC 1123 label of at most max characters; one
// that has nothing usable becomes fallback.
func Label(name string, max int, fallback string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	label := b.String()
	if len(label) > max {
		label = label[:max]
	}
	if label = strings.Trim(label, "-"); label == "" {
		return fallback
	}
	return label
}

// prefixes gives each group, by ID, what the names of its machines begin with.
// Groups whose names become the same label are told apart by their ID.
func prefixes(cluster string, groups []jeroboam.NodeGroup) map[string]string {
	base := Label(cluster, maxCluster, "cluster")
	taken := map[string]bool{jeroboam.RoleMaster: true, jeroboam.RoleWorker: true}
	out := make(map[string]string, len(groups))
	for _, g := range groups {
		label := groupLabel(g)
		if !g.Default && taken[label] {
			sum := sha256.Sum256([]byte(g.ID))
			label += "-" + hex.EncodeToString(sum[:2])
		}
		taken[label] = true
		out[g.ID] = base + "-" + label + "-"
	}
	return out
}

func groupLabel(g jeroboam.NodeGroup) string {
	switch {
	case g.Default && g.IsMaster():
		return jeroboam.RoleMaster
	case g.Default:
		return jeroboam.RoleWorker
	}
	return Label(g.Name, maxGroup, "group")
}

// names hands out machine names and indexes that no machine of the cluster has.
type names struct{ taken map[string]bool }

func newNames(machines []jeroboam.Machine) names {
	n := names{taken: make(map[string]bool, len(machines))}
	for _, m := range machines {
		n.taken[m.Name] = true
	}
	return n
}

// next takes the lowest free index from start on.
func (n names) next(prefix string, start int, used map[int]bool) (name string, index int) {
	for index = start; ; index++ {
		name = prefix + strconv.Itoa(index)
		if !used[index] && !n.taken[name] {
			n.taken[name], used[index] = true, true
			return name, index
		}
	}
}
