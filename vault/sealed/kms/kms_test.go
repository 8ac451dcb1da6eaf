package kms_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	kmsapi "k8s.io/kms/apis/v2"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
	"github.com/jeroboam-cloud/jeroboam/vault"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed"
	"github.com/jeroboam-cloud/jeroboam/vault/sealed/kms"
	"github.com/jeroboam-cloud/jeroboam/vault/vaulttest"
)

// asPlugin makes this test's program a KMS plugin at the socket it names.
const asPlugin = "JEROBOAM_TEST_KMS"

func TestMain(m *testing.M) {
	if socket := os.Getenv(asPlugin); socket != "" {
		fmt.Fprintln(os.Stderr, serve(socket))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func serve(socket string) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	s := grpc.NewServer()
	kmsapi.RegisterKeyManagementServiceServer(s, plugin{id: os.Getenv(asPlugin + "_KEY")})
	fmt.Println("ready")
	return s.Serve(l)
}

// plugin is a KMS whose keys are made of their IDs.
type plugin struct {
	kmsapi.UnimplementedKeyManagementServiceServer
	id string // of the present key
}

func (plugin) aead(id string) cipher.AEAD {
	block, err := aes.NewCipher(bytes.Repeat([]byte(id), 32)[:32])
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func (p plugin) Status(context.Context, *kmsapi.StatusRequest) (*kmsapi.StatusResponse, error) {
	return &kmsapi.StatusResponse{Version: "v2", Healthz: map[bool]string{true: "ok", false: "sealed"}[p.id != "ill"], KeyId: p.id}, nil
}

func (p plugin) Encrypt(_ context.Context, r *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	salt := []byte(rand.Text())
	return &kmsapi.EncryptResponse{Ciphertext: p.aead(p.id).Seal(nil, nil, r.Plaintext, salt), KeyId: p.id, Annotations: map[string][]byte{"salt.example.org": salt}}, nil
}

func (p plugin) Decrypt(_ context.Context, r *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	plain, err := p.aead(r.KeyId).Open(nil, nil, r.Ciphertext, r.Annotations["salt.example.org"])
	return &kmsapi.DecryptResponse{Plaintext: plain}, err
}

// start runs a plugin in a process of its own; the func kills it.
func start(t *testing.T, socket, key string) (kill func()) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), asPlugin+"="+socket, asPlugin+"_KEY="+key)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := false
	kill = func() {
		if !done {
			done = true
			err := cmd.Process.Kill()
			if err := errors.Join(err, errUnlessKilled(cmd.Wait()), os.Remove(socket)); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the plugin says %q, %v", line, err)
	}
	return kill
}

func errUnlessKilled(err error) error {
	if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() == -1 {
		return nil
	}
	return fmt.Errorf("the plugin ended: %w", err)
}

// connect names the plugin's socket, which must be short.
func connect(t *testing.T) (*kms.KMS, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "kms")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "socket")
	k, err := kms.New(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(k.Close(), os.RemoveAll(dir)); err != nil {
			t.Error(err)
		}
	})
	return k, socket
}

func TestTheVaultsSuiteWithAPluginInAProcessOfItsOwn(t *testing.T) {
	k, socket := connect(t)
	start(t, socket, "one")
	vaulttest.Run(t, func(t *testing.T) vault.Vault {
		v, err := sealed.Open(t.Context(), sealed.Options{Store: memory.New(), Roots: []sealed.Root{k}})
		if err != nil {
			t.Fatal(err)
		}
		return v
	})
}

func TestTheKMSsKeyIsReplacedAndItsPluginRestarted(t *testing.T) {
	ctx, db := t.Context(), memory.New()
	k, socket := connect(t)
	options := sealed.Options{Store: db, Roots: []sealed.Root{k}}
	kill := start(t, socket, "one")
	v, err := sealed.Open(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Put(ctx, "c1", "ca", "secret"); err != nil {
		t.Fatal(err)
	}
	kill()
	if got, err := v.Get(ctx, "c1", "ca"); err != nil || got != "secret" {
		t.Errorf("while the plugin is away: %q, %v", got.Reveal(), err)
	}
	start(t, socket, "two")
	fresh, err := kms.New(socket) // k would wait a second before it tries again
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	options.Roots = []sealed.Root{fresh}
	if v, err = sealed.Open(ctx, options); err != nil { // the old key still opens
		t.Fatal(err)
	}
	if _, err := v.Rekey(ctx); err != nil {
		t.Fatal(err)
	}
	s, err := sealed.Look(ctx, db, fresh)
	if err != nil || len(s.Keys) != 1 || s.Keys[0].Root != "kms/two" || s.Keys[0].Secrets != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	if got, err := v.Get(ctx, "c1", "ca"); err != nil || got != "secret" {
		t.Errorf("%q, %v", got.Reveal(), err)
	}
}

func TestAPluginThatDoesNotHelpIsUnavailable(t *testing.T) {
	k, socket := connect(t)
	want := func(err error) {
		t.Helper()
		if e, ok := jeroboam.AsError(err); !ok || e.Kind != jeroboam.Unavailable || e.Reason != "vault-kms" || e.Remedy == "" {
			t.Errorf("%v, want Unavailable, vault-kms", err)
		}
	}
	_, _, err := k.Wrap(t.Context(), []byte("key"), "for")
	want(err)
	start(t, socket, "ill")
	fresh, err := kms.New(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	_, _, err = fresh.Wrap(t.Context(), []byte("key"), "for")
	want(err)
	_, err = fresh.Unwrap(t.Context(), "kms/one", []byte(`{"ciphertext":"AAAA"}`), "for")
	want(err)
}

func TestABoxOpensForItsPurposeAndBelongsToAKMS(t *testing.T) {
	k, socket := connect(t)
	start(t, socket, "one")
	id, box, err := k.Wrap(t.Context(), []byte("key"), "this")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.Unwrap(t.Context(), id, box, "this"); err != nil || string(got) != "key" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := k.Unwrap(t.Context(), id, box, "that"); jeroboam.KindOf(err) != jeroboam.Unavailable || got != nil {
		t.Errorf("%q, %v, want Unavailable", got, err)
	}
	if _, err := k.Unwrap(t.Context(), "00ff", box, "this"); jeroboam.KindOf(err) != jeroboam.NotFound {
		t.Errorf("another root's: %v, want NotFound", err)
	}
}
