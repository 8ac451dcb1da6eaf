package access_test

import (
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api"
	"github.com/jeroboam-cloud/jeroboam/identity"
	"github.com/jeroboam-cloud/jeroboam/service"
	"github.com/jeroboam-cloud/jeroboam/service/access"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
	"github.com/jeroboam-cloud/jeroboam/test/apikit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var olga = jeroboam.Caller{UserID: "olga", ProjectID: "p1", Roles: []string{"member", "reader"}}

func TestAListInFullHasARuleOfItsOwn(t *testing.T) {
	rules, err := identity.Parse("rules", []byte("cluster:detail: '!'\nclustertemplate:detail: '!'\nfederation:detail: '!'\n"))
	if err != nil {
		t.Fatal(err)
	}
	s := apikit.New(t, func(o *service.Options, _ *api.Options) { o.Policy = rules }).Service
	for _, detail := range []bool{false, true} {
		p := access.Page{Detail: detail}
		for what, err := range map[string]error{
			"clusters":    ignore(s.Clusters(t.Context(), olga, p)),
			"templates":   ignore(s.Templates(t.Context(), olga, p)),
			"federations": ignore(s.Federations.List(t.Context(), olga, p)),
		} {
			if denied := jeroboam.KindOf(err) == jeroboam.Forbidden; denied != detail {
				t.Errorf("%s, in full %v: %v", what, detail, err)
			}
		}
	}
}

func ignore[T any](_ T, err error) error { return err }

func TestACallerFindsOnlyWhatItMayKnowOf(t *testing.T) {
	const one, two, shut, open, hidden = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002",
		"00000000-0000-4000-8000-000000000003", "00000000-0000-4000-8000-000000000004", "00000000-0000-4000-8000-000000000005"
	anna := jeroboam.Caller{UserID: "anna", ProjectID: "p0", Roles: []string{"admin", "member", "reader"}}
	guest := jeroboam.Caller{UserID: "guest", ProjectID: "p9", Roles: []string{"member", "reader"}}
	gate, wide := access.Gate{Policy: identity.Defaults()}, access.Rule{Wide: "cluster:get_one_all_projects"}
	cluster := func(caller jeroboam.Caller, ident string, rule access.Rule) func(store.Tx) error {
		return func(tx store.Tx) error { return ignore(gate.Cluster(tx, caller, ident, rule)) }
	}
	template := func(caller jeroboam.Caller, ident string, rule access.Rule) func(store.Tx) error {
		return func(tx store.Tx) error { return ignore(gate.Template(tx, caller, ident, rule)) }
	}
	db := memory.New()
	defer db.Close()
	err := db.Update(t.Context(), func(tx store.Tx) error {
		return errors.Join(
			store.Put(tx, &jeroboam.Cluster{ID: one, Project: "p1", User: "olga", Name: "demo"}),
			store.Put(tx, &jeroboam.Cluster{ID: two, Project: "p2", User: "otto", Name: "demo"}),
			store.Put(tx, &jeroboam.Template{ID: shut, Project: "p1", Name: "shut"}),
			store.Put(tx, &jeroboam.Template{ID: open, Project: "p1", Name: "open", Public: true}),
			store.Put(tx, &jeroboam.Template{ID: hidden, Project: "p1", Name: "hidden", Public: true, Hidden: true}))
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		look func(store.Tx) error
		want jeroboam.Kind // "": it is found
	}{
		"by name in its project":               {cluster(olga, "demo", access.Rule{}), ""},
		"by ID, however it is written":         {cluster(olga, strings.ToUpper(one), access.Own("cluster:get")), ""},
		"another project's":                    {cluster(olga, two, access.Rule{}), jeroboam.NotFound},
		"another project's, by a rule too":     {cluster(olga, two, wide), jeroboam.NotFound},
		"an administrator's look elsewhere":    {cluster(anna, two, wide), ""},
		"its look without such a rule":         {cluster(anna, two, access.Rule{}), jeroboam.NotFound},
		"a name that two projects have":        {cluster(anna, "demo", wide), jeroboam.Conflict},
		"a rule against it":                    {cluster(olga, one, access.Own("cluster:nobody-may")), jeroboam.Forbidden},
		"no project and no such rule":          {cluster(jeroboam.Caller{UserID: "uwe"}, one, access.Rule{}), jeroboam.Forbidden},
		"a template of another project":        {template(guest, shut, access.Rule{}), jeroboam.NotFound},
		"one that is public":                   {template(guest, open, access.Rule{}), ""},
		"one that is public, by name":          {template(guest, "open", access.Rule{}), ""},
		"one that is public and hidden":        {template(guest, hidden, access.Rule{}), jeroboam.NotFound},
		"one that is public and hidden, named": {template(guest, "hidden", access.Rule{}), jeroboam.NotFound},
		"its own that is hidden":               {template(olga, "hidden", access.Rule{}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if err := db.View(t.Context(), c.look); (err == nil) != (c.want == "") || err != nil && jeroboam.KindOf(err) != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
