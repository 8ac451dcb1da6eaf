package refusal

import (
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// UnlessResting refuses what is only done to what rests.
func UnlessResting(state jeroboam.State, doing string) error {
	if state.Resting() {
		return nil
	}
	return State(state, doing)
}

// UnlessResizable also lets through a change that is under way or has failed,
// because the plan is made anew.
func UnlessResizable(state jeroboam.State, doing string) error {
	if state.Resting() || state == jeroboam.UpdateInProgress || state == jeroboam.UpdateFailed {
		return nil
	}
	return State(state, doing)
}

// State refuses what cannot be done in a state; doing is the beginning of a
// sentence, such as "Updating a cluster".
func State(state jeroboam.State, doing string) error {
	e := jeroboam.Errorf(jeroboam.Conflict, "state", "%s when status is %q is not supported.", doing, state)
	switch {
	case strings.HasPrefix(string(state), "DELETE_"):
		return e.WithRemedy("The cluster is being deleted; only delete may be asked for again.")
	case state == jeroboam.CreateFailed:
		return e.WithRemedy("Its status_reason tells what went wrong; then retry the cluster, or delete it.")
	case state == jeroboam.UpdateFailed:
		return e.WithRemedy("Retry or resize the cluster: that is accepted now and plans the change anew.")
	}
	return e.WithRemedy("Wait until the operation under way has ended.")
}
