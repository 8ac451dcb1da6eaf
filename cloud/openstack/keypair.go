package openstack

import (
	"context"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/mark"
)

// ensureKeypair returns the name by which Nova knows the machine's key pair. Key
// pairs belong to users: who acts for another user makes one for the cluster
// out of that user's public key.
func (m machine) ensureKeypair(ctx context.Context) (string, error) {
	want := m.spec.Keypair
	if want.Name == "" || want.User == m.project.user || m.options.OwnProject {
		return want.Name, nil
	}
	name := mark.Keypair(m.scope)
	done, err := m.turn(ctx, name)
	if err != nil {
		return "", err
	}
	defer done()
	if _, err := m.project.keypair(ctx, "", name); jeroboam.KindOf(err) != jeroboam.NotFound {
		return name, err
	}
	service, err := m.in(ctx, "") // only an administrator sees others' key pairs
	if err != nil {
		return "", err
	}
	theirs, err := service.keypair(ctx, want.User, want.Name)
	if err != nil {
		return "", err
	}
	_, err = keypairs.Create(ctx, m.project.compute, keypairs.CreateOpts{Name: name, PublicKey: theirs.PublicKey}).Extract()
	if err != nil && !fault.Busy(err) {
		return "", fault.Refuse("Nova", "take over the key pair "+want.Name, err)
	}
	return name, nil
}

// keypair shows a key pair of a user, "" being who acts.
func (p *project) keypair(ctx context.Context, user, name string) (keypairs.KeyPair, error) {
	if user == p.user {
		user = ""
	}
	k, err := keypairs.Get(ctx, p.compute, name, keypairs.GetOpts{UserID: user}).Extract()
	if gophercloud.ResponseCodeIs(err, 404) {
		return keypairs.KeyPair{}, jeroboam.Errorf(jeroboam.NotFound, "keypair", "Unable to find keypair %s.", name).
			WithRemedy("Make it: openstack keypair create %s.", name)
	}
	if err != nil {
		return keypairs.KeyPair{}, fault.Refuse("Nova", "show the key pair "+name, err)
	}
	return *k, nil
}

func (p *project) dropKeypair(ctx context.Context, scope cloud.Scope) error {
	err := keypairs.Delete(ctx, p.compute, mark.Keypair(scope), keypairs.DeleteOpts{}).ExtractErr()
	if err == nil || fault.Absent(err) {
		return nil
	}
	return fault.Refuse("Nova", "delete the key pair of the cluster", err)
}
