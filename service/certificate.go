package service

import (
	"context"
	"fmt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// authorityName translates Magnum's word for a type of CA; any word that means
// no other is the cluster's own.
func authorityName(kind string) string {
	switch kind {
	case "etcd":
		return jeroboam.AuthorityEtcd
	case "front_proxy", "front-proxy":
		return jeroboam.AuthorityFrontProxy
	}
	return jeroboam.AuthorityMain
}

// Authority shows a certificate authority of a cluster; its kind is Magnum's
// ca_cert_type. It returns the cluster, too, by whichever name it was found.
func (s *Service) Authority(ctx context.Context, caller jeroboam.Caller, ident, kind string) (jeroboam.Authority, error) {
	return store.View(ctx, s.Store, func(tx store.Tx) (jeroboam.Authority, error) {
		return s.authority(tx, caller, "certificate:get", ident, kind)
	})
}

func (s *Service) authority(tx store.Tx, caller jeroboam.Caller, rule, ident, kind string) (jeroboam.Authority, error) {
	c, err := s.gate.Cluster(tx, caller, ident, access.Own(rule))
	if err != nil {
		return jeroboam.Authority{}, err
	}
	a, err := store.Get[jeroboam.Authority](tx, jeroboam.AuthorityID(c.ID, authorityName(kind)))
	if jeroboam.KindOf(err) != jeroboam.NotFound {
		return a, err
	}
	return a, jeroboam.Errorf(jeroboam.Conflict, "authority", "Cluster %s has no certificate authority %s yet.", c.Name, authorityName(kind)).
		WithRemedy("Ask again in a moment: it is the first thing that a new cluster gets.")
}

// Sign signs a CSR for a user of the cluster. The subject is the CSR's own: who
// may call this route may become administrator of the cluster.
func (s *Service) Sign(ctx context.Context, caller jeroboam.Caller, ident, kind string, csr []byte) (jeroboam.Authority, string, error) {
	a, err := store.View(ctx, s.Store, func(tx store.Tx) (jeroboam.Authority, error) {
		return s.authority(tx, caller, "certificate:create", ident, kind)
	})
	if err != nil {
		return a, "", err
	}
	signed, err := s.Signer.SignClient(ctx, a, csr)
	if err != nil {
		return a, "", fmt.Errorf("sign for cluster %s: %w", a.Cluster, err)
	}
	return a, signed, nil
}
