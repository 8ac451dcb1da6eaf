package engine

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/agents"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/ledger"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/node/boot"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// makeMachine writes the machine down, has the cloud make it, start it again or
// find it, and writes down what came of it.
func (t task) makeMachine(ctx context.Context) error {
	spec, err := t.machineSpec(ctx)
	if err != nil {
		return err
	}
	m, err := t.planned(ctx)
	if err != nil {
		return err
	}
	if m.Status.CloudID != "" {
		if err := t.ensureFooting(ctx); err != nil {
			return err
		}
	}
	spec.ID = m.ID
	spec.UserData = func() ([]byte, error) { return t.userData(ctx, m, spec.Image) }
	var made cloud.Machine
	err = t.call(ctx, "ensure machine", func() (err error) {
		made, err = t.driver.Cloud.EnsureMachine(ctx, t.scope(), spec)
		return err
	})
	if err != nil {
		return err
	}
	return t.commit(ctx, func(tx store.Tx) error {
		_, err := store.Edit(tx, m.ID, func(m *jeroboam.Machine) {
			m.Status.CloudID, m.Status.Address, m.Status.Public = made.CloudID, made.Address, made.Public
			m.Status.Volumes = made.Volumes
			m.UpdatedAt = t.run.Now().UTC()
		})
		if err != nil {
			return err
		}
		return t.run.ledger.Made(tx, t.snap.Cluster, jeroboam.KindMachine, m.Name, made.CloudID, nil)
	})
}

func (t task) machineSpec(ctx context.Context) (cloud.MachineSpec, error) {
	m, c := t.step.Machine, t.snap.Cluster
	network, err := t.snap.Network()
	if err != nil {
		return cloud.MachineSpec{}, err
	}
	flavor, err := t.driver.Catalogue.FindFlavor(ctx, c.Project, m.Flavor)
	if err != nil {
		return cloud.MachineSpec{}, err
	}
	image, err := t.driver.Catalogue.FindImage(ctx, c.Project, m.Image)
	if err != nil {
		return cloud.MachineSpec{}, err
	}
	spec := cloud.MachineSpec{Name: m.Name, Role: m.Role, Index: m.Index, Group: m.Group, Network: network, Flavor: flavor, Image: image, Labels: c.Spec.Labels,
		Bare: t.driver.Bare, Volumes: cloud.VolumesOf(c.Spec.Labels, t.snap.Group(m.Group)),
		Public:  cloud.PublicOf(c),
		Keypair: cloud.Keypair{Name: c.Spec.Keypair, User: c.User}}
	spec.Public.Address = m.Status.Public
	if pods := t.driver.COE.Traits().PodNetwork.In(c.Spec.Labels); pods != "" {
		spec.Routed = []string{pods}
	}
	if address := t.snap.VirtualAddress(); address != "" && m.IsMaster() {
		spec.Routed = append(spec.Routed, address)
	}
	return spec, nil
}

// planned returns the machine's record, written together with its line of the
// ledger before the cloud hears of it. The name finds the one that an earlier
// attempt wrote.
func (t task) planned(ctx context.Context) (jeroboam.Machine, error) {
	var m jeroboam.Machine
	err := store.Retry(ctx, t.run.Store, func(tx store.Tx) error {
		have, err := store.List[jeroboam.Machine](tx, store.Query{Parent: t.run.id, Name: t.step.Machine.Name})
		if err != nil {
			return err
		}
		if len(have) > 0 {
			m = have[0]
		} else {
			m = t.step.Machine
			m.ID, m.CreatedAt = uuid.NewString(), t.run.Now().UTC()
			if err := store.Put(tx, &m); err != nil {
				return err
			}
			if err := quota.Machines(tx, m.Group, 1); err != nil {
				return err
			}
		}
		return t.run.ledger.Intend(tx, t.snap.Cluster, jeroboam.KindMachine, m.Name, map[string]string{ledger.AttributeID: m.ID})
	})
	return m, err
}

// userData is called by the cloud when the machine is really made: it gets a
// token of its own, and whatever was known of a former machine of this record
// is forgotten with the former token.
func (t task) userData(ctx context.Context, m jeroboam.Machine, image jeroboam.Image) ([]byte, error) {
	var token jeroboam.Secret
	err := store.Retry(ctx, t.run.Store, func(tx store.Tx) (err error) {
		if token, err = agents.Invite(tx, m); err != nil {
			return err
		}
		_, err = store.Edit(tx, m.ID, func(m *jeroboam.Machine) {
			// The COE still knows a node of this name, and keeps it cordoned.
			m.Status = jeroboam.MachineStatus{Deleting: m.Status.Deleting, Cordoned: m.Status.Cordoned}
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	gateway := t.run.Gateway.of(t.driver.Cloud)
	u := node.UserData{Machine: m.ID, Gateway: gateway.URL, CA: gateway.CA, Token: token}
	if !t.driver.Cloud.Capabilities().StockImages {
		return json.Marshal(u)
	}
	return boot.Render(image.Distro, u, t.run.Gateway.Agent)
}
