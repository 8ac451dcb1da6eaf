package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// rotate plans the stage that certificate authorities are due for. All that are
// due for the same one take it in one step, so that machines change once for
// all of them. Each stage but the first waits until every machine has what the
// one before it has changed.
func (b *builder) rotate() {
	var fresh, trusted, signing []string
	for _, a := range b.Actual.Authorities {
		switch {
		case !slices.Contains(b.Desired.Authorities, a.Name):
		case a.Former != "":
			signing = append(signing, a.Name)
		case a.Next != "":
			trusted = append(trusted, a.Name)
		case a.Generation < b.Cluster.Spec.Generation(a.Name):
			fresh = append(fresh, a.Name)
		}
	}
	settled := b.onMachines()
	b.stage(Trust, fresh, nil)
	b.stage(Reissue, trusted, settled)
	b.stage(Retire, signing, settled)
}

func (b *builder) stage(a Action, authorities, needs []string) {
	if len(authorities) == 0 {
		return
	}
	slices.Sort(authorities)
	b.add(Step{Name: string(a) + " " + strings.Join(authorities, ", "), Action: a, Targets: authorities, Needs: needs})
}

// onMachines names what is still to be done with machines.
func (b *builder) onMachines() []string {
	var out []string
	for _, s := range b.steps {
		if s.Machine.Name != "" {
			out = append(out, s.Name)
		}
	}
	return out
}

// CredentialName is the name of the credential that a cluster should have of
// the cloud: another one for each generation.
func CredentialName(c jeroboam.Cluster) string {
	return c.Name + "-" + strconv.Itoa(c.Spec.Credential)
}

func (b *builder) hasCredential() bool {
	return slices.ContainsFunc(b.Ledger, func(r jeroboam.Resource) bool {
		return r.Kind == jeroboam.KindCredential && r.State == jeroboam.ResourceMade && r.Name == CredentialName(b.Cluster)
	})
}

// retireCredentials deletes former credentials of the cluster when every machine
// has the config with the new one.
func (b *builder) retireCredentials() {
	for _, r := range b.Ledger {
		if r.Kind != jeroboam.KindCredential || (b.Desired.Credential && r.Name == CredentialName(b.Cluster)) {
			continue
		}
		s := deletion(r, jeroboam.Machine{})
		s.Needs = append(b.onMachines(), string(MakeCredential))
		b.add(s)
	}
}
