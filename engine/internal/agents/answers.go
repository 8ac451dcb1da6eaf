package agents

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// How long configs are used without another look at the store.
const (
	configFresh = time.Second      // to be given out
	signFresh   = 10 * time.Second // to tell what may be signed: an agent asks for all of it at once
)

// certificateLife is how long what a machine asks for is valid; its agent renews
// it at two thirds.
const certificateLife = 365 * 24 * time.Hour

// Config returns a machine's config; ready is false while its cluster is not
// far enough, and while a machine at work has to wait for its turn to change.
func (a *Agents) Config(ctx context.Context, machine string) (config node.Config, ready bool, err error) {
	defer a.Pace.Work(ctx)()
	m, config, ready, err := a.config(ctx, machine, configFresh)
	if err != nil || !ready || m.Status.ReadyAt.IsZero() {
		return config, ready, err
	}
	if digest := config.Digest(); digest == m.Status.AppliedConfig || digest == m.Status.Target {
		return config, true, nil
	}
	// The plan gives turns: see to it that there is one.
	return node.Config{}, false, store.Retry(ctx, a.Store, func(tx store.Tx) error { return tx.Wake(m.Cluster) })
}

// Changed receives the IDs of machines whose config may have changed.
func (a *Agents) Changed() <-chan string { return a.Configs.Changed() }

// config returns the machine with the config it should have in the end, as it
// was found at most some time ago.
func (a *Agents) config(ctx context.Context, machine string, age time.Duration) (m jeroboam.Machine, config node.Config, ready bool, err error) {
	if m, err = a.machine(ctx, machine); err != nil {
		return m, node.Config{}, false, err
	}
	made, err := a.Configs.Fresh(ctx, m.Cluster, age)
	if err != nil {
		return m, node.Config{}, false, err
	}
	config, ready, err = made.Of(machine)
	return m, config, ready, err
}

// Sign signs exactly what the machine's config asks for: of the CSR only the
// public key is used.
func (a *Agents) Sign(ctx context.Context, machine string, request node.SignRequest) (string, error) {
	defer a.Pace.Work(ctx)()
	m, config, ready, err := a.config(ctx, machine, signFresh)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(config.Certificates, func(c node.Certificate) bool { return c.Name == request.Name })
	if !ready || i < 0 {
		return "", jeroboam.Errorf(jeroboam.Forbidden, "certificate", "The machine's config asks for no certificate %q.", request.Name)
	}
	asked := config.Certificates[i]
	if asked.Authority == jeroboam.AuthorityGateway {
		return a.SignAutoscaler(request.CSR, m.Cluster, a.Now())
	}
	issuer, err := a.issuer(ctx, jeroboam.AuthorityID(m.Cluster, asked.Authority))
	if err != nil {
		return "", err
	}
	signed, err := issuer.Issue(pki.Request{
		CSR: request.CSR, CommonName: asked.CommonName, Organization: asked.Organization,
		DNSNames: asked.DNSNames, IPs: asked.IPs, Server: asked.Server, Client: asked.Client, Life: certificateLife,
	}, a.Now())
	if err != nil {
		return "", fmt.Errorf("certificate %s: %w", asked.Name, err)
	}
	return signed, nil
}

func (a *Agents) issuer(ctx context.Context, authority string) (*pki.Issuer, error) {
	of, err := store.View(ctx, a.Store, func(tx store.Tx) (jeroboam.Authority, error) { return store.Get[jeroboam.Authority](tx, authority) })
	if err != nil {
		return nil, err
	}
	return a.Authorities.Issuer(ctx, of)
}
