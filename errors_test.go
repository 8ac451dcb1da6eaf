package jeroboam_test

import (
	"errors"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
)

func TestACauseReadsAsWhatIsWrongAndWhatToDo(t *testing.T) {
	for want, cause := range map[string]*jeroboam.Cause{
		"":                                 nil,
		"No cores are left.":               {Kind: jeroboam.QuotaExceeded, Reason: "quota", Detail: "No cores are left."},
		"Ask for more.":                    {Remedy: "Ask for more."},
		"No cores are left. Ask for more.": {Detail: "No cores are left.", Remedy: "Ask for more."},
	} {
		if got := cause.Text(); got != want {
			t.Errorf("%+v reads %q, not %q", cause, got, want)
		}
	}
}

func TestACauseKeepsOfAnErrorWhatAUserMaySee(t *testing.T) {
	said := jeroboam.Errorf(jeroboam.QuotaExceeded, "quota", "No cores are left.").WithRemedy("Ask for more.")
	if got := jeroboam.CauseOf(said.Wrap(errors.New("nova said 403"))).Err(); *got != *said {
		t.Errorf("told of is %+v, not %+v", got, said)
	}
}
