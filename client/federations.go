package client

import (
	"context"

	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

// Federations lists the federations of the caller's project, in full.
func (c *Client) Federations(ctx context.Context) ([]wire.Federation, error) {
	return all(ctx, c, "federations/detail", func(p *wire.Federations) ([]wire.Federation, string) { return p.Items, p.Next })
}

// Federation shows a federation, by name or UUID.
func (c *Client) Federation(ctx context.Context, federation string) (wire.Federation, error) {
	var out wire.Federation
	err := c.call(ctx, "GET", at("federations", federation), nil, &out)
	return out, err
}

// CreateFederation groups clusters and returns the group's UUID.
func (c *Client) CreateFederation(ctx context.Context, in wire.FederationCreate) (string, error) {
	return c.change(ctx, "POST", "federations", in)
}

// UpdateFederation changes a federation.
func (c *Client) UpdateFederation(ctx context.Context, federation string, patch wire.Patch) (string, error) {
	return c.change(ctx, "PATCH", at("federations", federation), patch)
}

// DeleteFederation forgets a federation; its clusters stay as they are.
func (c *Client) DeleteFederation(ctx context.Context, federation string) error {
	return c.call(ctx, "DELETE", at("federations", federation), nil, nil)
}
