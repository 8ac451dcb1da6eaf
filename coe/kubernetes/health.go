package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jeroboam-cloud/jeroboam/coe"
)

// Health lists the nodes. An API that does not answer, or will not let us in,
// is a state of the cluster and not an error.
func (c *COE) Health(ctx context.Context, access coe.Access) (coe.Health, error) {
	api, err := c.clients.of(access)
	if err != nil {
		return coe.Health{}, err
	}
	// Version 0 is answered from the API server's memory.
	var nodes list[nodeObject]
	err = api.call(ctx, http.MethodGet, "/api/v1/nodes?resourceVersion=0", "", nil, &nodes)
	switch {
	case ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled):
		return coe.Health{}, ctx.Err()
	case err != nil:
		return coe.Health{Message: fmt.Sprintf("The API server does not answer: %v.", err)}, nil
	}
	return coe.Health{Reachable: true, Nodes: nodesOf(nodes.Items)}, nil
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
