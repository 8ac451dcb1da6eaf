package farewell

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/cloud/openstack/internal/fault"
)

func TestWhatIsGoneIsNotTakenFromAListAlone(t *testing.T) {
	for _, c := range []struct {
		name    string
		known   string
		lists   [][]string // one after the other; the last one stays
		dropped []string
		reason  string
	}{
		{"nothing was there", "", [][]string{{}}, nil, ""},
		{"what is known is asked for though the list is empty", "a", [][]string{{}}, []string{"a"}, ""},
		{"what is known and listed goes once, with another of the name", "a", [][]string{{"a", "b"}, {}}, []string{"a", "b"}, ""},
		{"what is known goes with another of the name", "a", [][]string{{"b"}, {}}, []string{"b", "a"}, ""},
		{"what is listed again is not deleted again", "", [][]string{{"a"}, {"a"}, {}}, []string{"a"}, ""},
		{"what stays is told of", "", [][]string{{"a"}}, []string{"a"}, fault.ReasonDeleting},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var dropped []string
				err := Of[string]{
					What: "thing", Known: c.known,
					ID: func(id string) string { return id },
					List: func() ([]string, error) {
						now := c.lists[0]
						c.lists = c.lists[min(1, len(c.lists)-1):]
						return slices.Clone(now), nil
					},
					Drop: func(id string) error { dropped = append(dropped, id); return nil },
				}.UntilGone(t.Context())
				reason := ""
				if e, ok := jeroboam.AsError(err); ok {
					reason = e.Reason
				}
				if !slices.Equal(dropped, c.dropped) || reason != c.reason {
					t.Errorf("dropped %v, told of %q (%v)", dropped, reason, err)
				}
			})
		})
	}
}
