package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jeroboam-cloud/jeroboam/coe"
)

// Health lists the nodes. An API that does not answer, will not let us in, or
// takes no pods yet, is a state of the cluster and not an error.
func (c *COE) Health(ctx context.Context, access coe.Access) (coe.Health, error) {
	api, err := c.clients.of(access)
	if err != nil {
		return coe.Health{}, err
	}
	var nodes list[nodeObject]
	settled, err := api.acceptsPods(ctx)
	if err == nil && settled {
		// Version 0 is answered from the API server's memory.
		err = api.call(ctx, http.MethodGet, "/api/v1/nodes?resourceVersion=0", "", nil, &nodes)
	}
	switch {
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled):
		return coe.Health{}, ctx.Err()
	case err != nil:
		return coe.Health{Message: fmt.Sprintf("The API server does not answer: %v.", err)}, nil
	case !settled:
		return coe.Health{Message: "The control plane is still starting."}, nil
	}
	return coe.Health{Reachable: true, Nodes: nodesOf(nodes.Items)}, nil
}

// acceptsPods tells whether a user's first pod would be taken: that needs the
// default service account, which the controllers make when they come up. Nodes
// may be ready before that. Once seen, it is not asked again.
func (c *client) acceptsPods(ctx context.Context) (bool, error) {
	if c.settled.Load() {
		return true, nil
	}
	err := c.call(ctx, http.MethodGet, "/api/v1/namespaces/default/serviceaccounts/default", "", nil, nil)
	if codeOf(err) == http.StatusNotFound {
		return false, nil
	}
	if err == nil {
		c.settled.Store(true)
	}
	return err == nil, err
}

func nodesOf(objects []nodeObject) []coe.Node {
	nodes := make([]coe.Node, 0, len(objects))
	for _, o := range objects {
		nodes = append(nodes, nodeOf(o))
	}
	return nodes
}

func nodeOf(o nodeObject) coe.Node {
	n := coe.Node{Name: o.Metadata.Name, Version: o.Status.NodeInfo.KubeletVersion}
	switch ready := o.ready(); {
	case ready.Status == "True":
		n.Ready = true
	case ready.Message != "":
		n.Message = ready.Message
	default:
		n.Message = "The node has not reported yet."
	}
	return n
}
