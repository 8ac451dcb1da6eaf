package kubernetes

import (
	"context"
	"net/http"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/coe"
)

var _ coe.Upgrader = (*COE)(nil)

// Disrupts reports whether the versions are of different minor releases: those
// a kubelet does not change in place under pods (Kubernetes' version skew policy).
func (*COE) Disrupts(from, to string) bool { return minor(from) != minor(to) }

// minor is "v1.36" of "v1.36.3".
func minor(version string) string {
	if i := strings.LastIndexByte(version, '.'); i > 0 {
		return version[:i]
	}
	return version
}

// Uncordon opens a node to new pods again; one that is gone needs none.
func (c *COE) Uncordon(ctx context.Context, access coe.Access, name string) error {
	api, err := c.clients.of(access)
	if err != nil {
		return err
	}
	_, err = api.schedulable(ctx, name, true)
	if err == nil || codeOf(err) == http.StatusNotFound {
		return nil
	}
	return unreachable("uncordon node "+name, err)
}
