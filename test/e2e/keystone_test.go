package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe/coetest"
	"github.com/jeroboam-cloud/jeroboam/coe/kubernetes"
	"github.com/jeroboam-cloud/jeroboam/node"
	"github.com/jeroboam-cloud/jeroboam/pki"
	"github.com/jeroboam-cloud/jeroboam/test/port"
)

// TestKeystoneLogin starts an API server with the files that a control-plane
// machine gets, and stands in for the webhook.
func TestKeystoneLogin(t *testing.T) {
	if os.Getenv("JEROBOAM_TEST_REAL") != "1" {
		t.Skip("starts an API server on this host: set JEROBOAM_TEST_REAL=1, after make build")
	}
	webhook := newKeystoneWebhook(t)
	api := startAPIServer(t, webhook)
	for path, want := range map[string]int{
		"/api/v1/namespaces":                          http.StatusOK, // the webhook says so
		"/api/v1/namespaces/kube-system/secrets":      http.StatusForbidden,
		"/apis/rbac.authorization.k8s.io/v1/nonsense": http.StatusForbidden,
	} {
		if got := api.get(t, path, "of-keystone"); got != want {
			t.Errorf("%s for a user of Keystone: %d, not %d", path, got, want)
		}
	}
	if got := api.get(t, "/api/v1/namespaces", "of-nobody"); got != http.StatusUnauthorized {
		t.Errorf("a token that Keystone does not know: %d", got)
	}
	asked := webhook.reviews.Load()
	if got := api.get(t, "/api/v1/namespaces", "without-roles"); got != http.StatusForbidden {
		t.Errorf("a user without roles: %d", got)
	}
	if webhook.reviews.Load() != asked {
		t.Error("the webhook is asked what users without Keystone's roles may do")
	}
}

// keystoneWebhook answers as k8s-keystone-auth does.
type keystoneWebhook struct {
	*httptest.Server
	reviews atomic.Int32 // of what somebody may do
}

func newKeystoneWebhook(t *testing.T) *keystoneWebhook {
	w := &keystoneWebhook{}
	w.Server = httptest.NewTLSServer(w)
	t.Cleanup(w.Close)
	return w
}

func (w *keystoneWebhook) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	var in struct {
		APIVersion, Kind string
		Spec             struct {
			Token              string
			ResourceAttributes struct{ Namespace, Resource string }
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.URL.Path != "/webhook" || !strings.HasSuffix(in.APIVersion, "/v1beta1") {
		http.Error(out, fmt.Sprintf("%s of %s at %s: %v", in.Kind, in.APIVersion, r.URL.Path, err), http.StatusBadRequest)
		return
	}
	status := map[string]any{}
	switch in.Kind {
	case "TokenReview":
		user := map[string]any{"username": in.Spec.Token, "groups": []string{"4fa1"}}
		if in.Spec.Token == "of-keystone" {
			user["extra"] = map[string][]string{"alpha.kubernetes.io/identity/roles": {"k8s_viewer"}}
		}
		status = map[string]any{"authenticated": in.Spec.Token != "of-nobody", "user": user}
	case "SubjectAccessReview":
		w.reviews.Add(1)
		status["allowed"] = in.Spec.ResourceAttributes.Resource == "namespaces"
	}
	_ = json.NewEncoder(out).Encode(map[string]any{"apiVersion": in.APIVersion, "kind": in.Kind, "status": status})
}

// keystoneMaster is a control-plane machine's config with Keystone on.
func keystoneMaster(t *testing.T) node.Config {
	t.Helper()
	in := coetest.Cluster(kubernetes.New().Traits(), 1, 0)[0]
	in.Cluster.Spec.Labels = map[string]string{"keystone_auth_enabled": "true"}
	in.Credential = map[string]jeroboam.Secret{"auth-url": "https://keystone.example/v3"}
	config, err := kubernetes.New().Config(in)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

type apiServer struct {
	address string
	client  *http.Client
}

func startAPIServer(t *testing.T, webhook *keystoneWebhook) apiServer {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "jeroboam-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	flags := keystoneFiles(t, dir, webhook)
	accountKeys(t, dir)
	etcd, peer, api := port.Address(t), port.Address(t), port.Address(t)
	run(t, dir, "etcd", "--data-dir="+dir+"/etcd", "--listen-client-urls=http://"+etcd, "--advertise-client-urls=http://"+etcd,
		"--listen-peer-urls=http://"+peer, "--initial-advertise-peer-urls=http://"+peer, "--initial-cluster=default=http://"+peer)
	run(t, dir, "kube-apiserver", append(flags, "--anonymous-auth=false", "--bind-address=127.0.0.1", "--secure-port="+api[strings.LastIndex(api, ":")+1:],
		"--cert-dir="+dir, "--disable-admission-plugins=ServiceAccount", "--etcd-servers=http://"+etcd, "--service-account-issuer=https://test",
		"--service-account-key-file="+dir+"/key.pub", "--service-account-signing-key-file="+dir+"/key.pem", "--service-cluster-ip-range=10.0.0.0/24")...)
	s := apiServer{api, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}} // it signs its own
	t.Cleanup(s.client.CloseIdleConnections)
	err = until(60*time.Second, func() error {
		status, err := s.ask("/version", "of-keystone") // which a role of its own allows everybody who is let in
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("answers %d", status)
		}
		return err
	})
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "kube-apiserver.log"))
		t.Fatalf("the API server: %v\n%s", err, log)
	}
	return s
}

// accountKeys makes the key that signs tokens of service accounts.
func accountKeys(t *testing.T, dir string) {
	t.Helper()
	signer, key, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "key.pem"), key.Reveal())
	write(t, filepath.Join(dir, "key.pub"), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
}

// keystoneFiles writes the files below the directory, with the address and the
// authority of this webhook, and returns the flags that name them.
func keystoneFiles(t *testing.T, dir string, webhook *keystoneWebhook) []string {
	t.Helper()
	ca := filepath.Join(dir, "ca.crt")
	write(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: webhook.Certificate().Raw})))
	move := strings.NewReplacer("https://127.0.0.1:8443", webhook.URL, "/etc/kubernetes/pki/ca.crt", ca, "/etc/kubernetes/", dir+"/")
	var flags []string
	for _, f := range keystoneMaster(t).Files {
		switch filepath.Base(f.Path) {
		case "keystone-webhook.conf", "authorization.yaml":
			write(t, move.Replace(f.Path), move.Replace(f.Content.Reveal()))
		case "controlplane.yaml":
			var all struct{ APIServer []string }
			if err := json.Unmarshal([]byte(f.Content.Reveal()), &all); err != nil {
				t.Fatal(err)
			}
			for _, flag := range all.APIServer {
				if strings.HasPrefix(flag, "--authentication-token-webhook") || strings.HasPrefix(flag, "--authorization-") {
					flags = append(flags, move.Replace(flag))
				}
			}
		}
	}
	if len(flags) != 3 {
		t.Fatalf("flags %v", flags)
	}
	return flags
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run starts a program of the bundle, which ends with the test.
func run(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, program+".log"))
	if err != nil {
		t.Fatal(err)
	}
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join((&service{t: t, bin: bin}).bundle(), "bin", "kubernetes"), append([]string{program}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // its exit code is the signal's
		_ = log.Close()
	})
}

func (s apiServer) ask(path, token string) (int, error) {
	request, err := http.NewRequest(http.MethodGet, "https://"+s.address+path, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := s.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, err
}

func (s apiServer) get(t *testing.T, path, token string) int {
	t.Helper()
	status, err := s.ask(path, token)
	if err != nil {
		t.Fatal(err)
	}
	return status
}
