package kubernetes_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/coe/coetest"
	"github.com/jeroboam-cloud/jeroboam/coe/kubernetes"
)

func TestConformanceOfTheLiveHalf(t *testing.T) {
	_, access := newFakeAPI(t)
	coetest.RunLive(t, kubernetes.New(), access)
}

func TestHealthTellsOfEveryNode(t *testing.T) {
	api, access := newFakeAPI(t)
	api.nodes = map[string]*fakeNode{
		"a": {ready: "True", message: "kubelet is posting ready status"},
		"b": {ready: "False", message: "container runtime network not ready"},
		"c": {ready: "Unknown", message: "Kubelet stopped posting node status."},
		"d": {},
	}
	got, err := kubernetes.New().Health(t.Context(), access)
	want := coe.Health{Reachable: true, Nodes: []coe.Node{
		{Name: "a", Ready: true, Version: "v1.36.3"},
		{Name: "b", Message: "container runtime network not ready", Version: "v1.36.3"},
		{Name: "c", Message: "Kubelet stopped posting node status.", Version: "v1.36.3"},
		{Name: "d", Message: "The node has not reported yet.", Version: "v1.36.3"},
	}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestAnAPIThatCannotAnswerIsUnreachable(t *testing.T) {
	api, access := newFakeAPI(t)
	api.set(func(f *fakeAPI) { f.fail = http.StatusInternalServerError })
	health, err := kubernetes.New().Health(t.Context(), access)
	if err != nil || health.Reachable || !strings.Contains(health.Message, "etcdserver: request timed out") {
		t.Errorf("%+v, %v", health, err)
	}
}

func TestAClusterThatTakesNoPodsYetIsStarting(t *testing.T) {
	api, access := newFakeAPI(t)
	api.set(func(f *fakeAPI) { f.young, f.nodes["a"] = true, &fakeNode{ready: "True"} })
	c := kubernetes.New()
	got, err := c.Health(t.Context(), access)
	if want := (coe.Health{Message: "The control plane is still starting."}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("before the controllers are up: %+v, %v", got, err)
	}
	api.set(func(f *fakeAPI) { f.young = false })
	if got, err = c.Health(t.Context(), access); err != nil || !got.Reachable || len(got.Nodes) != 1 {
		t.Errorf("when they are: %+v, %v", got, err)
	}
}

func TestAskingOftenKeepsOneConnection(t *testing.T) {
	_, access := newFakeAPI(t)
	dials := 0
	access.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials++
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	c := kubernetes.New()
	for range 20 {
		if health, err := c.Health(t.Context(), access); err != nil || !health.Reachable {
			t.Fatalf("%+v, %v", health, err)
		}
	}
	if dials != 1 {
		t.Errorf("20 questions took %d connections", dials)
	}
}

func TestHealthGivesUpWithItsCaller(t *testing.T) {
	_, access := newFakeAPI(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := kubernetes.New().Health(ctx, access); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestAccessThatIsNoneIsAnError(t *testing.T) {
	_, access := newFakeAPI(t)
	for name, change := range map[string]func(*coe.Access){
		"no key":       func(a *coe.Access) { a.Key = "" },
		"no authority": func(a *coe.Access) { a.CA = "" },
	} {
		broken := access
		change(&broken)
		if _, err := kubernetes.New().Health(t.Context(), broken); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A cluster whose access changed is asked with the new one.
func TestRotatedAccessIsUsed(t *testing.T) {
	old, oldAccess := newFakeAPI(t)
	young, youngAccess := newFakeAPI(t)
	c := kubernetes.New()
	for _, access := range []coe.Access{oldAccess, youngAccess, youngAccess} {
		if _, err := c.Health(t.Context(), access); err != nil {
			t.Fatal(err)
		}
	}
	if len(old.calls) != 2 || len(young.calls) != 3 {
		t.Errorf("the old API was asked %d times, the new one %d times", len(old.calls), len(young.calls))
	}
}

func draining(err error) bool {
	e, ok := jeroboam.AsError(err)
	return ok && e.Kind == jeroboam.Unavailable && e.Reason == "draining"
}

func TestDrainEmptiesANode(t *testing.T) {
	api, access := newFakeAPI(t)
	api.nodes = map[string]*fakeNode{"a": {ready: "True"}, "b": {ready: "True"}}
	api.pods = map[string]*fakePod{
		"web/one":        {node: "a", owner: "ReplicaSet", phase: "Running"},
		"web/alone":      {node: "a", phase: "Running"},
		"web/elsewhere":  {node: "b", owner: "ReplicaSet", phase: "Running"},
		"kube-system/ds": {node: "a", owner: "DaemonSet", phase: "Running"},
		"kube-system/st": {node: "a", owner: "Node", mirror: true, phase: "Running"},
		"web/done":       {node: "a", owner: "Job", phase: "Succeeded"},
	}
	c := kubernetes.New()
	if err := c.Drain(t.Context(), access, "a"); !draining(err) || !strings.Contains(err.Error(), "2 pods") {
		t.Fatalf("first call: %v", err)
	}
	if !api.nodes["a"].cordon || api.nodes["b"].cordon {
		t.Error("the node is not closed to new pods, or another one is")
	}
	if err := c.Drain(t.Context(), access, "a"); !draining(err) {
		t.Fatalf("while pods leave: %v", err)
	}
	api.set(func(f *fakeAPI) { f.pods["web/one"].phase = "Succeeded" })
	if err := c.Drain(t.Context(), access, "a"); !draining(err) {
		t.Fatalf("while the kubelet forgets one that has ended: %v", err)
	}
	api.settle()
	if err := c.Drain(t.Context(), access, "a"); err != nil {
		t.Fatalf("when they have left: %v", err)
	}
	for _, kept := range []string{"web/elsewhere", "kube-system/ds", "kube-system/st", "web/done"} {
		if api.pods[kept] == nil {
			t.Errorf("%s was evicted", kept)
		}
	}
}

func TestADrainedNodeIsUncordoned(t *testing.T) {
	api, access := newFakeAPI(t)
	api.nodes = map[string]*fakeNode{"a": {ready: "True", cordon: true}}
	c := kubernetes.New()
	for _, name := range []string{"a", "a", "gone"} {
		if err := c.Uncordon(t.Context(), access, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if api.nodes["a"].cordon {
		t.Error("the node is still cordoned")
	}
	for versions, want := range map[[2]string]bool{
		{"v1.35.4", "v1.36.3"}: true, {"v1.36.1", "v1.36.3"}: false, {"v1.36.3", "v1.36.3"}: false, {"v1.3.5", "v1.36.3"}: true,
	} {
		if got := c.Disrupts(versions[0], versions[1]); got != want {
			t.Errorf("%v disrupts: %v", versions, got)
		}
	}
}

func TestDrainObeysDisruptionBudgets(t *testing.T) {
	api, access := newFakeAPI(t)
	api.nodes = map[string]*fakeNode{"a": {ready: "True"}}
	api.pods = map[string]*fakePod{
		"web/one": {node: "a", owner: "ReplicaSet", phase: "Running", budget: "web/two-of-three"},
		"web/two": {node: "a", owner: "ReplicaSet", phase: "Running", budget: "web/two-of-three"},
	}
	api.budgets = map[string]*fakeBudget{"web/two-of-three": {allowed: 1, healthy: 3, expected: 3}}
	c := kubernetes.New()

	if err := c.Drain(t.Context(), access, "a"); !draining(err) {
		t.Fatalf("one may leave: %v", err)
	}
	api.settle()
	api.set(func(f *fakeAPI) { *f.budgets["web/two-of-three"] = fakeBudget{healthy: 2, expected: 3} })
	if err := c.Drain(t.Context(), access, "a"); !draining(err) {
		t.Fatalf("its successor starts elsewhere: %v", err)
	}
	api.set(func(f *fakeAPI) { *f.budgets["web/two-of-three"] = fakeBudget{healthy: 3, expected: 3} })
	err := c.Drain(t.Context(), access, "a")
	e, ok := jeroboam.AsError(err)
	if !ok || e.Kind != jeroboam.Conflict || e.Reason != "disruption-budget" {
		t.Fatalf("none may leave: %v", err)
	}
	for _, word := range []string{"web/two-of-three", "two", "needs 3 healthy pods"} {
		if !strings.Contains(e.Detail, word) {
			t.Errorf("%q does not say %q", e.Detail, word)
		}
	}
	api.set(func(f *fakeAPI) { f.budgets["web/two-of-three"].allowed = 1 })
	if err := c.Drain(t.Context(), access, "a"); !draining(err) {
		t.Fatalf("the budget was changed: %v", err)
	}
}

func TestADeadNodeIsEmpty(t *testing.T) {
	api, access := newFakeAPI(t)
	api.nodes = map[string]*fakeNode{"a": {ready: "Unknown"}}
	api.pods = map[string]*fakePod{"web/one": {node: "a", owner: "ReplicaSet", phase: "Running"}}
	if err := kubernetes.New().Drain(t.Context(), access, "a"); err != nil {
		t.Error(err)
	}
}

func TestAbsentNodesAreDrainedAndRemoved(t *testing.T) {
	_, access := newFakeAPI(t)
	c := kubernetes.New()
	if err := c.Drain(t.Context(), access, "a"); err != nil {
		t.Errorf("drain: %v", err)
	}
	if err := c.Remove(t.Context(), access, "a"); err != nil {
		t.Errorf("remove: %v", err)
	}
}

func TestRemoveForgetsTheNode(t *testing.T) {
	api, access := newFakeAPI(t)
	api.nodes = map[string]*fakeNode{"a": {ready: "True"}, "b": {ready: "True"}}
	if err := kubernetes.New().Remove(t.Context(), access, "a"); err != nil {
		t.Fatal(err)
	}
	if api.nodes["a"] != nil || api.nodes["b"] == nil {
		t.Errorf("nodes left: %v", api.nodes)
	}
}
