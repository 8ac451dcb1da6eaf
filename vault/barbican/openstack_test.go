package barbican_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/keymanager/v1/secrets"
	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
	"github.com/jeroboam-cloud/jeroboam/vault"
	"github.com/jeroboam-cloud/jeroboam/vault/barbican"
	"github.com/jeroboam-cloud/jeroboam/vault/vaulttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

// site is a project of a real Barbican, and a user who keeps secrets in it.
type site struct {
	*testing.T
	k       *testbed.Keystone
	user    testbed.User
	prefix  string
	project *gophercloud.ServiceClient // Barbican as its owner sees it
}

// newSite wants nothing of its prefix left when the test is over.
func newSite(t *testing.T) *site {
	k := testbed.Start(t, "barbican")
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	s := &site{T: t, k: k, user: k.User(k.Members[0].Project, "creator"), prefix: "test-" + rand.Text()}
	var err error
	if s.project, err = openstack.NewKeyManagerV1(k.Login(s.user.Name, s.user.Password, k.Members[0].Project), k.Endpoint); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) options(db store.Backend, user testbed.User) barbican.Options {
	return barbican.Options{Store: db, Prefix: s.prefix, Auth: gophercloud.AuthOptions{
		IdentityEndpoint: s.k.URL, Username: user.Name, Password: user.Password.Reveal(), DomainID: "default",
		Scope: &gophercloud.AuthScope{ProjectName: s.k.Members[0].Project, DomainID: "default"},
	}}
}

func (s *site) open(t *testing.T, db store.Backend) *barbican.Vault {
	t.Helper()
	v, err := barbican.Open(ctx, s.options(db, s.user))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

// kept are the names of the secrets of this test in Barbican, without the prefix.
func (s *site) kept(t *testing.T) (names []string) {
	t.Helper()
	pages, err := secrets.List(s.project, secrets.ListOpts{Limit: 100}).AllPages(ctx)
	if err != nil {
		t.Fatal(err)
	}
	all, err := secrets.ExtractSecrets(pages)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		if name, ours := strings.CutPrefix(one.Name, s.prefix+"/"); ours {
			names = append(names, name)
		}
	}
	return names
}

func (s *site) wantKept(t *testing.T, want int) {
	t.Helper()
	if got := s.kept(t); len(got) != want {
		t.Errorf("Barbican has %v, want %d", got, want)
	}
}

func forget(t *testing.T, v vault.Vault, owners ...string) {
	t.Helper()
	for _, owner := range owners {
		if err := v.Forget(ctx, owner); err != nil {
			t.Error(err)
		}
	}
}

func TestTheSuiteWithARealBarbican(t *testing.T) {
	t.Run("vault", func(t *testing.T) {
		s := newSite(t)
		vaulttest.Run(t, func(t *testing.T) vault.Vault {
			own := *s
			own.prefix = "test-" + rand.Text()
			v := own.open(t, memory.New())
			t.Cleanup(func() {
				forget(t, v, "c1", "c2", "c10")
				own.wantKept(t, 0)
			})
			return v
		})
	})
}

// plug is a store that is gone after so many more commits.
type plug struct {
	store.Backend
	left int
}

var errPulled = errors.New("the plug is pulled")

func (p *plug) Update(ctx context.Context, f func(store.Tx) error) error {
	if p.left--; p.left < 0 {
		return errPulled
	}
	return p.Backend.Update(ctx, f)
}

func TestWhatACrashLeftInARealBarbicanIsFoundAgain(t *testing.T) {
	s, db := newSite(t), memory.New()
	made := func() (jeroboam.Secret, error) { return "first", nil }
	if _, err := s.open(t, &plug{db, 1}).Ensure(ctx, "c1", "ca", made); !errors.Is(err, errPulled) {
		t.Fatalf("%v, want a crash between what is made and its record", err)
	}
	s.wantKept(t, 1)
	v := s.open(t, db)
	if got, err := v.Get(ctx, "c1", "ca"); jeroboam.KindOf(err) != jeroboam.NotFound {
		t.Errorf("before it is settled: %q, %v", got.Reveal(), err)
	}
	got, err := v.Ensure(ctx, "c1", "ca", func() (jeroboam.Secret, error) { return "second", nil })
	if err != nil || got != "first" {
		t.Errorf("%q, %v, want what was made before the crash", got.Reveal(), err)
	}
	s.wantKept(t, 1)
	if err := v.Put(ctx, "c1", "ca", "third"); err != nil {
		t.Error(err)
	}
	s.wantKept(t, 1)
	if err := s.open(t, &plug{db, 1}).Put(ctx, "c1", "ca", "fourth"); !errors.Is(err, errPulled) {
		t.Error(err)
	}
	s.wantKept(t, 2)
	if got, err := v.Get(ctx, "c1", "ca"); err != nil || got != "third" {
		t.Errorf("%q, %v, want the one that was recorded", got.Reveal(), err)
	}
	if err := s.open(t, &plug{db, 0}).Forget(ctx, "c1"); !errors.Is(err, errPulled) {
		t.Error(err)
	}
	forget(t, v, "c1")
	s.wantKept(t, 0)
}

func TestARealBarbicansRefusalsSayWhatToDo(t *testing.T) {
	s, db := newSite(t), memory.New()
	reader := s.k.User(s.k.Members[0].Project, "reader")
	v, err := barbican.Open(ctx, s.options(db, reader))
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	err = v.Put(ctx, "c1", "ca", "secret")
	e, ok := jeroboam.AsError(err)
	if !ok || e.Kind != jeroboam.Unavailable || e.Reason != "barbican-permission" || !strings.Contains(e.Detail, "request req-") || !strings.Contains(e.Remedy, "creator") {
		t.Errorf("%v", err)
	}
	s.user.Password = "wrong"
	_, err = barbican.Open(ctx, s.options(db, s.user))
	if e, ok := jeroboam.AsError(err); !ok || e.Reason != "barbican-login" || strings.Contains(err.Error(), "wrong") {
		t.Errorf("%v", err)
	}
	lost := memory.New()
	record := store.Sealed{ID: "c1/ca", Owner: "c1", Ref: "01234567-89ab-4def-8123-456789abcdef"}
	if err := lost.Update(ctx, func(tx store.Tx) error { return store.Put(tx, &record) }); err != nil {
		t.Fatal(err)
	}
	s.user = s.k.User(s.k.Members[0].Project, "creator")
	_, err = s.open(t, lost).Get(ctx, "c1", "ca")
	if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Unavailable || e.Reason != "barbican-lost" {
		t.Errorf("%v", err)
	}
}
