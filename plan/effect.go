package plan

import "github.com/jeroboam-cloud/jeroboam"

// Effect is what a step does to an object of the cloud.
type Effect struct {
	Verb          string // EffectMake, EffectStart, EffectDelete or EffectKeep
	Kind          string // jeroboam.KindMachine, …
	Name          string
	Flavor, Image string // of a machine that is made
	// Of what a cluster made for itself, as in jeroboam.Resource.
	CloudID string
	SizeGB  int
	Of      string
}

// What a step may do to an object.
const (
	EffectMake   = "make"
	EffectStart  = "start" // of a machine that was made before and does not run
	EffectDelete = "delete"
	EffectKeep   = "keep" // it outlives its cluster
)

// Effect tells what the step does to the cloud; false: nothing.
func (s Step) Effect(cluster jeroboam.Cluster) (Effect, bool) {
	switch s.Action {
	case MakeCredential:
		return Effect{Verb: EffectMake, Kind: jeroboam.KindCredential, Name: CredentialName(cluster)}, true
	case MakeNetwork:
		return Effect{Verb: EffectMake, Kind: jeroboam.KindNetwork, Name: cluster.Name}, true
	case MakeBalancer:
		return Effect{Verb: EffectMake, Kind: jeroboam.KindBalancer, Name: cluster.Name}, true
	case MakeAddress:
		return Effect{Verb: EffectMake, Kind: jeroboam.KindAddress, Name: cluster.Name}, true
	case MakeMachine:
		e := Effect{Verb: EffectMake, Kind: jeroboam.KindMachine, Name: s.Machine.Name, Flavor: s.Machine.Flavor, Image: s.Machine.Image}
		if s.Machine.Status.CloudID != "" {
			e.Verb = EffectStart
		}
		return e, true
	case DeleteObject:
		return s.parting(EffectDelete), true
	case Keep:
		return s.parting(EffectKeep), true
	}
	return Effect{}, false
}

func (s Step) parting(verb string) Effect {
	e := Effect{Verb: verb, Kind: s.Object.Kind, Name: s.Object.Name}
	if jeroboam.MadeByCluster(e.Kind) {
		e.CloudID, e.SizeGB, e.Of = s.Object.CloudID, s.Object.SizeGB, s.Object.Of
	}
	return e
}
