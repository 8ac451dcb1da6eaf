package openstack

import (
	"testing"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/jeroboam-cloud/jeroboam/cloud"
)

func TestACredentialCarriesTheCloudsOwnAuthority(t *testing.T) {
	provider := &gophercloud.ProviderClient{EndpointLocator: func(gophercloud.EndpointOpts) (string, error) { return "https://keystone/v3/", nil }}
	for _, pem := range []string{"", "-----BEGIN CERTIFICATE-----"} {
		got, has := New(Options{CA: pem}).holder(provider, "id", "secret").Values[cloud.CredentialCA]
		if got.Reveal() != pem || has != (pem != "") {
			t.Errorf("got %q, want %q", got.Reveal(), pem)
		}
	}
}
