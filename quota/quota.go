// Package quota keeps count of what projects take of their quotas, in the very
// transactions that want it or free it, so that what race for the last of
// something never get more than there is. A project has one record of its
// usage and every node group one claim: to count costs the same with one
// cluster and with ten thousand. It asks no cloud and knows no verb.
package quota

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Limits are hard limits by resource; one that is missing is no limit.
type Limits map[string]int

// Of is the limit of a resource, jeroboam.Unlimited for none.
func (l Limits) Of(resource string) int {
	if n, ok := l[resource]; ok && n >= 0 {
		return n
	}
	return jeroboam.Unlimited
}

// ID is that of a project's quota of a resource.
func ID(project, resource string) string { return project + "/" + resource }

// labelBootVolume gives nodes a volume, in GB, in place of the flavor's root disk.
const labelBootVolume = "boot_volume_size"

// Each is what one node of a group takes.
func Each(g jeroboam.NodeGroup, f jeroboam.Flavor) jeroboam.Amounts {
	disk := f.DiskGB
	// What is no number was refused, or reported, with the wish.
	if boot, _ := strconv.Atoi(g.Spec.Labels[labelBootVolume]); boot > 0 {
		disk = boot
	}
	for _, v := range cloud.VolumesOf(g.Spec.Labels, g) {
		disk += v.SizeGB
	}
	return jeroboam.Amounts{Nodes: 1, Cores: f.VCPUs, Memory: f.MemoryMB, Volume: disk}
}

// Used is what a project takes.
func Used(tx store.Tx, project string) (jeroboam.Usage, error) {
	u, err := store.Get[jeroboam.Usage](tx, project)
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return jeroboam.Usage{ID: project}, nil
	}
	return u, err
}

// Reserve takes more for a project, or gives back what is negative of it. What
// is over a limit is refused as a whole: the project's own quotas count, then
// defaults. Giving back is never refused.
func Reserve(tx store.Tx, defaults Limits, project string, more jeroboam.Amounts) error {
	u, err := Used(tx, project)
	if err != nil {
		return err
	}
	limits, err := limitsOf(tx, defaults, project)
	if err != nil {
		return err
	}
	var over []string
	for _, resource := range jeroboam.QuotaResources() {
		limit, used, asked := limits.Of(resource), u.Of(resource), more.Of(resource)
		if asked > 0 && limit >= 0 && used+asked > limit {
			over = append(over, excess(resource, limit, used, asked))
		}
	}
	if len(over) > 0 {
		return jeroboam.Errorf(jeroboam.QuotaExceeded, "quota", "Resource limit exceeded: %s", strings.Join(over, " ")).
			WithRemedy("Delete or shrink what the project has, ask for less, or ask the operator for a higher quota.")
	}
	return put(tx, u, more)
}

// excess begins with Magnum's words where Magnum has any.
func excess(resource string, limit, used, asked int) string {
	counts := fmt.Sprintf("The quota of %s is %d; %d used, %d asked for.", Title(resource), limit, used, asked)
	if resource == jeroboam.QuotaCluster {
		return fmt.Sprintf("You have reached the maximum clusters per project, %d. "+
			"You may delete a cluster to make room for a new one. ", limit) + counts
	}
	return counts
}

// Title is a resource with its unit.
func Title(resource string) string {
	switch resource {
	case jeroboam.QuotaMemory:
		return resource + " (MiB)"
	case jeroboam.QuotaVolume:
		return resource + " (GiB)"
	}
	return resource
}

func limitsOf(tx store.Tx, defaults Limits, project string) (Limits, error) {
	own, err := store.List[jeroboam.Quota](tx, store.Query{Project: project})
	if err != nil || len(own) == 0 {
		return defaults, err
	}
	limits := Limits{}
	for _, resource := range jeroboam.QuotaResources() {
		limits[resource] = defaults.Of(resource)
	}
	for _, q := range own {
		limits[q.Resource] = q.HardLimit
	}
	return limits, nil
}

// add counts without a limit: what is there is there.
func add(tx store.Tx, project string, more jeroboam.Amounts) error {
	if more == (jeroboam.Amounts{}) {
		return nil
	}
	u, err := Used(tx, project)
	if err != nil {
		return err
	}
	return put(tx, u, more)
}

func put(tx store.Tx, u jeroboam.Usage, more jeroboam.Amounts) error {
	if more == (jeroboam.Amounts{}) {
		return nil
	}
	u.Amounts = u.Plus(more)
	return store.Put(tx, &u)
}
