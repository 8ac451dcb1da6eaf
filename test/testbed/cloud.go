package testbed

import (
	"cmp"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/config/clouds"

	"github.com/jeroboam-cloud/jeroboam"
)

// Account is somebody who may log in, as an entry of clouds.yaml has it. All are
// of the domain whose ID is default.
type Account struct {
	Name     string
	Password jeroboam.Secret
	Project  string // name
}

// entries of the testbed's own clouds.yaml, which are used where OS_CLOUD names
// no other cloud.
const (
	ownFile    = "/etc/osbed/clouds.yaml"
	ownAdmin   = "osbed-admin"
	ownMembers = "osbed-alice osbed-bob"
)

// named reads the accounts of the cloud that OS_CLOUD names, of which that is the
// administrator's, and JEROBOAM_TEST_MEMBERS those of two members.
func named(t *testing.T) *Keystone {
	t.Helper()
	k := &Keystone{T: t, Testbed: os.Getenv("OS_CLOUD") == ""}
	admin, members := cmp.Or(os.Getenv("OS_CLOUD"), ownAdmin), os.Getenv("JEROBOAM_TEST_MEMBERS")
	var from []clouds.ParseOption
	if k.Testbed {
		members, from = ownMembers, []clouds.ParseOption{clouds.WithLocations(ownFile)}
	}
	names := strings.Fields(members)
	if len(names) != 2 {
		t.Fatalf("JEROBOAM_TEST_MEMBERS has %q, want two entries of clouds.yaml: members of two projects", members)
	}
	account := func(name string) Account {
		o, endpoint, _, err := clouds.Parse(append(from, clouds.WithCloudName(name))...)
		if err != nil {
			t.Fatal(err)
		}
		k.URL, k.Endpoint = o.IdentityEndpoint, endpoint
		project := o.TenantName
		if project == "" && o.Scope != nil {
			project = o.Scope.ProjectName
		}
		return Account{Name: o.Username, Password: jeroboam.Secret(o.Password), Project: project}
	}
	k.Members = [2]Account{account(names[0]), account(names[1])}
	k.Operator = account(admin)
	return k
}

// As is how an account logs in, in a project if one is named and else in its own.
func (k *Keystone) As(a Account, project string) gophercloud.AuthOptions {
	return gophercloud.AuthOptions{IdentityEndpoint: k.URL, Username: a.Name, Password: a.Password.Reveal(), DomainID: "default",
		Scope: &gophercloud.AuthScope{ProjectName: cmp.Or(project, a.Project), DomainID: "default"}}
}

// types are what the catalogue calls the services.
var types = map[string]string{
	"glance": "image", "placement": "placement", "nova": "compute", "neutron": "network", "cinder": "block-storage", "barbican": "key-manager", "octavia": "load-balancer",
}

// need skips the test where the cloud lacks one of the services.
func (k *Keystone) need(services []string) {
	k.Helper()
	for _, name := range services {
		if name != "keystone" && k.Address(name) == "" {
			k.Skipf("this cloud has no %s", name)
		}
	}
}

// Address is where a service listens, without the path; "" if the catalogue does
// not have it.
func (k *Keystone) Address(service string) string {
	k.Helper()
	at := k.URL
	if service != "keystone" {
		o := k.Endpoint
		o.ApplyDefaults(types[service])
		found, err := k.admin.EndpointLocator(o)
		if err != nil {
			return ""
		}
		at = found
	}
	u, err := url.Parse(at)
	if err != nil {
		k.Fatal(err)
	}
	return u.Scheme + "://" + u.Host
}

// listen is the ports of the testbed's services, on this host.
var listen = map[string]string{
	"keystone": "5000", "glance": "9292", "placement": "8778", "nova": "8774", "neutron": "9696", "barbican": "9311", "cinder": "8776", "octavia": "9876",
}

// Service is whose an address ("host:port") of the testbed is; "" for nobody's.
func Service(address string) string {
	for name, port := range listen {
		if strings.HasSuffix(address, ":"+port) {
			return name
		}
	}
	return ""
}

// silent are those of the testbed's services that nobody answers for. Where nobody
// listens that is known at once; a service that is busy is not to be started again.
func silent(services []string) []string {
	return slices.DeleteFunc(slices.Clone(services), func(name string) bool {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+listen[name], 30*time.Second)
		return err == nil && c.Close() == nil
	})
}
