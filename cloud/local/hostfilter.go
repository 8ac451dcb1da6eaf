package local

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
)

// Docker, ufw and others leave the chain FORWARD of the table "ip filter" with
// the policy to drop. A packet passes only if every table lets it, so ours
// cannot overrule them: where that chain drops, it gets two rules per bridge,
// marked with our table's name. They let through no more than our table does.

// hostChain is the chain as nft lists it; absent means that there is none.
type hostChain struct {
	absent bool
	drops  bool
	ours   []int // handles of the rules that carry our mark
}

func (l *Local) hostChain(ctx context.Context) (hostChain, error) {
	output, err := exec.CommandContext(ctx, "nft", "--json", "--handle", "list", "chain", "ip", "filter", "FORWARD").Output()
	if err != nil {
		return hostChain{absent: true}, ctx.Err() // nft tells "none" by failing
	}
	var listing struct {
		Objects []struct {
			Chain struct {
				Policy string `json:"policy"`
			} `json:"chain"`
			Rule struct {
				Handle  int    `json:"handle"`
				Comment string `json:"comment"`
			} `json:"rule"`
		} `json:"nftables"`
	}
	if err := json.Unmarshal(output, &listing); err != nil {
		return hostChain{}, fmt.Errorf("list the chain FORWARD: %w", err)
	}
	var chain hostChain
	for _, object := range listing.Objects {
		chain.drops = chain.drops || object.Chain.Policy == "drop"
		if object.Rule.Comment == l.table() {
			chain.ours = append(chain.ours, object.Rule.Handle)
		}
	}
	return chain, nil
}

// openHostChain appends to the script what makes the chain let our bridges'
// packets through, and no longer those of bridges that are gone.
func (l *Local) openHostChain(ctx context.Context, script *bytes.Buffer, networks []networkRecord) error {
	chain, err := l.hostChain(ctx)
	if err != nil || chain.absent {
		return err
	}
	for _, handle := range chain.ours {
		fmt.Fprintf(script, "delete rule ip filter FORWARD handle %d\n", handle)
	}
	if !chain.drops {
		return nil
	}
	for _, network := range networks {
		for _, direction := range []string{"iifname", "oifname"} {
			fmt.Fprintf(script, "insert rule ip filter FORWARD %s %q counter accept comment %q\n", direction, network.Bridge, l.table())
		}
	}
	return nil
}
