package local

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"text/template"

	"github.com/vishvananda/netlink"
)

// rules is the instance's own nftables table, replaced as a whole. Bridges of
// every instance are named jb-*; each instance guards its own ones against all
// others.
//
//   - cluster to itself: free, and not tracked where it carries pods' addresses,
//     which different clusters may use at the same time
//   - cluster to outside: free, under the host's address, in segments that fit
//     the way out, which may be narrower than a bridge
//   - outside to cluster, cluster to cluster: answers alone
//   - cluster to the host: free, but for the bridge of another cluster
var rules = template.Must(template.New("rules").Parse(`add table inet {{.Table}}
delete table inet {{.Table}}
{{- if .Networks}}
table inet {{.Table}} {
	set bridges {
		type ifname
		elements = { {{range $i, $n := .Networks}}{{if $i}}, {{end}}"{{$n.Bridge}}"{{end}} }
	}
	set subnets {
		type ipv4_addr
		flags interval
		elements = { {{range $i, $n := .Networks}}{{if $i}}, {{end}}{{$n.Subnet}}{{end}} }
	}
	set gateways {
		type ipv4_addr
		elements = { {{range $i, $n := .Networks}}{{if $i}}, {{end}}{{$n.Gateway}}{{end}} }
	}
	chain raw {
		type filter hook prerouting priority raw; policy accept;
		iifname @bridges ip saddr != @subnets notrack
	}
	chain input {
		type filter hook input priority filter; policy accept;
		{{- range .Networks}}
		iifname "{{.Bridge}}" ip daddr {{.Gateway}} accept
		{{- end}}
		iifname "jb-*" ip daddr @gateways drop
	}
	chain forward {
		type filter hook forward priority filter; policy accept;
		{{- range .Networks}}
		iifname "{{.Bridge}}" oifname "{{.Bridge}}" accept
		{{- end}}
		iifname @bridges oifname "jb-*" drop
		iifname @bridges ip saddr != @subnets drop
		iifname @bridges tcp flags syn / syn,rst tcp option maxseg size set rt mtu
		oifname @bridges tcp flags syn / syn,rst tcp option maxseg size set rt mtu
		oifname @bridges ct state established,related accept
		oifname @bridges drop
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr @subnets oifname != "jb-*" masquerade
	}
}
{{- end}}
`))

func (l *Local) table() string { return "jeroboam_" + l.instance }

// applyRules makes the table say what the network records say; without
// networks there is no table.
func (l *Local) applyRules(ctx context.Context) error {
	networks, err := l.networks()
	if err != nil {
		return err
	}
	var script bytes.Buffer
	if err := rules.Execute(&script, map[string]any{"Table": l.table(), "Networks": networks}); err != nil {
		return err
	}
	if err := l.openHostChain(ctx, &script, networks); err != nil {
		return err
	}
	return nft(ctx, &script)
}

func nft(ctx context.Context, script *bytes.Buffer) error {
	command := exec.CommandContext(ctx, "nft", "-f", "-")
	command.Stdin = script
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, bytes.TrimSpace(output))
	}
	return nil
}

// leaveHost sets the host back when the last bridge of the last instance is
// gone: the settings an instance changed, and the place where instances agree.
func leaveHost() error {
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("list network devices: %w", err)
	}
	for _, link := range links {
		if strings.HasPrefix(link.Attrs().Name, "jb-") {
			return nil
		}
	}
	if err := setBack(); err != nil {
		return err
	}
	for _, path := range []string{hostLock, hostDir} {
		_ = os.Remove(path) // the directory may hold what is not ours
	}
	return nil
}
