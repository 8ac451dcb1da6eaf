package service

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/service/internal/refusal"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// RotateAuthority asks for a new generation of one certificate authority, or of
// all of them when kind (Magnum's ca_cert_type) is "".
func (s *Service) RotateAuthority(ctx context.Context, caller jeroboam.Caller, ident, kind string) (jeroboam.Cluster, error) {
	return store.Update(ctx, s.Store, func(tx store.Tx) (jeroboam.Cluster, error) {
		c, err := s.gate.Cluster(tx, caller, ident, access.Own("certificate:rotate_ca"))
		if err != nil {
			return c, err
		}
		if c.Spec.TLSDisabled {
			return c, jeroboam.Errorf(jeroboam.Invalid, "tls", "Rotating the CA certificate on a non-TLS cluster is not supported").
				WithRemedy("Make a cluster of a template without tls_disabled, and move the work to it.")
		}
		if err := refusal.UnlessResting(c.Status.State, "Updating a cluster"); err != nil {
			return c, err
		}
		names, err := s.wantGeneration(&c, kind)
		if err != nil {
			return c, err
		}
		summary := "authority " + strings.Join(names, ", ")
		return c, s.begin(tx, caller, &c, change{jeroboam.VerbRotate, summary, jeroboam.UpdateInProgress, c.Spec.CreateTimeout})
	})
}

// wantGeneration wants one more generation of the authorities it returns.
func (s *Service) wantGeneration(c *jeroboam.Cluster, kind string) ([]string, error) {
	d, err := s.drivers.Of(*c)
	if err != nil {
		return nil, err
	}
	have := d.Engine.Traits().Authorities
	if kind == "" {
		c.Spec.Rotation++
		return have, nil
	}
	name := authorityName(kind)
	if !slices.Contains(have, name) || (name == jeroboam.AuthorityMain && kind != name && kind != "kubelet") {
		return nil, jeroboam.Errorf(jeroboam.Invalid, "ca_cert_type", "Cluster %s has no certificate authority of the type %q.", c.Name, kind).
			WithRemedy("Use one of %s, or none for all of them.", strings.Join(have, ", "))
	}
	rotations := maps.Clone(c.Spec.Rotations)
	if rotations == nil {
		rotations = map[string]int{}
	}
	rotations[name]++
	c.Spec.Rotations = rotations
	return []string{name}, nil
}

// RotateCredential asks for a new credential of the cloud for what runs on the
// cluster's nodes, also while another update is under way.
func (s *Service) RotateCredential(ctx context.Context, caller jeroboam.Caller, ident string) (jeroboam.Cluster, error) {
	return store.Update(ctx, s.Store, func(tx store.Tx) (jeroboam.Cluster, error) {
		c, err := s.gate.Cluster(tx, caller, ident, access.Own("credential:rotate"))
		if err != nil {
			return c, err
		}
		d, err := s.drivers.Of(c)
		if err != nil {
			return c, err
		}
		if !d.Credentials {
			return c, jeroboam.Errorf(jeroboam.Unsupported, "credential",
				"Credential rotation is not supported by driver %s: its clusters hold no credential of a cloud.", d.Name)
		}
		if err := refusal.UnlessResizable(c.Status.State, "Rotating the credential of a cluster"); err != nil {
			return c, err
		}
		c.Spec.Credential++
		return c, s.begin(tx, caller, &c, change{jeroboam.VerbRotate, "credential", jeroboam.UpdateInProgress, c.Spec.CreateTimeout})
	})
}
