package cloudtest

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
)

func credentials(s *suite) {
	if !s.cloud.Capabilities().Credentials {
		s.Skip("this cloud gives clusters no credential")
	}
	c, ok := s.cloud.(cloud.Credentials)
	if !ok {
		s.Fatalf("Capabilities say %+v, but there is no EnsureCredential", s.cloud.Capabilities())
	}
	scope, other := s.scope("keyed"), s.scope("keyed") // of one name
	made := map[string]cloud.Credential{}
	for _, name := range []string{"keyed-0", "keyed-0", "keyed-1", "keyed-0"} { // the first again after the second
		got, err := c.EnsureCredential(s.ctx, scope, credentialSpec(name))
		s.must(err)
		if before, again := made[name]; again && !sameCredential(got, before) {
			s.Errorf("%s was found as another than it was made", name)
		}
		if !slices.Contains(slices.Collect(maps.Values(got.Values)), credentialSpec(name).Secret) {
			s.Errorf("the values of %s lack its secret: %v", name, slices.Sorted(maps.Keys(got.Values)))
		}
		made[name] = got
	}
	s.same(s.list(scope), []string{"credential keyed-0", "credential keyed-1"})
	s.same(s.list(other), []string{})
	old := cloud.Object{Kind: jeroboam.KindCredential, Name: "keyed-0", CloudID: made["keyed-0"].CloudID}
	for range 2 { // absent is success
		s.delete(scope, old)
		s.same(s.list(scope), []string{"credential keyed-1"})
	}
	s.delete(scope, cloud.Object{Kind: jeroboam.KindCredential, Name: "keyed-1"}) // by its name alone
	s.same(s.list(scope), []string{})
}

// credentialSpec has a secret of the shape that the engine makes.
func credentialSpec(name string) cloud.CredentialSpec {
	sum := sha256.Sum256([]byte(name))
	return cloud.CredentialSpec{Name: name, Secret: jeroboam.Secret(base64.StdEncoding.EncodeToString(sum[:]))}
}

func sameCredential(a, b cloud.Credential) bool {
	return a.CloudID == b.CloudID && maps.Equal(a.Values, b.Values)
}
