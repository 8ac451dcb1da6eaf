package engine_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud"
	cloudsim "github.com/jeroboam-cloud/jeroboam/cloud/sim"
	"github.com/jeroboam-cloud/jeroboam/engine"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// stock is a cloud that hands user-data to an image which knows nothing of us.
type stock struct {
	*cloudsim.Cloud
	userData chan string
}

func (s stock) Capabilities() cloud.Capabilities {
	c := s.Cloud.Capabilities()
	c.StockImages = true
	return c
}

func (s stock) EnsureMachine(ctx context.Context, scope cloud.Scope, spec cloud.MachineSpec) (cloud.Machine, error) {
	text, err := spec.UserData()
	if err != nil {
		return cloud.Machine{}, err
	}
	s.userData <- string(text)
	// The machine itself is played by the simulator, which reads JSON.
	_, rest, _ := strings.Cut(string(text), "<<'END'\n")
	line, _, _ := strings.Cut(rest, "\n")
	spec.UserData = func() ([]byte, error) { return []byte(line), nil }
	return s.Cloud.EnsureMachine(ctx, scope, spec)
}

func TestAStockImageIsToldHowToFetchTheAgent(t *testing.T) {
	userData := make(chan string, 8)
	h := open(t, cloudsim.Options{}, func(o *engine.Options) {
		o.Gateway.Remote, o.Gateway.Agent = "https://192.0.2.1:9512", node.Upgrade{Digest: strings.Repeat("ab", 32), SHA256: strings.Repeat("ab", 32)}
		for name, d := range o.Drivers {
			d.Cloud = stock{d.Cloud.(*cloudsim.Cloud), userData}
			o.Drivers[name] = d
		}
	})
	op := h.create("c1", 1, 0)
	text := <-userData
	_, rest, _ := strings.Cut(text, "<<'END'\n")
	var u node.UserData
	if err := json.NewDecoder(strings.NewReader(rest)).Decode(&u); err != nil {
		t.Fatalf("%v of\n%s", err, text)
	}
	if u.Gateway != "https://192.0.2.1:9512" || u.Token == "" || !strings.Contains(text, u.Gateway+node.PathAgents+strings.Repeat("ab", 32)) {
		t.Errorf("the machine is told\n%s", text)
	}
	if ended := h.await(op); ended.State != jeroboam.OperationComplete {
		t.Errorf("the create is %s: %+v", ended.State, ended.Cause)
	}
}
