package credentials_test

import (
	"reflect"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/engine/internal/credentials"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed/keyfile"
)

func TestACredentialIsChosenOnceAndKept(t *testing.T) {
	db := memory.New()
	defer db.Close()
	secrets, err := sealed.Open(t.Context(), sealed.Options{Store: db, Roots: []sealed.Root{keyfile.New(t.TempDir() + "/keys")}})
	if err != nil {
		t.Fatal(err)
	}
	c := credentials.Credentials{Vault: secrets}
	choose := func() jeroboam.Secret {
		t.Helper()
		secret, err := c.Choose(t.Context(), "c1", "cluster-0")
		if err != nil || secret == "" {
			t.Fatalf("no secret is chosen: %v", err)
		}
		return secret
	}
	first := choose()
	want := map[string]jeroboam.Secret{"id": "1", "secret": "2"}
	if err := c.Keep(t.Context(), "c1", "cluster-0", first, want); err != nil {
		t.Fatal(err)
	}
	if choose() != first {
		t.Error("another secret is chosen for the same credential")
	}
	if got, err := c.Values(t.Context(), "c1", "cluster-0"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("kept are %d values (%v)", len(got), err)
	}
	for range 2 { // absent is success
		if err := c.Forget(t.Context(), "c1", "cluster-0"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Values(t.Context(), "c1", "cluster-0"); jeroboam.KindOf(err) != jeroboam.NotFound {
		t.Errorf("what was forgotten: %v", err)
	}
	if choose() == first {
		t.Error("a secret that was forgotten is chosen again")
	}
}
