package plan_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/plan"
)

// TestWhateverIsWantedAndWhateverHappensThePlanLeadsThere interleaves steps in
// any allowed order with changes of mind, machines that die and services that
// are cut off, and then lets the world settle.
func TestWhateverIsWantedAndWhateverHappensThePlanLeadsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		for range rapid.IntRange(0, 60).Draw(t, "turns") {
			w.turn()
		}
		w.settle()
		if w.desired.Cluster.Spec.Deleted {
			w.actual.Ledger = slices.DeleteFunc(w.actual.Ledger, func(r jeroboam.Resource) bool { return r.State == jeroboam.ResourceKept })
			if len(w.actual.Machines)+len(w.actual.Ledger) > 0 || !w.swept {
				t.Fatalf("the delete left %+v", w.actual)
			}
			return
		}
		w.requireWhole()
		w.requireChanged()
	})
}

// turn is one thing that happens: mostly a step.
func (w *world) turn() {
	switch rapid.IntRange(0, 12).Draw(w.T, "what") {
	case 12:
		w.order()
	case 0:
		w.resize()
	case 1:
		w.strike()
	case 2:
		w.regroup()
	case 3:
		if rapid.Bool().Draw(w.T, "new configs") {
			w.version++
			return
		}
		if rapid.IntRange(0, 9).Draw(w.T, "delete") == 0 {
			w.desired.Cluster.Spec.Deleted = true
		}
	default:
		w.anyStep()
	}
}

func (w *world) anyStep() bool {
	steps := w.plan()
	if len(steps) == 0 || w.swept {
		return false
	}
	w.do(rapid.SampledFrom(plan.Ready(steps)).Draw(w.T, "step"))
	return true
}

// settle does steps until none is left: there is always an end.
func (w *world) settle() {
	limit := w.done + 2000
	for w.anyStep() {
		if w.done > limit {
			w.Fatalf("there is no end: %v", names(w.plan()))
		}
	}
}

func (w *world) resize() {
	g := &w.desired.Groups[rapid.IntRange(0, len(w.desired.Groups)-1).Draw(w.T, "group")]
	if g.Spec.Deleted {
		return
	}
	if g.IsMaster() {
		g.Spec.Count = rapid.SampledFrom([]int{1, 3, 5}).Draw(w.T, "masters")
	} else {
		g.Spec.Count = rapid.IntRange(0, 5).Draw(w.T, "count")
	}
	for _, m := range w.actual.Machines {
		if m.Group == g.ID && rapid.IntRange(0, 4).Draw(w.T, "named") == 0 {
			words := []string{fmt.Sprint(m.Index), m.Name, m.ID, m.Status.Address, m.Status.CloudID}
			g.Spec.Remove = append(g.Spec.Remove, rapid.SampledFrom(words).Draw(w.T, "word"))
		}
	}
}

// strike stops a made machine, or takes it away with its disk, or takes away
// what stands before the control plane.
func (w *world) strike() {
	w.actual.FrontLost = w.front() && rapid.IntRange(0, 3).Draw(w.T, "front struck") == 0
	for _, m := range w.actual.Machines {
		if m.Status.CloudID != "" && rapid.IntRange(0, 3).Draw(w.T, "struck") == 0 {
			w.actual.Lost[m.ID] = true
			w.gone[m.ID] = rapid.Bool().Draw(w.T, "disk")
		}
	}
}

// regroup adds a group, or deletes one that is not a default.
func (w *world) regroup() {
	n := len(w.desired.Groups)
	if n > 2 && rapid.Bool().Draw(w.T, "delete group") {
		w.desired.Groups[n-1].Spec.Deleted = true
		return
	}
	if n >= 5 {
		return
	}
	g := jeroboam.NodeGroup{ID: fmt.Sprintf("g%d", w.done*10+n), Role: "gpu",
		Name: rapid.SampledFrom([]string{"worker", "master", "GPU", "gpu", "g p u", "größe", "a-very-long-name-of-a-node-group"}).Draw(w.T, "group name")}
	g.Spec.Count = rapid.IntRange(0, 3).Draw(w.T, "count")
	if !slices.ContainsFunc(w.desired.Groups, func(o jeroboam.NodeGroup) bool { return o.ID == g.ID || o.Name == g.Name }) {
		w.desired.Groups = append(w.desired.Groups, g)
	}
}

func machine(index int, ready bool) jeroboam.Machine {
	m := jeroboam.Machine{ID: fmt.Sprintf("ID-%d", index), Index: index, Name: fmt.Sprintf("demo-worker-%d", index),
		Status: jeroboam.MachineStatus{Address: fmt.Sprintf("10.0.0.%d", index), CloudID: fmt.Sprintf("cloud-%d", index)}}
	if ready {
		m.Status.ReadyAt = time.Unix(1, 0)
	}
	return m
}

func TestWhoGoesFirst(t *testing.T) {
	all := []jeroboam.Machine{machine(0, true), machine(1, true), machine(2, false), machine(3, true), machine(10, true)}
	for _, test := range []struct {
		name   string
		want   int
		remove []string
		lost   map[string]bool
		goes   []int
	}{
		{"nobody when all are wanted", 5, nil, nil, nil},
		{"the one that never came up, then the highest index", 3, nil, nil, []int{2, 10}},
		{"a lost one before one that works", 3, nil, map[string]bool{"ID-0": true}, []int{2, 0}},
		{"those that are named, by index and name", 3, []string{"1", "DEMO-worker-0"}, nil, []int{1, 0}},
		{"those that are named, by ID, address and cloud's handle", 2, []string{"id-0", "10.0.0.1", "CLOUD-3"}, nil, []int{3, 1, 0}},
		{"named ones and then by rank", 3, []string{"0"}, nil, []int{0, 2}},
		{"all that are named, even more than the size needs", 5, []string{"0", "10"}, nil, []int{10, 0}},
		{"nobody for a name that nobody has, nor for an empty one", 5, []string{"7", ""}, nil, nil},
		{"everybody", 0, nil, nil, []int{2, 10, 3, 1, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var goes []int
			for _, m := range plan.Victims(all, test.want, test.remove, test.lost) {
				goes = append(goes, m.Index)
			}
			if !slices.Equal(goes, test.goes) {
				t.Errorf("%v go, want %v", goes, test.goes)
			}
		})
	}
}

func TestLabels(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		{"demo", "demo"},
		{"My_Cluster.1", "my-cluster-1"},
		{"--..__", "fallback"},
		{"größe", "gr-e"},
		{"abcdefghijk-lmnop", "abcdefghijk"},
		{"9lives", "9lives"},
	} {
		if got := plan.Label(test.name, 12, "fallback"); got != test.want {
			t.Errorf("Label(%q) is %q, want %q", test.name, got, test.want)
		}
	}
}
