// Package kms has root keys of the vault in a KMS: it speaks Kubernetes' KMS v2
// to a plugin on a unix socket, of which there is one for every KMS in use. The
// KMS never sees a secret, only the vault's keys; it is asked at the start of
// the service and for each new key.
package kms

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	kmsapi "k8s.io/kms/apis/v2"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/vault"
)

// patience is how long the plugin may take for one answer.
const patience = 10 * time.Second

// prefix tells the IDs of these root keys from all others.
const prefix = "kms/"

// KMS is a sealed.Root.
type KMS struct {
	socket string
	conn   *grpc.ClientConn
	plugin kmsapi.KeyManagementServiceClient
}

// New names the plugin's unix socket and does not call it yet.
func New(socket string) (*KMS, error) {
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials())) // the socket's mode guards it
	if err != nil {
		return nil, unavailable(socket, err)
	}
	return &KMS{socket: socket, conn: conn, plugin: kmsapi.NewKeyManagementServiceClient(conn)}, nil
}

// Close ends the connection.
func (k *KMS) Close() error { return k.conn.Close() }

// envelope is the box of a key: what the plugin wants back to open it.
type envelope struct {
	Ciphertext  []byte            `json:"ciphertext"`
	Annotations map[string][]byte `json:"annotations,omitempty"`
}

// Newest is the ID of the KMS's present key.
func (k *KMS) Newest(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s, err := k.plugin.Status(ctx, &kmsapi.StatusRequest{})
	if err != nil {
		return "", unavailable(k.socket, err)
	}
	if s.Version != "v2" && s.Version != "v2beta1" || s.Healthz != "ok" || s.KeyId == "" {
		return "", unavailable(k.socket, fmt.Errorf("the plugin has version %q and health %q", s.Version, s.Healthz))
	}
	return prefix + s.KeyId, nil
}

// Wrap has the KMS seal a key. KMS v2 knows no context: the purpose is sealed
// with the key and compared when it is opened.
func (k *KMS) Wrap(ctx context.Context, secret []byte, purpose string) (string, []byte, error) {
	if _, err := k.Newest(ctx); err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := k.plugin.Encrypt(ctx, &kmsapi.EncryptRequest{Plaintext: append([]byte(purpose+"\x00"), secret...), Uid: rand.Text()})
	if err != nil {
		return "", nil, unavailable(k.socket, err)
	}
	if r.KeyId == "" || len(r.Ciphertext) == 0 {
		return "", nil, unavailable(k.socket, errors.New("the plugin's answer has no ciphertext or no key id"))
	}
	box, err := json.Marshal(envelope{r.Ciphertext, r.Annotations})
	return prefix + r.KeyId, box, err
}

// Unwrap has the KMS open a box of Wrap.
func (k *KMS) Unwrap(ctx context.Context, id string, box []byte, purpose string) ([]byte, error) {
	key, ours := strings.CutPrefix(id, prefix)
	if !ours {
		return nil, jeroboam.Errorf(jeroboam.NotFound, vault.ReasonKey, "The root key %s is in no KMS.", id)
	}
	var e envelope
	if err := json.Unmarshal(box, &e); err != nil {
		return nil, wrong(id, purpose)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := k.plugin.Decrypt(ctx, &kmsapi.DecryptRequest{Ciphertext: e.Ciphertext, Uid: rand.Text(), KeyId: key, Annotations: e.Annotations})
	if err != nil {
		return nil, unavailable(k.socket, err)
	}
	secret, same := bytes.CutPrefix(r.Plaintext, []byte(purpose+"\x00"))
	if !same {
		return nil, wrong(id, purpose)
	}
	return secret, nil
}

func wrong(id, purpose string) error {
	return jeroboam.Errorf(jeroboam.Unavailable, vault.ReasonKey, "What the KMS opens with %s was not sealed as %s.", id, purpose).
		WithRemedy("Restore the database of a backup.")
}

func unavailable(socket string, err error) error {
	return jeroboam.Errorf(jeroboam.Unavailable, "vault-kms", "The KMS plugin at %s does not give the vault's root key.", socket).
		WithRemedy("See whether the plugin runs, whether the service may use its socket, and what its log says.").Wrap(err)
}
