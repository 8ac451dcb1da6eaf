package keystone_test

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/roles"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity/identitytest"
	"github.com/jeroboam-cloud/jeroboam/identity/keystone"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// realSite is a site of the suite over a real Keystone. Its clock is moved, so
// that a minute passes at once.
func realSite(t *testing.T, k *testbed.Keystone) *identitytest.Site {
	t.Helper()
	var moved atomic.Int64
	a := keystone.New(keystone.Options{Auth: k.As(k.Operator, ""), Now: func() time.Time { return time.Now().Add(time.Duration(moved.Load())) }})
	t.Cleanup(a.CloseIdle)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	account := func(role string, project string, held ...string) identitytest.Account {
		u := k.User(project, role)
		return identitytest.Account{Password: u.Password, Want: jeroboam.Caller{
			UserID: u.ID, UserName: u.Name, DomainID: "default", ProjectID: k.Project(project), ProjectName: project, Roles: held,
		}}
	}
	return &identitytest.Site{
		Auth: a, URL: k.URL, Pass: func(d time.Duration) { moved.Add(int64(d)) },
		Admin: account("admin", k.Members[1].Project, "admin", "member", "reader"), Member: account("member", k.Members[0].Project, "member", "reader"),
		Reader: account("reader", k.Members[0].Project, "reader"),
	}
}

func TestTheSuiteWithARealKeystone(t *testing.T) {
	k := testbed.Start(t)
	identitytest.Run(t, func(t *testing.T) *identitytest.Site { return realSite(t, k) })
}

func TestARealKeystonesScopes(t *testing.T) {
	k := testbed.Start(t)
	s := realSite(t, k)
	ofSystem, err := s.Auth.Authenticate(t.Context(), k.LoginFor(k.Operator.Name, k.Operator.Password, &gophercloud.AuthScope{System: true}).Token())
	if err != nil || !ofSystem.SystemScope || ofSystem.ProjectID != "" || ofSystem.ScopeDomainID != "" || !ofSystem.Has("admin") {
		t.Errorf("the system: %+v, %v", ofSystem, err)
	}
	u := k.User(k.Members[0].Project, "reader")
	k.Grant(u, "reader", roles.AssignOpts{UserID: u.ID, DomainID: "default"})
	ofDomain, err := s.Auth.Authenticate(t.Context(), k.LoginFor(u.Name, u.Password, &gophercloud.AuthScope{DomainID: "default"}).Token())
	if err != nil || ofDomain.ScopeDomainID != "default" || ofDomain.ProjectID != "" || ofDomain.SystemScope || !slices.Equal(ofDomain.Roles, []string{"reader"}) {
		t.Errorf("a domain: %+v, %v", ofDomain, err)
	}
}

// The minute in this test is one by the clock on the wall.
func TestARealRevocationIsSeenWithinAMinute(t *testing.T) {
	testbed.Long(t)
	k := testbed.Start(t)
	s := realSite(t, k)
	token := k.Login("alice", "alice-pw", "physics").Token()
	alice, err := s.Auth.Authenticate(t.Context(), token)
	if err != nil || alice.UserName != "alice" || alice.ProjectName != "physics" || !alice.Has("member") || alice.Has("admin") {
		t.Fatalf("alice: %+v, %v", alice, err)
	}
	s.Revoke(t, token)
	revoked, tick := time.Now(), time.NewTicker(250*time.Millisecond)
	defer tick.Stop()
	for err == nil && time.Since(revoked) < time.Minute {
		<-tick.C
		_, err = s.Auth.Authenticate(t.Context(), token)
	}
	if jeroboam.KindOf(err) != jeroboam.Unauthenticated {
		t.Errorf("after %v: %v", time.Since(revoked), err)
	}
	t.Logf("refused %v after its revocation", time.Since(revoked).Round(time.Second/10))
}
