package cloud

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam"
)

// Credentials is implemented by a cloud whose Capabilities say so: it gives each
// cluster a credential of its own, with which what runs on the cluster's nodes
// calls the cloud. The credential belongs to the service, not to the user who
// made the cluster, has the least rights that do, and is listed and deleted as
// an Object of jeroboam.KindCredential. A rotation makes a second one under
// another name and deletes the first when no node has it any more.
type Credentials interface {
	// EnsureCredential makes the credential or finds it by its scope and name.
	// It answers the same every time. One that was found with another secret
	// than spec's is of no use to anybody and is made anew.
	EnsureCredential(ctx context.Context, scope Scope, spec CredentialSpec) (Credential, error)
}

// CredentialSpec asks for one credential. The secret is chosen by the engine
// and rests in the vault before the cloud is asked, so that a credential found
// again after a crash can still be used.
type CredentialSpec struct {
	Name   string          // unique in the cluster, e.g. "demo-2"
	Secret jeroboam.Secret // 32 random bytes, base64
}

// Credential is what EnsureCredential made or found.
type Credential struct {
	CloudID string
	// Values is all that its holder must know, the secret included, in the words
	// of the config file of the cloud's own programs: "auth-url",
	// "application-credential-id", "application-credential-secret", …; that file
	// names another for what is CredentialCA here.
	Values map[string]jeroboam.Secret
}

// CredentialCA is the certificates in PEM by which the cloud's own is verified,
// where the host's authorities do not do.
const CredentialCA = "ca"
