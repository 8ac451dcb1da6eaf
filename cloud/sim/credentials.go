package sim

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

// EnsureCredential makes or finds a credential of the cluster.
func (c *Cloud) EnsureCredential(ctx context.Context, scope cloud.Scope, spec cloud.CredentialSpec) (cloud.Credential, error) {
	var out cloud.Credential
	err := c.do(ctx, Call{Name: "EnsureCredential", Cluster: scope.Cluster, Object: spec.Name}, func() error {
		c.mu.Lock()
		defer c.mu.Unlock()
		id := "credential-" + scope.Cluster + "-" + spec.Name
		out = cloud.Credential{CloudID: id, Values: map[string]jeroboam.Secret{"id": jeroboam.Secret(id), "secret": spec.Secret}}
		c.tenant(scope).credentials[spec.Name] = out
		return nil
	})
	return out, err
}
