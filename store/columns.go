package store

import (
	"encoding/json"
	"fmt"

	"github.com/jeroboam-cloud/jeroboam"
)

// Names of the kinds, as stored and as given to Backend.Watch.
const (
	KindCluster    = "cluster"
	KindNodeGroup  = "nodegroup"
	KindTemplate   = "template"
	KindMachine    = "machine"
	KindOperation  = "operation"
	KindStep       = "step"
	KindEvent      = "event"
	KindResource   = "resource"
	KindQuota      = "quota"
	KindUsage      = "usage"
	KindAuthority  = "authority"
	KindFederation = "federation"
	KindSealed     = "sealed"
	KindVaultKey   = "vaultkey"
	KindToken      = "token"
)

func kindOf(v any) string { return columns(v).Kind }

func encode(v any) (Record, error) {
	r := columns(v)
	data, err := json.Marshal(v)
	if err != nil {
		return Record{}, fmt.Errorf("encode %s %s: %w", r.Kind, r.ID, err)
	}
	r.Data = data
	return r, nil
}

// columns says by which columns each noun is found: the one place to look.
func columns(v any) Record {
	switch v := v.(type) {
	case jeroboam.Cluster:
		return Record{Kind: KindCluster, ID: v.ID, Project: v.Project, Name: v.Name, Parent: v.Spec.Template, Revision: v.Revision, Seq: v.Seq}
	case jeroboam.NodeGroup:
		return Record{Kind: KindNodeGroup, ID: v.ID, Project: v.Project, Parent: v.Cluster, Name: v.Name, Revision: v.Revision, Seq: v.Seq}
	case jeroboam.Template:
		return Record{Kind: KindTemplate, ID: v.ID, Project: v.Project, Name: v.Name, Public: v.Public && !v.Hidden, Revision: v.Revision, Seq: v.Seq}
	case jeroboam.Machine:
		return Record{Kind: KindMachine, ID: v.ID, Project: v.Project, Parent: v.Cluster, Name: v.Name, Revision: v.Revision, Seq: v.Seq}
	case jeroboam.Operation:
		return Record{Kind: KindOperation, ID: v.ID, Project: v.Project, Parent: v.Cluster, Name: v.Verb, Revision: v.Revision, Seq: v.Seq}
	case jeroboam.Step:
		return Record{Kind: KindStep, ID: v.ID, Project: v.Project, Parent: v.Operation, Name: v.Name, Revision: v.Revision, Seq: v.Seq}
	case jeroboam.Event:
		return Record{Kind: KindEvent, ID: v.ID, Project: v.Project, Parent: v.Cluster, Name: v.Type, Revision: v.Revision, Seq: v.Seq}
	case jeroboam.Resource:
		return Record{Kind: KindResource, ID: v.ID, Project: v.Project, Parent: v.Cluster, Name: v.Name, Revision: v.Revision, Seq: v.Seq}
	case jeroboam.Quota:
		return Record{Kind: KindQuota, ID: v.ID, Project: v.Project, Name: v.Resource, Revision: v.Revision, Seq: v.Seq}
	case jeroboam.Usage:
		return Record{Kind: KindUsage, ID: v.ID, Project: v.ID, Revision: v.Revision, Seq: v.Seq}
	case jeroboam.Authority:
		return Record{Kind: KindAuthority, ID: v.ID, Project: v.Project, Parent: v.Cluster, Name: v.Name, Revision: v.Revision, Seq: v.Seq}
	case jeroboam.Federation:
		return Record{Kind: KindFederation, ID: v.ID, Project: v.Project, Name: v.Name, Revision: v.Revision, Seq: v.Seq}
	case Sealed:
		return Record{Kind: KindSealed, ID: v.ID, Parent: v.Owner, Name: v.KeyID, Revision: v.Revision, Seq: v.Seq}
	case VaultKey:
		return Record{Kind: KindVaultKey, ID: v.ID, Revision: v.Revision, Seq: v.Seq}
	case Token:
		return Record{Kind: KindToken, ID: v.ID, Parent: v.Cluster, Name: v.Machine, Revision: v.Revision, Seq: v.Seq}
	}
	panic(fmt.Sprintf("store: no columns for %T", v))
}

func stamp(v any, r Record) {
	var revision, seq *int64
	switch v := v.(type) {
	case *jeroboam.Cluster:
		revision, seq = &v.Revision, &v.Seq
	case *jeroboam.NodeGroup:
		revision, seq = &v.Revision, &v.Seq
	case *jeroboam.Template:
		revision, seq = &v.Revision, &v.Seq
	case *jeroboam.Machine:
		revision, seq = &v.Revision, &v.Seq
	case *jeroboam.Operation:
		revision, seq = &v.Revision, &v.Seq
	case *jeroboam.Step:
		revision, seq = &v.Revision, &v.Seq
	case *jeroboam.Event:
		revision, seq = &v.Revision, &v.Seq
	case *jeroboam.Resource:
		revision, seq = &v.Revision, &v.Seq
	case *jeroboam.Quota:
		revision, seq = &v.Revision, &v.Seq
	case *jeroboam.Usage:
		revision, seq = &v.Revision, &v.Seq
	case *jeroboam.Authority:
		revision, seq = &v.Revision, &v.Seq
	case *jeroboam.Federation:
		revision, seq = &v.Revision, &v.Seq
	case *Sealed:
		revision, seq = &v.Revision, &v.Seq
	case *VaultKey:
		revision, seq = &v.Revision, &v.Seq
	case *Token:
		revision, seq = &v.Revision, &v.Seq
	}
	*revision, *seq = r.Revision, r.Seq
}
