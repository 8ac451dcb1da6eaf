package apikit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/plan"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// Keys holds the keys of authorities and signs with them.
type Keys struct {
	mu   sync.Mutex
	keys map[string]jeroboam.Secret
}

// NewKeys returns an empty one.
func NewKeys() *Keys { return &Keys{keys: map[string]jeroboam.Secret{}} }

// SignClient signs as the service does.
func (k *Keys) SignClient(_ context.Context, a jeroboam.Authority, csr []byte) (string, error) {
	k.mu.Lock()
	key := k.keys[a.ID]
	k.mu.Unlock()
	issuer, err := pki.Load(a.PEM, key)
	if err != nil {
		return "", err
	}
	return issuer.SignCSR(string(csr), time.Now(), time.Hour)
}

// authority makes the named authority of a cluster; outside a transaction,
// because making a key takes time.
func (k *Keys) authority(c jeroboam.Cluster, name string) (jeroboam.Authority, error) {
	pem, key, err := pki.NewAuthority(c.Name, time.Now(), time.Hour)
	if err != nil {
		return jeroboam.Authority{}, err
	}
	a := jeroboam.Authority{ID: jeroboam.AuthorityID(c.ID, name), Cluster: c.ID, Project: c.Project, Name: name, PEM: pem,
		Generation: c.Spec.Generation(name)}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[a.ID] = key
	return a, nil
}

// Work converges clusters as they are woken until the test ends.
func (h *House) Work(t testing.TB) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- h.Store.Work(ctx, store.Worker{Concurrency: 2,
			Run: func(ctx context.Context, cluster string, _ <-chan struct{}) (time.Duration, error) {
				return 0, h.Converge(ctx, cluster)
			}})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
}

// Converge brings one cluster to where it wants to be.
func (h *House) Converge(ctx context.Context, cluster string) error {
	var c jeroboam.Cluster
	err := h.Store.View(ctx, func(tx store.Tx) (err error) {
		c, err = store.Get[jeroboam.Cluster](tx, cluster)
		return err
	})
	if jeroboam.KindOf(err) == jeroboam.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if c.Spec.Deleted {
		return h.Store.Update(ctx, func(tx store.Tx) error { return forget(tx, cluster) })
	}
	if err := h.authorities(ctx, c); err != nil {
		return err
	}
	return h.Store.Update(ctx, func(tx store.Tx) error { return h.settle(tx, cluster) })
}

func (h *House) authorities(ctx context.Context, c jeroboam.Cluster) error {
	for _, name := range (Engine{}).Traits().Authorities {
		a, err := h.Keys.authority(c, name)
		if err != nil {
			return err
		}
		err = h.Store.Update(ctx, func(tx store.Tx) error {
			kept := a
			if old, err := store.Get[jeroboam.Authority](tx, a.ID); err == nil {
				kept.Revision, kept.Seq = old.Revision, old.Seq
			}
			return store.Put(tx, &kept)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// settle makes the machines that the groups want and ends the operations.
func (h *House) settle(tx store.Tx, cluster string) error {
	c, err := store.Get[jeroboam.Cluster](tx, cluster)
	if err != nil {
		return err
	}
	groups, err := store.List[jeroboam.NodeGroup](tx, store.Query{Parent: cluster})
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := h.settleGroup(tx, c, g); err != nil {
			return err
		}
	}
	if err := errors.Join(made(tx, c, jeroboam.KindNetwork, c.Name), credential(tx, c)); err != nil {
		return err
	}
	c.Status.APIAddress, c.Status.COEVersion = "https://10.0.0.2:6443", c.Spec.Version
	switch c.Status.State {
	case jeroboam.CreateInProgress:
		c.Status.State = jeroboam.CreateComplete
	case jeroboam.UpdateInProgress:
		c.Status.State = jeroboam.UpdateComplete
	}
	c.UpdatedAt = h.Clock.Now()
	if err := store.Put(tx, &c); err != nil {
		return err
	}
	return h.endOperations(tx, c)
}

// made writes a line of the ledger.
func made(tx store.Tx, c jeroboam.Cluster, kind, name string) error {
	r := jeroboam.Resource{ID: jeroboam.ResourceID(c.ID, kind, name), Cluster: c.ID, Project: c.Project, Kind: kind, Name: name, State: jeroboam.ResourceMade}
	if old, err := store.Get[jeroboam.Resource](tx, r.ID); err == nil {
		r.Revision, r.Seq = old.Revision, old.Seq
	}
	return store.Put(tx, &r)
}

// credential makes the cluster's credential of the wanted generation the only one.
func credential(tx store.Tx, c jeroboam.Cluster) error {
	ledger, err := store.List[jeroboam.Resource](tx, store.Query{Parent: c.ID})
	for _, r := range ledger {
		if r.Kind == jeroboam.KindCredential && r.Name != plan.CredentialName(c) {
			err = errors.Join(err, store.Delete(tx, r))
		}
	}
	return errors.Join(err, made(tx, c, jeroboam.KindCredential, plan.CredentialName(c)))
}

func (h *House) settleGroup(tx store.Tx, c jeroboam.Cluster, g jeroboam.NodeGroup) error {
	machines, err := store.List[jeroboam.Machine](tx, store.Query{Parent: c.ID})
	if err != nil {
		return err
	}
	for _, m := range machines {
		if m.Group == g.ID && (g.Spec.Deleted || m.Index >= g.Spec.Count) {
			if err := errors.Join(tx.Delete(store.KindResource, jeroboam.ResourceID(c.ID, jeroboam.KindMachine, m.Name), 0), store.Delete(tx, m)); err != nil {
				return err
			}
		}
	}
	if g.Spec.Deleted {
		return store.Delete(tx, g)
	}
	g.Status.Addresses, g.Status.Version = nil, plan.WantedVersion(c, g)
	for i := range g.Spec.Count {
		m := jeroboam.Machine{ID: fmt.Sprintf("%08d-%s", i+1, g.ID[9:]), Cluster: c.ID, Project: c.Project, Group: g.ID, Role: g.Role,
			Index: i, Name: fmt.Sprintf("%s-%s-%d", c.Name, g.Name, i), Status: jeroboam.MachineStatus{Address: fmt.Sprintf("10.0.%d.%d", len(g.Name), i+2)}}
		m.Status.CloudID, m.Status.AppliedConfig, m.Status.JoinedAt, m.Status.ReadyAt = m.ID, "config", h.Clock.Now(), h.Clock.Now()
		g.Status.Addresses = append(g.Status.Addresses, m.Status.Address)
		old, err := store.Get[jeroboam.Machine](tx, m.ID)
		if err == nil {
			m = old
		}
		m.Status.Version = g.Status.Version
		if err := errors.Join(store.Put(tx, &m), made(tx, c, jeroboam.KindMachine, m.Name)); err != nil {
			return err
		}
	}
	g.Spec.Remove = nil
	switch g.Status.State {
	case jeroboam.CreateInProgress:
		g.Status.State = jeroboam.CreateComplete
	case jeroboam.UpdateInProgress:
		g.Status.State = jeroboam.UpdateComplete
	}
	return store.Put(tx, &g)
}

func (h *House) endOperations(tx store.Tx, c jeroboam.Cluster) error {
	operations, err := store.List[jeroboam.Operation](tx, store.Query{Parent: c.ID})
	if err != nil {
		return err
	}
	for _, op := range operations {
		if op.State.Ended() {
			continue
		}
		op.State, op.StartedAt, op.FinishedAt = jeroboam.OperationComplete, h.Clock.Now(), h.Clock.Now()
		step := jeroboam.Step{ID: op.ID + "/ready", Operation: op.ID, Cluster: c.ID, Project: c.Project, Name: "ready",
			State: jeroboam.StepDone, Attempt: 1, StartedAt: op.StartedAt, FinishedAt: op.FinishedAt}
		event := jeroboam.Event{ID: op.ID + "/end", Cluster: c.ID, Project: c.Project, Operation: op.ID, Type: "operation",
			State: string(op.State), Message: op.Verb + " " + op.Summary, At: h.Clock.Now()}
		if err := errors.Join(store.Put(tx, &op), store.Put(tx, &step), store.Put(tx, &event)); err != nil {
			return err
		}
	}
	return nil
}

// forget removes a cluster; its operations and events stay, as the engine
// leaves them.
func forget(tx store.Tx, cluster string) error {
	c, err := store.Get[jeroboam.Cluster](tx, cluster)
	if err != nil {
		return err
	}
	return errors.Join(forgetAll[jeroboam.Resource](tx, cluster), forgetAll[jeroboam.NodeGroup](tx, cluster),
		forgetAll[jeroboam.Machine](tx, cluster), forgetAll[jeroboam.Authority](tx, cluster), store.Delete(tx, c))
}

func forgetAll[T store.Noun](tx store.Tx, cluster string) error {
	all, err := store.List[T](tx, store.Query{Parent: cluster})
	for _, one := range all {
		err = errors.Join(err, store.Delete(tx, one))
	}
	return err
}
