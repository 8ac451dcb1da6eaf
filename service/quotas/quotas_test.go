package quotas_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity"
	"github.com/jeroboam-cloud/jeroboam/quota"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/service/quotas"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
)

var (
	olga = jeroboam.Caller{UserID: "olga", ProjectID: "p1", Roles: []string{"member", "reader"}}
	anna = jeroboam.Caller{UserID: "anna", ProjectID: "p0", Roles: []string{"admin", "member", "reader"}}
)

func verbs(t *testing.T) quotas.Verbs {
	t.Helper()
	db := memory.New()
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return quotas.Verbs{Store: db, Gate: access.Gate{Policy: identity.Defaults()}, Now: func() time.Time { return time.Unix(1e9, 0) },
		Defaults: quota.Limits{jeroboam.QuotaCluster: 7}}
}

func TestALimitIsTheDefaultUntilAProjectHasOneAndAfterwards(t *testing.T) {
	v := verbs(t)
	limit := func(want int) {
		t.Helper()
		// As in Magnum, a word that is no resource means clusters.
		for _, resource := range []string{jeroboam.QuotaCluster, "Nonsense"} {
			if q, err := v.Get(t.Context(), olga, "p1", resource); err != nil || q.HardLimit != want || q.InUse != 0 {
				t.Errorf("%s: %+v, %v; want %d", resource, q, err, want)
			}
		}
	}
	limit(7)
	if _, err := v.Create(t.Context(), anna, jeroboam.Quota{Project: "p1", Resource: jeroboam.QuotaCluster, HardLimit: 3}); err != nil {
		t.Fatal(err)
	}
	limit(3)
	if _, err := v.Update(t.Context(), anna, "p1", jeroboam.QuotaCluster, 0); err != nil {
		t.Fatal(err)
	}
	limit(0)
	if err := v.Delete(t.Context(), anna, "p1", jeroboam.QuotaCluster); err != nil {
		t.Fatal(err)
	}
	limit(7)
}

func TestARefusalAboutQuotasSaysWhatToDo(t *testing.T) {
	v := verbs(t)
	q := jeroboam.Quota{Project: "p1", Resource: jeroboam.QuotaCluster, HardLimit: 3}
	if _, err := v.Create(t.Context(), anna, q); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		err  error
		want jeroboam.Kind
	}{
		"a second one":              {ignore(v.Create(t.Context(), anna, q)), jeroboam.Conflict},
		"a change of none":          {ignore(v.Update(t.Context(), anna, "p2", jeroboam.QuotaCluster, 1)), jeroboam.NotFound},
		"the end of none":           {v.Delete(t.Context(), anna, "p2", jeroboam.QuotaCluster), jeroboam.NotFound},
		"a look at another project": {ignore(v.Get(t.Context(), olga, "p2", jeroboam.QuotaCluster)), jeroboam.Forbidden},
	} {
		if e, ok := jeroboam.AsError(c.err); !ok || e.Kind != c.want || e.Remedy == "" {
			t.Errorf("%s: %#v", name, c.err)
		}
	}
}

func TestAPageOfQuotasBeginsAfterARow(t *testing.T) {
	v := verbs(t)
	var made []quotas.Quota
	for _, project := range []string{"p1", "p2"} {
		q, err := v.Create(t.Context(), anna, jeroboam.Quota{Project: project, Resource: jeroboam.QuotaCluster, HardLimit: 3})
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, q)
	}
	for marker, want := range map[string]int{"": 2, row(made[0]): 1, row(made[1]): 0} {
		if got, err := v.List(t.Context(), anna, true, access.Page{Marker: marker}); err != nil || len(got) != want {
			t.Errorf("after %q: %+v, %v; want %d", marker, got, err, want)
		}
	}
	for _, marker := range []string{"999", "none"} {
		if _, err := v.List(t.Context(), anna, true, access.Page{Marker: marker}); jeroboam.KindOf(err) != jeroboam.NotFound {
			t.Errorf("after %q: %v", marker, err)
		}
	}
}

func row(q quotas.Quota) string { return strconv.FormatInt(q.Seq, 10) }

func ignore[T any](_ T, err error) error { return err }
