package life_test

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"

	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/identity/embedded"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
	"github.com/jeroboam-cloud/jeroboam/test/gophercloud/life"
	"github.com/jeroboam-cloud/jeroboam/test/served"
	"github.com/jeroboam-cloud/jeroboam/test/testbed"
)

// TestALifeByGophercloud uses the embedded identity service, its catalogue and
// a token of it, and made-up machines.
func TestALifeByGophercloud(t *testing.T) {
	var options api.Options
	h := apikit.New(t, func(_ *service.Options, o *api.Options) { options = *o })
	h.Work(t)
	server := httptest.NewUnstartedServer(nil)
	who, err := embedded.Open(embedded.Options{Dir: t.TempDir(), URL: "http://" + server.Listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	options.Service, options.Auth, options.Identity = h.Service, who, who.Handler()
	server.Config.Handler = api.New(options)
	server.Start()
	t.Cleanup(server.Close)
	password, _ := who.GeneratedPassword()
	provider, err := openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{
		IdentityEndpoint: server.URL + "/identity/v3", Username: embedded.AdminUser, Password: password.Reveal(), DomainName: "Default",
		Scope: &gophercloud.AuthScope{ProjectName: embedded.AdminProject, DomainName: "Default"}, AllowReauth: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(provider.HTTPClient.CloseIdleConnections)
	life.Run(t, provider, life.Options{COE: apikit.COE, Image: apikit.Image, Flavor: apikit.Flavor, Poll: time.Millisecond})
}

// TestALifeByGophercloudWithARealKeystone uses the testbed's catalogue and a
// token of it, and the simulated cloud.
func TestALifeByGophercloudWithARealKeystone(t *testing.T) {
	k := testbed.Start(t)
	project := k.Members[0].Project
	alice := k.User(project, "member")
	region := k.Register(k.Serve(nil).URL)
	life.Run(t, k.Login(alice.Name, alice.Password, project),
		life.Options{COE: served.COE, Image: served.Image, Flavor: served.Flavor, Region: region})
}
