// Package vaulttest is what every vault.Vault must do.
package vaulttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/vault"
)

// Run runs the suite; fresh makes an empty vault for each test.
func Run(t *testing.T, fresh func(t *testing.T) vault.Vault) {
	for name, test := range map[string]func(*testing.T, vault.Vault){
		"a secret is kept under its owner and name":   keeps,
		"ensure makes a secret once":                  ensures,
		"a secret that could not be made is not kept": failsToMake,
		"callers at once get the same secret":         races,
		"delete takes one secret and no other":        deletes,
		"forget takes all secrets of one owner":       forgets,
		"secrets of any content come back unchanged":  contents,
		"what is no secret is refused":                refuses,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, fresh(t))
		})
	}
}

func want(t *testing.T, v vault.Vault, owner, name, secret string) {
	t.Helper()
	got, err := v.Get(context.Background(), owner, name)
	if err != nil || got.Reveal() != secret {
		t.Fatalf("Get(%s, %s) = %q, %v; want %q", owner, name, got.Reveal(), err, secret)
	}
}

func wantNone(t *testing.T, v vault.Vault, owner, name string) {
	t.Helper()
	if got, err := v.Get(context.Background(), owner, name); jeroboam.KindOf(err) != jeroboam.NotFound || got != "" {
		t.Fatalf("Get(%s, %s) = %q, %v; want NotFound", owner, name, got.Reveal(), err)
	}
}

func put(t *testing.T, v vault.Vault, owner, name, secret string) {
	t.Helper()
	if err := v.Put(context.Background(), owner, name, jeroboam.Secret(secret)); err != nil {
		t.Fatal(err)
	}
}

func keeps(t *testing.T, v vault.Vault) {
	wantNone(t, v, "c1", "ca")
	put(t, v, "c1", "ca", "one")
	put(t, v, "c1", "etcd", "two")
	put(t, v, "c2", "ca", "three")
	want(t, v, "c1", "ca", "one")
	want(t, v, "c1", "etcd", "two")
	want(t, v, "c2", "ca", "three")
	put(t, v, "c1", "ca", "four")
	want(t, v, "c1", "ca", "four")
}

func ensures(t *testing.T, v vault.Vault) {
	for i := range 3 {
		got, err := v.Ensure(context.Background(), "c1", "token", func() (jeroboam.Secret, error) {
			return jeroboam.Secret(fmt.Sprint("made ", i)), nil
		})
		if err != nil || got.Reveal() != "made 0" {
			t.Fatalf("Ensure = %q, %v; want the first one made", got.Reveal(), err)
		}
	}
	want(t, v, "c1", "token", "made 0")
}

func failsToMake(t *testing.T, v vault.Vault) {
	no := errors.New("no")
	got, err := v.Ensure(context.Background(), "c1", "token", func() (jeroboam.Secret, error) { return "half", no })
	if !errors.Is(err, no) || got != "" {
		t.Fatalf("Ensure = %q, %v; want the maker's error", got.Reveal(), err)
	}
	wantNone(t, v, "c1", "token")
}

func races(t *testing.T, v vault.Vault) {
	const callers = 8
	got := make([]string, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			secret, err := v.Ensure(context.Background(), "c1", "token", func() (jeroboam.Secret, error) {
				return jeroboam.Secret(fmt.Sprint(i)), nil
			})
			if err != nil {
				t.Error(err)
			}
			got[i] = secret.Reveal()
		})
	}
	wg.Wait()
	for _, secret := range got {
		want(t, v, "c1", "token", secret)
	}
}

func deletes(t *testing.T, v vault.Vault) {
	put(t, v, "c1", "ca", "one")
	put(t, v, "c1", "ca-1", "two")
	put(t, v, "c2", "ca", "three")
	for range 2 { // absent is success
		if err := v.Delete(context.Background(), "c1", "ca"); err != nil {
			t.Fatal(err)
		}
		wantNone(t, v, "c1", "ca")
		want(t, v, "c1", "ca-1", "two")
		want(t, v, "c2", "ca", "three")
	}
	put(t, v, "c1", "ca", "new")
	want(t, v, "c1", "ca", "new")
}

func forgets(t *testing.T, v vault.Vault) {
	ctx := context.Background()
	put(t, v, "c1", "ca", "one")
	put(t, v, "c1", "etcd", "two")
	put(t, v, "c10", "ca", "three")
	for range 2 { // none is success
		if err := v.Forget(ctx, "c1"); err != nil {
			t.Fatal(err)
		}
		wantNone(t, v, "c1", "ca")
		wantNone(t, v, "c1", "etcd")
		want(t, v, "c10", "ca", "three")
	}
	put(t, v, "c1", "ca", "new")
	want(t, v, "c1", "ca", "new")
}

func contents(t *testing.T, v vault.Vault) {
	for i, secret := range []string{"\x00\xff\n", strings.Repeat("\xfelong", vault.Limit)[:vault.Limit], "é"} {
		put(t, v, "c1", fmt.Sprint(i), secret)
		want(t, v, "c1", fmt.Sprint(i), secret)
	}
}

func refuses(t *testing.T, v vault.Vault) {
	for name, secret := range map[string]jeroboam.Secret{"empty": "", "long": jeroboam.Secret(strings.Repeat("x", vault.Limit+1))} {
		if err := v.Put(context.Background(), "c1", name, secret); jeroboam.KindOf(err) != jeroboam.Invalid {
			t.Errorf("Put of a secret that is %s: %v, want Invalid", name, err)
		}
		_, err := v.Ensure(context.Background(), "c1", name, func() (jeroboam.Secret, error) { return secret, nil })
		if jeroboam.KindOf(err) != jeroboam.Invalid {
			t.Errorf("Ensure of a secret that is %s: %v, want Invalid", name, err)
		}
		wantNone(t, v, "c1", name)
	}
}
