// Package apikit puts the API on a store in memory, a made-up cloud and a
// made-up engine, so that tests of the API and of its clients need nothing
// else. Converge stands in for the engine: it brings every cluster to rest.
package apikit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/service/drivers"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
)

// Names of what the made-up cloud has.
const (
	COE       = "kubernetes"
	Driver    = "k8s_test"
	Image     = "fedora-coreos-38"
	Flavor    = "m1.small"
	BigFlavor = "m1.large"
	Keypair   = "mykey"
	External  = "public"
	Network   = "private"
	Subnet    = "private-subnet"
)

// MostMachines is how many the made-up cloud makes at once.
const MostMachines = 500

// Versions of the COE, the default first.
var Versions = []string{"v1.36.3", "v1.35.2"}

// House is a running API.
type House struct {
	Store   *memory.Backend
	Service *service.Service
	Server  *httptest.Server
	Clock   *Clock
	Keys    *Keys

	tokens tokens
	ids    int
	mu     sync.Mutex
}

// Option changes how a House is made.
type Option func(*service.Options, *api.Options)

// New starts an API that the test ends. Its identifiers count up from 1 and its
// clock stands still, so that its answers are the same every time.
func New(t testing.TB, options ...Option) *House {
	t.Helper()
	h := &House{Store: memory.New(), Clock: NewClock(), Keys: NewKeys(), tokens: tokens{known: map[string]jeroboam.Caller{}}}
	so := service.Options{
		Store: h.Store, Drivers: []drivers.Driver{{
			Driver: jeroboam.Driver{Name: Driver, ServerType: "vm", Distro: "fedora-coreos", COE: COE, Cloud: "testcloud"},
			Engine: Engine{}, Catalogue: Catalogue{}, Preflight: Catalogue{}, Dependents: Catalogue{},
			Credentials: true, Volumes: true, Addresses: true,
		}},
		Signer: h.Keys, Versions: versions, CheckUpgrade: checkUpgrade, Host: "ctl1", Now: h.Clock.Now, NewID: h.newID,
	}
	ao := api.Options{Auth: &h.tokens, Logger: slog.New(slog.DiscardHandler), Now: h.Clock.Now,
		IdentityURL: "http://keystone.example/v3"}
	for _, o := range options {
		o(&so, &ao)
	}
	h.tokens.now = h.Clock.Now
	h.Service = service.New(so)
	ao.Service = h.Service
	h.Server = httptest.NewServer(api.New(ao))
	t.Cleanup(func() {
		h.Server.CloseClientConnections()
		h.Server.Close()
		if err := h.Store.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func versions(name string) []string {
	if name != COE {
		return nil
	}
	return slices.Clone(Versions)
}

// checkUpgrade lets a cluster go forward.
func checkUpgrade(coe, from, to string) error {
	if from < to {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Conflict, "upgrade-path", "%s %s cannot be upgraded to %s in place.", coe, from, to)
}

func (h *House) newID() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ids++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", h.ids)
}

// Token makes a token that is good for an hour.
func (h *House) Token(user, project string, roles ...string) string {
	return h.tokens.add(jeroboam.Caller{UserID: user, UserName: user, ProjectID: project, Roles: roles,
		ExpiresAt: h.Clock.Now().Add(time.Hour)})
}

// Clock is a clock that a test moves.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that shows a fixed day.
func NewClock() *Clock {
	return &Clock{now: time.Date(2026, 11, 21, 3, 51, 5, 294869000, time.UTC)}
}

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// tokens is an identity service with a list.
type tokens struct {
	mu    sync.Mutex
	known map[string]jeroboam.Caller
	now   func() time.Time
}

func (k *tokens) add(c jeroboam.Caller) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	token := fmt.Sprintf("token-%d", len(k.known)+1)
	k.known[token] = c
	return token
}

// Authenticate knows the tokens that were made and have not expired.
func (k *tokens) Authenticate(_ context.Context, token string) (jeroboam.Caller, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c, known := k.known[token]
	if !known || k.now().After(c.ExpiresAt) {
		return c, jeroboam.Errorf(jeroboam.Unauthenticated, "token", "The token is unknown or has expired.")
	}
	return c, nil
}

// Engine is a COE that accepts every wish but one.
type Engine struct{}

// Traits are those of a COE whose control plane has odd sizes.
func (Engine) Traits() coe.Traits {
	return coe.Traits{Name: COE, NetworkDrivers: []string{"flannel", "calico"}, VolumeDrivers: []string{"cinder"}, APIPort: 6443,
		Scheme: "https", Authorities: []string{jeroboam.AuthorityMain, jeroboam.AuthorityEtcd, jeroboam.AuthorityFrontProxy},
		OddMasters: true, VirtualAddress: true, Labels: labels}
}

// labels are of every type whose value is not mere text.
var labels = []jeroboam.Label{
	{Name: "kube_tag", Type: jeroboam.LabelVersion, Since: "0.1", Meaning: "Version.", Effect: "everywhere"},
	{Name: "test_bool", Type: jeroboam.LabelBool, Default: "true", Since: "0.1", Meaning: "A truth.", Effect: "everywhere"},
	{Name: "test_int", Type: jeroboam.LabelInt, Min: 1, Max: 9, Unit: "GB", Default: "3", Since: "0.1", Meaning: "A number.", Effect: "everywhere"},
	{Name: "test_cidr", Type: jeroboam.LabelCIDR, Since: "0.1", Meaning: "A network.", Effect: "everywhere"},
	{Name: "test_ipv4", Type: jeroboam.LabelIPv4, Min: 8, Max: 24, Since: "0.1", Meaning: "A network.", Effect: "everywhere"},
	{Name: "test_enum", Type: jeroboam.LabelEnum, Values: []string{"one", "two"}, Since: "0.1", Meaning: "A word.", Effect: "everywhere"},
	{Name: "test_tag", Type: jeroboam.LabelTag, Since: "0.1", Meaning: "A tag.", Effect: "everywhere"},
	{Name: "test_url", Type: jeroboam.LabelURL, Since: "0.1", Meaning: "An address.", Effect: "everywhere"},
	{Name: "test_list", Type: jeroboam.LabelList, Items: jeroboam.LabelCIDR, Since: "0.1", Meaning: "Networks.", Effect: "everywhere"},
}

// Disrupts and Uncordon make it an engine that can upgrade.
func (Engine) Disrupts(from, to string) bool { return from != to }

// Uncordon does nothing: there is no cluster.
func (Engine) Uncordon(context.Context, coe.Access, string) error { return nil }

// Check refuses the label "refused".
func (Engine) Check(t jeroboam.Template) error {
	if _, has := t.Labels["refused"]; has {
		return jeroboam.Errorf(jeroboam.Invalid, "labels", "The label refused is refused.")
	}
	return nil
}

// Catalogue is a cloud with little in it.
type Catalogue struct{}

// Check finds room for everything but more than MostMachines at once.
func (Catalogue) Check(_ context.Context, _ cloud.Scope, want cloud.Demand) error {
	if len(want.Machines) <= MostMachines {
		return nil
	}
	var problems []error
	for _, what := range []string{"servers", "cores"} {
		problems = append(problems, jeroboam.Errorf(jeroboam.QuotaExceeded, "quota", "There are %d %s left, wanted are %d.", MostMachines, what, len(want.Machines)).
			WithRemedy("Ask for fewer nodes."))
	}
	return errors.Join(problems...)
}

// FindFlavor knows two.
func (Catalogue) FindFlavor(_ context.Context, _, name string) (jeroboam.Flavor, error) {
	if name != Flavor && name != BigFlavor {
		return jeroboam.Flavor{}, missing("flavor", name, Flavor+", "+BigFlavor)
	}
	return jeroboam.Flavor{ID: name, Name: name, VCPUs: 1, MemoryMB: 1024, DiskGB: 10}, nil
}

// FindImage knows one that a driver serves and one that none does.
func (Catalogue) FindImage(_ context.Context, _, name string) (jeroboam.Image, error) {
	distros := map[string]string{Image: "fedora-coreos", "ubuntu": "ubuntu", "bare": ""}
	distro, has := distros[name]
	if !has {
		return jeroboam.Image{}, missing("image", name, Image+", ubuntu, bare")
	}
	return jeroboam.Image{ID: name, Name: name, Distro: distro}, nil
}

// FindKeypair knows one.
func (Catalogue) FindKeypair(_ context.Context, _, _, name string) error {
	if name != Keypair {
		return missing("key pair", name, Keypair)
	}
	return nil
}

// FindNetwork knows one of each sort.
func (Catalogue) FindNetwork(_ context.Context, _, name string, external bool) error {
	if external && name == External || !external && name == Network {
		return nil
	}
	return missing("network", name, External+", "+Network)
}

// FindSubnet knows one.
func (Catalogue) FindSubnet(_ context.Context, _, name string) error {
	if name != Subnet {
		return missing("subnet", name, Subnet)
	}
	return nil
}

func missing(what, name, have string) error {
	return jeroboam.Errorf(jeroboam.NotFound, what, "There is no %s %s.", what, name).WithRemedy("There are: %s.", have)
}

// Dependents are those of clusters that are called stateful.
func (Catalogue) Dependents(_ context.Context, scope cloud.Scope) ([]cloud.Dependent, error) {
	if scope.Name != "stateful" {
		return nil, nil
	}
	return []cloud.Dependent{
		{Object: cloud.Object{Kind: jeroboam.KindVolume, Name: "pvc-1", CloudID: "volume-1"}, SizeGB: 10, Of: "default/data"},
		{Object: cloud.Object{Kind: jeroboam.KindLoadBalancer, Name: "kube_service_web", CloudID: "balancer-1"}, Of: "default/web"},
	}, nil
}
