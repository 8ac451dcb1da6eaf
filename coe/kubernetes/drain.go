package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
)

const annotationMirror = "kubernetes.io/config.mirror"

// Drain closes the node to new pods and evicts those it has. It leaves alone
// what belongs to the node: static pods and those of a DaemonSet. Asked again
// and again, it ends with nil. A node that is gone, or whose kubelet does not
// report, is empty: nothing can be moved off it.
func (c *COE) Drain(ctx context.Context, access coe.Access, name string) error {
	api, err := c.clients.of(access)
	if err != nil {
		return err
	}
	n, err := api.schedulable(ctx, name, false)
	switch {
	case codeOf(err) == http.StatusNotFound:
		return nil
	case err != nil:
		return unreachable("cordon node "+name, err)
	}
	pods, err := api.evictable(ctx, name)
	if err != nil {
		return unreachable("list the pods of "+name, err)
	}
	if len(pods) == 0 || n.ready().Status == "Unknown" {
		return nil
	}
	return api.evictAll(ctx, name, pods)
}

// Remove deletes the node's object; the pods that were on it are forgotten by
// the cluster's own garbage collection.
func (c *COE) Remove(ctx context.Context, access coe.Access, name string) error {
	api, err := c.clients.of(access)
	if err != nil {
		return err
	}
	err = api.call(ctx, http.MethodDelete, nodePath(name), "", nil, nil)
	if err == nil || codeOf(err) == http.StatusNotFound {
		return nil
	}
	return unreachable("delete node "+name, err)
}

func nodePath(name string) string { return "/api/v1/nodes/" + url.PathEscape(name) }

func unreachable(what string, err error) error {
	return &jeroboam.Error{Kind: jeroboam.Unavailable, Reason: "api",
		Detail: "The cluster's API server did not do what was asked of it.", Err: fmt.Errorf("%s: %w", what, err)}
}

// schedulable opens the node to new pods, or closes it, and returns it.
func (c *client) schedulable(ctx context.Context, name string, open bool) (nodeObject, error) {
	var n nodeObject
	err := c.call(ctx, http.MethodPatch, nodePath(name), typeMergePatch, object{"spec": object{"unschedulable": !open}}, &n)
	return n, err
}

// evictable lists the pods that must leave the node.
func (c *client) evictable(ctx context.Context, name string) ([]pod, error) {
	var pods list[pod]
	query := url.Values{"fieldSelector": {"spec.nodeName=" + name}}
	if err := c.call(ctx, http.MethodGet, "/api/v1/pods?"+query.Encode(), "", nil, &pods); err != nil {
		return nil, err
	}
	var leave []pod
	for _, p := range pods.Items {
		if p.mustLeave() {
			leave = append(leave, p)
		}
	}
	return leave, nil
}

func (p pod) mustLeave() bool {
	if _, mirror := p.Metadata.Annotations[annotationMirror]; mirror {
		return false
	}
	for _, owner := range p.Metadata.OwnerReferences {
		if owner.Controller && owner.Kind == "DaemonSet" {
			return false
		}
	}
	if p.Status.Phase != "Succeeded" && p.Status.Phase != "Failed" {
		return true
	}
	// What has ended can stay. But the pod that was told to leave is not gone
	// before its kubelet says so; a node that goes first leaves its pods behind
	// until the cluster's garbage collection finds them, most of a minute later.
	return p.Metadata.Deletion != "" && len(p.Metadata.Finalizers) == 0
}

// evictAll asks every pod to leave. It is Unavailable as long as anything
// moves, and Conflict when all that is left is held back for good.
func (c *client) evictAll(ctx context.Context, name string, pods []pod) error {
	var held error
	leaving := 0
	for _, p := range pods {
		if p.Metadata.Deletion != "" {
			leaving++
			continue
		}
		err := c.evict(ctx, p)
		switch {
		case err == nil:
			leaving++
		case jeroboam.KindOf(err) == jeroboam.Conflict:
			held = err
		default:
			return err
		}
	}
	if leaving == 0 && held != nil {
		return held
	}
	return jeroboam.Errorf(jeroboam.Unavailable, "draining", "%d pods are still on node %s.", len(pods), name)
}

// evict is nil when the pod leaves or left, Conflict when a disruption budget
// holds it and cannot be met by waiting.
func (c *client) evict(ctx context.Context, p pod) error {
	path := "/api/v1/namespaces/" + url.PathEscape(p.Metadata.Namespace) + "/pods/" + url.PathEscape(p.Metadata.Name) + "/eviction"
	err := c.call(ctx, http.MethodPost, path, typeJSON, object{
		"apiVersion": "policy/v1", "kind": "Eviction",
		"metadata": object{"name": p.Metadata.Name, "namespace": p.Metadata.Namespace},
	}, nil)
	switch codeOf(err) {
	case http.StatusNotFound, http.StatusConflict: // gone, or another of the same name: the next call sees it
		return nil
	case http.StatusTooManyRequests:
		return c.held(ctx, p, err)
	}
	if err != nil {
		return unreachable("evict pod "+p.String(), err)
	}
	return nil
}

var budgetName = regexp.MustCompile(`disruption budget (\S+) needs`)

// held explains why a disruption budget refused the eviction. While some of
// its pods are not yet healthy it may allow more soon: that is nil, a wait.
func (c *client) held(ctx context.Context, p pod, refusal error) error {
	message := refusal.Error()
	var status *apiError
	if errors.As(refusal, &status) && len(status.Details.Causes) > 0 {
		message = status.Details.Causes[0].Message
	}
	match := budgetName.FindStringSubmatch(message)
	if match == nil {
		return nil // not a budget's word: the API server is busy
	}
	var budget disruptionBudget
	path := "/apis/policy/v1/namespaces/" + url.PathEscape(p.Metadata.Namespace) + "/poddisruptionbudgets/" + url.PathEscape(match[1])
	if err := c.call(ctx, http.MethodGet, path, "", nil, &budget); err != nil {
		return unreachable("read disruption budget "+match[1], err)
	}
	if s := budget.Status; s.DisruptionsAllowed > 0 || s.CurrentHealthy < s.ExpectedPods {
		return nil
	}
	return jeroboam.Errorf(jeroboam.Conflict, "disruption-budget",
		"The disruption budget %s/%s keeps pod %s where it is: %s.", p.Metadata.Namespace, match[1], p.Metadata.Name, message).
		WithRemedy("Change the budget, run more replicas, or delete the pod.")
}
