package autoscale

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/autoscale/internal/protocol"
	"github.com/jeroboam-cloud/jeroboam/store"
)

func node(name, providerID string) *protocol.ExternalGrpcNode {
	return &protocol.ExternalGrpcNode{Name: name, ProviderID: providerID}
}

func TestAnAutoscalerSeesTheGroupsOfItsOwnClusterThatHaveAMaximum(t *testing.T) {
	h := newHouse(t)
	answer, err := h.autoscaler(auto).NodeGroups(t.Context(), &protocol.NodeGroupsRequest{})
	h.must(err)
	var got []string
	for _, g := range answer.NodeGroups {
		got = append(got, g.Debug)
	}
	if want := []string{"default-worker (2 of 1 to 4)", "guests (0 of 0 to 2)"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	h.update(func(tx store.Tx) error {
		c, err := store.Get[jeroboam.Cluster](tx, auto)
		c.Spec.Labels = map[string]string{"max_node_count": "4"}
		if err == nil {
			err = store.Put(tx, &c)
		}
		return err
	})
	if answer, err = h.autoscaler(auto).NodeGroups(t.Context(), &protocol.NodeGroupsRequest{}); err != nil || len(answer.NodeGroups) > 0 {
		t.Errorf("a cluster without the label: %v, %v", answer, err)
	}
}

func TestOnlyTheCertificateOfAnAutoscalerLetsIn(t *testing.T) {
	h := newHouse(t)
	_, err := protocol.NewCloudProviderClient(h.dial()).NodeGroups(t.Context(), &protocol.NodeGroupsRequest{})
	if status.Code(err) != codes.Unauthenticated {
		t.Errorf("nobody: %v", err)
	}
	_, err = h.autoscaler("5ad5bc4e-2ad9-4bb1-8d05-4ae2a1e1a009").NodeGroups(t.Context(), &protocol.NodeGroupsRequest{})
	if status.Code(err) != codes.NotFound {
		t.Errorf("that of a cluster that is gone: %v", err)
	}
	_, err = h.autoscaler(other).NodeGroupDeleteNodes(t.Context(), &protocol.NodeGroupDeleteNodesRequest{
		Id: jeroboam.DefaultWorker, Nodes: []*protocol.ExternalGrpcNode{node("demo-worker-1", "openstack:///"+auto[:30]+"-8-1")}})
	if got := h.wanted(auto, 8); err != nil || got.Count != 2 || len(got.Remove) > 0 {
		t.Errorf("another cluster's autoscaler takes a node: %+v, %v", got, err)
	}
}

func TestNodesAreKnownByTheirMachines(t *testing.T) {
	h := newHouse(t)
	ca := h.autoscaler(auto)
	late := ""
	for _, c := range []struct {
		name, node, id, group string
	}{
		{"a worker by its provider ID", "x", "openstack:///" + auto[:30] + "-8-1", "default-worker"},
		{"a worker by its name", "demo-worker-1", "", "default-worker"},
		{"the control plane is nobody's", "demo-master-0", "openstack:///" + auto[:30] + "-7-0", ""},
		{"a stranger is nobody's", "stranger", "openstack:///stranger", ""},
		{"one that came later", "late", "", "guests"},
	} {
		if c.node == "late" {
			h.Clock.Advance(rollNew)
			late = h.machine(auto, 9, "late", 0, true)
		}
		answer, err := ca.NodeGroupForNode(t.Context(), &protocol.NodeGroupForNodeRequest{Node: node(c.node, c.id)})
		if err != nil || answer.NodeGroup.GetId() != c.group {
			t.Errorf("%s: %v, %v", c.name, answer, err)
		}
	}
	h.update(func(tx store.Tx) error { return tx.Delete(store.KindMachine, late, 0) })
	_, err := ca.Refresh(t.Context(), &protocol.RefreshRequest{})
	h.must(err)
	answer, err := ca.NodeGroupForNode(t.Context(), &protocol.NodeGroupForNodeRequest{Node: node("late", "")})
	if err != nil || answer.NodeGroup.GetId() != "" {
		t.Errorf("one that has gone is remembered in another round: %v, %v", answer, err)
	}
}

func TestAResizeIsAnOperationOfTheAutoscaler(t *testing.T) {
	h := newHouse(t)
	_, err := h.autoscaler(auto).NodeGroupIncreaseSize(t.Context(), &protocol.NodeGroupIncreaseSizeRequest{Id: "default-worker", Delta: 2})
	h.must(err)
	c, err := read[jeroboam.Cluster](t.Context(), h, auto)
	h.must(err)
	op, err := read[jeroboam.Operation](t.Context(), h, c.Status.Operation)
	h.must(err)
	if op.User != User || op.Verb != jeroboam.VerbResize || op.Summary != "default-worker 2 -> 4" || op.Request == "" {
		t.Errorf("%+v", op)
	}
	target, err := h.autoscaler(auto).NodeGroupTargetSize(t.Context(), &protocol.NodeGroupTargetSizeRequest{Id: "default-worker"})
	if err != nil || target.TargetSize != 4 {
		t.Errorf("the target is %v, %v", target, err)
	}
}

func TestWhatIsRefusedChangesNothing(t *testing.T) {
	h := newHouse(t)
	ca := h.autoscaler(auto)
	increase := func(group string, delta int32) error {
		_, err := ca.NodeGroupIncreaseSize(t.Context(), &protocol.NodeGroupIncreaseSizeRequest{Id: group, Delta: delta})
		return err
	}
	remove := func(group string, nodes ...*protocol.ExternalGrpcNode) error {
		_, err := ca.NodeGroupDeleteNodes(t.Context(), &protocol.NodeGroupDeleteNodesRequest{Id: group, Nodes: nodes})
		return err
	}
	decrease := func(delta int32) error {
		_, err := ca.NodeGroupDecreaseTargetSize(t.Context(), &protocol.NodeGroupDecreaseTargetSizeRequest{Id: "default-worker", Delta: delta})
		return err
	}
	for name, is := range map[string]struct {
		err  error
		code codes.Code
	}{
		"more than the maximum":             {increase("default-worker", 3), codes.InvalidArgument},
		"fewer by the call for more":        {increase("default-worker", -1), codes.InvalidArgument},
		"a control plane of another size":   {increase("default-master", 2), codes.NotFound},
		"a node of another group":           {remove("guests", node("demo-worker-1", "")), codes.InvalidArgument},
		"fewer than the minimum":            {remove("default-worker", node("demo-worker-0", ""), node("demo-worker-1", "")), codes.InvalidArgument},
		"fewer without a name, of nodes up": {decrease(-1), codes.FailedPrecondition},
		"more by the call for fewer":        {decrease(1), codes.InvalidArgument},
		"what is not answered here at all":  {h.dial().Invoke(t.Context(), "/clusterautoscaler.cloudprovider.v1.externalgrpc.CloudProvider/PricingNodePrice", &protocol.RefreshRequest{}, &protocol.RefreshResponse{}), codes.Unimplemented},
	} {
		if status.Code(is.err) != is.code {
			t.Errorf("%s: %v, not %v", name, is.err, is.code)
		}
	}
	if got := h.wanted(auto, 8); got.Count != 2 || len(got.Remove) > 0 {
		t.Errorf("wanted are %+v", got)
	}
	_, err := h.autoscaler(auto).NodeGroupIncreaseSize(t.Context(), &protocol.NodeGroupIncreaseSizeRequest{Id: "guests", Delta: 2})
	h.must(err)
}

func TestNodesGoByNameAndAreCountedOnce(t *testing.T) {
	h := newHouse(t)
	ca := h.autoscaler(auto)
	victim := auto[:30] + "-8-0"
	for _, n := range []*protocol.ExternalGrpcNode{node("demo-worker-0", "openstack:///"+victim), node("demo-worker-0", ""), node("gone", "openstack:///gone")} {
		_, err := ca.NodeGroupDeleteNodes(t.Context(), &protocol.NodeGroupDeleteNodesRequest{Id: "default-worker", Nodes: []*protocol.ExternalGrpcNode{n, n}})
		if got := h.wanted(auto, 8); err != nil || got.Count != 1 || !slices.Equal(got.Remove, []string{victim}) {
			t.Errorf("%v: %+v, %v", n, got, err)
		}
	}
	if got, want := h.states(ca), map[string]string{"8-0": "instanceDeleting", "8-1": "instanceRunning"}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNodesThatAreDeletedSideBySideAllGo(t *testing.T) {
	h := newHouse(t)
	ca := h.autoscaler(auto)
	_, err := ca.NodeGroupIncreaseSize(t.Context(), &protocol.NodeGroupIncreaseSizeRequest{Id: "default-worker", Delta: 2})
	h.must(err)
	h.machine(auto, 8, "demo-worker-2", 2, true)
	h.machine(auto, 8, "demo-worker-3", 3, true)
	var together errgroup.Group
	for i := range 3 {
		together.Go(func() error {
			_, err := ca.NodeGroupDeleteNodes(t.Context(), &protocol.NodeGroupDeleteNodesRequest{Id: "default-worker",
				Nodes: []*protocol.ExternalGrpcNode{node(fmt.Sprintf("demo-worker-%d", i), "")}})
			return err
		})
	}
	err = together.Wait()
	if got := h.wanted(auto, 8); err != nil || got.Count != 1 || len(got.Remove) != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

// states are those of the default workers, with what is wrong, by the end of
// their IDs.
func (h *house) states(ca protocol.CloudProviderClient) map[string]string {
	h.t.Helper()
	answer, err := ca.NodeGroupNodes(h.t.Context(), &protocol.NodeGroupNodesRequest{Id: "default-worker"})
	h.must(err)
	all := map[string]string{}
	for _, i := range answer.Instances {
		text := i.Status.InstanceState.String()
		if e := i.Status.ErrorInfo; e != nil {
			text += fmt.Sprintf(" %s %d: %s", e.ErrorCode, e.InstanceErrorClass, e.ErrorMessage)
		}
		all[i.Id[len(i.Id)-3:]] = text
	}
	return all
}

func TestOnlyNodesThatHaveNotComeUpAreTakenBack(t *testing.T) {
	h := newHouse(t)
	ca := h.autoscaler(auto)
	_, err := ca.NodeGroupIncreaseSize(t.Context(), &protocol.NodeGroupIncreaseSizeRequest{Id: "default-worker", Delta: 2})
	h.must(err)
	absent := h.machine(auto, 8, "demo-worker-2", 2, false) // the fourth is not even planned
	for _, want := range []struct {
		count  int
		remove []string
	}{{3, nil}, {2, []string{absent}}} {
		_, err := ca.NodeGroupDecreaseTargetSize(t.Context(), &protocol.NodeGroupDecreaseTargetSizeRequest{Id: "default-worker", Delta: -1})
		if got := h.wanted(auto, 8); err != nil || got.Count != want.count || !slices.Equal(got.Remove, want.remove) {
			t.Errorf("got %+v, want %+v: %v", got, want, err)
		}
	}
}

func TestWhatKeepsANodeFromComingIsTold(t *testing.T) {
	h := newHouse(t)
	ca := h.autoscaler(auto)
	h.machine(auto, 8, "demo-worker-2", 2, false)
	h.machine(auto, 8, "demo-worker-3", 3, false)
	full := &jeroboam.Cause{Kind: jeroboam.QuotaExceeded, Reason: "quota", Detail: "No cores are left.", Remedy: "Ask for more."}
	op := jeroboam.Operation{ID: "00000000-0000-4000-8000-00000000000a", Verb: jeroboam.VerbResize, State: jeroboam.OperationRunning}
	steps := []jeroboam.Step{{Name: "machine demo-worker-2", State: jeroboam.StepRetrying, Cause: full}, {Name: "machine demo-worker-3", State: jeroboam.StepRunning}}
	h.operation(op, steps...)
	want := map[string]string{"8-0": "instanceRunning", "8-1": "instanceRunning", "8-2": "instanceCreating", "8-3": "instanceCreating"}
	if got := h.states(ca); !maps.Equal(got, want) {
		t.Errorf("while it is tried again: %v", got)
	}
	op.ID, op.State = "00000000-0000-4000-8000-00000000000b", jeroboam.OperationBlocked
	steps[0].State = jeroboam.StepBlocked
	h.operation(op, steps...)
	want["8-2"] = "instanceCreating quota 1: No cores are left. Ask for more."
	if got := h.states(ca); !maps.Equal(got, want) {
		t.Errorf("blocked: %v", got)
	}
	op.ID, op.State, op.Cause = "00000000-0000-4000-8000-00000000000c", jeroboam.OperationFailed, &jeroboam.Cause{Kind: jeroboam.Timeout, Reason: "deadline", Detail: "Too late."}
	steps[0].State, steps[1].State = jeroboam.StepFailed, jeroboam.StepFailed
	h.operation(op, steps...)
	want["8-3"] = "instanceCreating deadline 99: Too late."
	if got := h.states(ca); !maps.Equal(got, want) {
		t.Errorf("failed: %v", got)
	}
}

func TestTheAutoscalerYieldsToWhatUsersHaveUnderWay(t *testing.T) {
	for verb, code := range map[string]codes.Code{jeroboam.VerbUpgrade: codes.FailedPrecondition, jeroboam.VerbRotate: codes.FailedPrecondition,
		jeroboam.VerbResize: codes.OK, jeroboam.VerbRepair: codes.OK} {
		h := newHouse(t)
		h.operation(jeroboam.Operation{ID: "00000000-0000-4000-8000-00000000000a", Verb: verb, State: jeroboam.OperationRunning})
		_, err := h.autoscaler(auto).NodeGroupIncreaseSize(t.Context(), &protocol.NodeGroupIncreaseSizeRequest{Id: "default-worker", Delta: 1})
		if status.Code(err) != code {
			t.Errorf("during %s: %v", verb, err)
		}
	}
}

func TestABlankNodeTellsWhatFitsOnIt(t *testing.T) {
	h := newHouse(t)
	answer, err := h.autoscaler(auto).NodeGroupTemplateNodeInfo(t.Context(), &protocol.NodeGroupTemplateNodeInfoRequest{Id: "guests"})
	h.must(err)
	var n protocol.Node
	h.must(proto.Unmarshal(answer.NodeBytes, &n))
	labels, status := n.Metadata.Labels, n.Status
	if labels["for"] != "guests" || labels["magnum.openstack.org/nodegroup"] != "guests" || labels["kubernetes.io/os"] != "linux" || labels["kubernetes.io/hostname"] != n.Metadata.Name {
		t.Errorf("labels %v", labels)
	}
	if taint := n.Spec.Taints[0]; taint.Key != "for" || taint.Value != "guests" || taint.Effect != "NoSchedule" {
		t.Errorf("taint %v", taint)
	}
	if status.Capacity["cpu"].String_ != "1" || status.Allocatable["memory"].String_ != "873Mi" || status.Allocatable["pods"].String_ != "110" ||
		status.Allocatable["ephemeral-storage"].String_ != "10Gi" || status.Conditions[0].Type != "Ready" {
		t.Errorf("status %v", status)
	}
}
