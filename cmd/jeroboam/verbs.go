package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/release"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/vault"
)

// openVerbs makes what the API and the autoscalers of clusters ask.
func (h *house) openVerbs(context.Context) error {
	h.verbs = service.New(service.Options{
		Store: h.store, Drivers: serviceDrivers(h.drivers), Policy: h.policy, Signer: signer{h.vault}, Versions: h.bundles.Versions, CheckUpgrade: release.CheckUpgrade,
		Limits: service.Limits{Quotas: h.config.quotas()}, Host: hostname(), StrictLabels: h.config.Labels == labelsStrict,
	})
	return nil
}

// signer signs users' requests with the authorities in the vault.
type signer struct{ vault vault.Vault }

// userCertificateLife is how long a user's certificate is good for.
const userCertificateLife = 365 * 24 * time.Hour

func (s signer) SignClient(ctx context.Context, a jeroboam.Authority, csr []byte) (string, error) {
	key, err := s.vault.Get(ctx, a.Cluster, a.KeyName(a.Generation))
	if err != nil {
		return "", fmt.Errorf("key of authority %s: %w", a.ID, err)
	}
	issuer, err := pki.Load(a.PEM, key)
	if err != nil {
		return "", err
	}
	return issuer.SignCSR(string(csr), time.Now(), userCertificateLife)
}
