package kubernetes_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
)

// fakeAPI answers the few calls of the Kubernetes API that this package makes,
// as a real API server does: nodes, pods, evictions under disruption budgets.
type fakeAPI struct {
	mu      sync.Mutex
	nodes   map[string]*fakeNode
	pods    map[string]*fakePod // by namespace/name
	budgets map[string]*fakeBudget
	calls   []string
	fail    int  // answer everything with this status
	young   bool // the controllers have not come up
}

type fakeNode struct {
	ready   string
	message string
	cordon  bool
}

type fakePod struct {
	node, owner, phase string
	mirror, leaving    bool
	budget             string // namespace/name of the one that covers it
}

type fakeBudget struct{ allowed, healthy, expected int }

func newFakeAPI(t *testing.T) (*fakeAPI, coe.Access) {
	t.Helper()
	api := &fakeAPI{nodes: map[string]*fakeNode{}, pods: map[string]*fakePod{}, budgets: map[string]*fakeBudget{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/default/serviceaccounts/default", api.getAccount)
	mux.HandleFunc("GET /api/v1/nodes", api.listNodes)
	mux.HandleFunc("PATCH /api/v1/nodes/{name}", api.patchNode)
	mux.HandleFunc("DELETE /api/v1/nodes/{name}", api.deleteNode)
	mux.HandleFunc("GET /api/v1/pods", api.listPods)
	mux.HandleFunc("POST /api/v1/namespaces/{namespace}/pods/{name}/eviction", api.evict)
	mux.HandleFunc("GET /apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets/{name}", api.getBudget)
	server := httptest.NewTLSServer(api.locked(mux))
	t.Cleanup(server.Close)
	cert, key := clientPair(t)
	return api, coe.Access{Cluster: t.Name(), Endpoint: server.URL, CA: certPEM(server.Certificate().Raw), Cert: cert, Key: key}
}

func certPEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func clientPair(t *testing.T) (string, jeroboam.Secret) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return certPEM(cert), jeroboam.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (f *fakeAPI) locked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.calls = append(f.calls, r.Method+" "+r.URL.Path)
		if f.fail != 0 {
			status(w, f.fail, "InternalError", "etcdserver: request timed out")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// status writes Kubernetes' own error object; causes are messages.
func status(w http.ResponseWriter, code int, reason, message string, causes ...string) {
	details := []map[string]string{}
	for _, c := range causes {
		details = append(details, map[string]string{"reason": "DisruptionBudget", "message": c})
	}
	answer(w, code, map[string]any{"kind": "Status", "code": code, "reason": reason, "message": message, "details": map[string]any{"causes": details}})
}

func answer(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		panic(err)
	}
}

func (f *fakeAPI) getAccount(w http.ResponseWriter, _ *http.Request) {
	if f.young {
		status(w, http.StatusNotFound, "NotFound", `serviceaccounts "default" not found`)
		return
	}
	answer(w, http.StatusOK, map[string]any{"kind": "ServiceAccount"})
}

func (f *fakeAPI) listNodes(w http.ResponseWriter, _ *http.Request) {
	items := []any{}
	for _, name := range slices.Sorted(maps.Keys(f.nodes)) {
		items = append(items, f.nodes[name].object(name))
	}
	answer(w, http.StatusOK, map[string]any{"items": items})
}

func (n *fakeNode) object(name string) map[string]any {
	conditions := []map[string]string{{"type": "DiskPressure", "status": "False"}}
	if n.ready != "" {
		conditions = append(conditions, map[string]string{"type": "Ready", "status": n.ready, "message": n.message})
	}
	return map[string]any{
		"metadata": map[string]any{"name": name},
		"spec":     map[string]any{"unschedulable": n.cordon},
		"status":   map[string]any{"conditions": conditions, "nodeInfo": map[string]string{"kubeletVersion": "v1.36.3"}},
	}
}

func (f *fakeAPI) patchNode(w http.ResponseWriter, r *http.Request) {
	n := f.nodes[r.PathValue("name")]
	var patch struct {
		Spec struct {
			Unschedulable bool `json:"unschedulable"`
		} `json:"spec"`
	}
	switch {
	case n == nil:
		status(w, http.StatusNotFound, "NotFound", "no such node")
	case r.Header.Get("Content-Type") != "application/merge-patch+json" || json.NewDecoder(r.Body).Decode(&patch) != nil:
		status(w, http.StatusUnsupportedMediaType, "UnsupportedMediaType", "not a merge patch")
	default:
		n.cordon = patch.Spec.Unschedulable
		answer(w, http.StatusOK, n.object(r.PathValue("name")))
	}
}

func (f *fakeAPI) deleteNode(w http.ResponseWriter, r *http.Request) {
	if f.nodes[r.PathValue("name")] == nil {
		status(w, http.StatusNotFound, "NotFound", "no such node")
		return
	}
	delete(f.nodes, r.PathValue("name"))
	answer(w, http.StatusOK, map[string]any{"kind": "Status", "status": "Success"})
}

func (f *fakeAPI) listPods(w http.ResponseWriter, r *http.Request) {
	name, found := strings.CutPrefix(r.URL.Query().Get("fieldSelector"), "spec.nodeName=")
	if !found {
		status(w, http.StatusBadRequest, "BadRequest", "no field selector")
		return
	}
	items := []any{}
	for _, key := range slices.Sorted(maps.Keys(f.pods)) {
		if p := f.pods[key]; p.node == name {
			items = append(items, p.object(key))
		}
	}
	answer(w, http.StatusOK, map[string]any{"items": items})
}

func (p *fakePod) object(key string) map[string]any {
	namespace, name, _ := strings.Cut(key, "/")
	metadata := map[string]any{"name": name, "namespace": namespace}
	if p.owner != "" {
		metadata["ownerReferences"] = []any{map[string]any{"kind": p.owner, "controller": true}}
	}
	if p.mirror {
		metadata["annotations"] = map[string]string{"kubernetes.io/config.mirror": "x"}
	}
	if p.leaving {
		metadata["deletionTimestamp"] = "2026-11-21T07:25:00Z"
	}
	return map[string]any{"metadata": metadata, "status": map[string]string{"phase": p.phase}}
}

func (f *fakeAPI) evict(w http.ResponseWriter, r *http.Request) {
	p := f.pods[r.PathValue("namespace")+"/"+r.PathValue("name")]
	if p == nil {
		status(w, http.StatusNotFound, "NotFound", "no such pod")
		return
	}
	if b := f.budgets[p.budget]; b != nil {
		if b.allowed == 0 {
			_, name, _ := strings.Cut(p.budget, "/")
			status(w, http.StatusTooManyRequests, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.",
				fmt.Sprintf("The disruption budget %s needs %d healthy pods and has %d currently", name, b.expected, b.healthy))
			return
		}
		b.allowed--
	}
	p.leaving = true
	answer(w, http.StatusCreated, map[string]any{"kind": "Status", "status": "Success"})
}

func (f *fakeAPI) getBudget(w http.ResponseWriter, r *http.Request) {
	b := f.budgets[r.PathValue("namespace")+"/"+r.PathValue("name")]
	if b == nil {
		status(w, http.StatusNotFound, "NotFound", "no such budget")
		return
	}
	answer(w, http.StatusOK, map[string]any{"status": map[string]int{
		"disruptionsAllowed": b.allowed, "currentHealthy": b.healthy, "expectedPods": b.expected}})
}

// settle is what the kubelets do: pods that were asked to leave are gone.
func (f *fakeAPI) settle() {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.pods, func(_ string, p *fakePod) bool { return p.leaving })
}

// set changes the state between calls.
func (f *fakeAPI) set(change func(*fakeAPI)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}
