package identity_test

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity"
)

// alice asks about what she made in her own project.
var (
	alice  = jeroboam.Caller{UserID: "alice", DomainID: "people", ProjectID: "physics", Roles: []string{"Member", "reader"}}
	boss   = jeroboam.Caller{UserID: "boss", DomainID: "people", ProjectID: "it", Roles: []string{"admin"}}
	system = jeroboam.Caller{UserID: "root", DomainID: "default", Roles: []string{"reader"}, SystemScope: true}
	domain = jeroboam.Caller{UserID: "dom", DomainID: "people", ScopeDomainID: "people", Roles: []string{"member"}}
	hers   = identity.Target{Project: "physics", User: "alice"}
)

func TestARuleMeansWhatOsloPolicyMeansByIt(t *testing.T) {
	for _, test := range []struct {
		rule    string
		allowed string // of a(lice), b(oss), s(ystem), d(omain)
	}{
		{"", "absd"},
		{"@", "absd"},
		{"!", ""},
		{"role:member", "ad"},
		{"role:MEMBER", "ad"},
		{"not role:member", "bs"},
		{"NOT role:member", "bs"},
		{"not not role:member", "ad"},
		{"role:member and role:reader", "a"},
		{"role:member or role:admin", "abd"},
		{"role:admin or role:member and role:reader", "ab"}, // and binds tighter
		{"role:member and role:reader or role:admin", "ab"},
		{"(role:admin or role:member) and role:reader", "a"},
		{"( ( role:admin ) )", "b"},
		{"not (role:admin or role:member)", "s"},
		{"not role:admin and role:reader", "as"},
		{"project_id:%(project_id)s", "a"},
		{"user_id:%(user_id)s", "a"},
		{"(role:reader and user_id:%(user_id)s) or role:admin", "ab"},
		{"project_id:it", "b"},
		{"user_domain_id:people", "abd"},
		{"domain_id:people", "d"},
		{"system_scope:all", "s"},
		{"role:reader and system_scope:all", "s"},
		{"domain_id:%(trustee_domain_id)s", ""},
		{"not domain_id:%(trustee_domain_id)s", "absd"},
		{"user_id:%(trustee_user_id)s", ""},
		{"is_admin:True", "b"},
		{"is_admin:False", "asd"},
		{"is_admin:1", "b"},
		{"rule:project_member", "a"},
		{"rule:context_is_admin or rule:mine", "ab"},
		{"rule:cluster:delete", "ab"},
		{"@ and !", ""},
	} {
		file := "mine: user_id:%(user_id)s\ncluster:create: " + quoted(test.rule) + "\n"
		p, err := identity.Parse("policy.yaml", []byte(file))
		if err != nil {
			t.Errorf("%q: %v", test.rule, err)
			continue
		}
		got := ""
		for i, who := range []jeroboam.Caller{alice, boss, system, domain} {
			if p.Allow(who, "cluster:create", hers) == nil {
				got += "absd"[i : i+1]
			}
		}
		if got != test.allowed {
			t.Errorf("%q allows %q, want %q", test.rule, got, test.allowed)
		}
	}
}

func quoted(rule string) string { return "'" + rule + "'" }

func TestAWrongFileIsRefusedWithItsLineAndWhatToDo(t *testing.T) {
	for name, test := range map[string]struct {
		file string
		says []string
	}{
		"no YAML":                        {"a: [\n", []string{"p.yaml is not YAML", "line 1"}},
		"a list":                         {"- role:a\n", []string{"line 1", "does not consist of rules"}},
		"two documents":                  {"a: '@'\n---\nb: '@'\n", []string{"line 2", "second YAML document"}},
		"an action that is not there":    {"# mine\ncluster:crate: '@'\n", []string{"line 2", `no action "cluster:crate"`, "nearest is cluster:create"}},
		"a rule twice":                   {"x: '@'\ny: '@'\nx: '!'\n", []string{"line 3", "stands in line 1"}},
		"a default":                      {"default: '@'\n", []string{"no effect here", "Remove it"}},
		"a name with blanks":             {"a b: '@'\n", []string{"no name of a rule"}},
		"a list as a rule":               {"cluster:get:\n  - role:a\n", []string{"line 2", "is not text"}},
		"a number as a rule":             {"cluster:get: 1\n", []string{"line 1", "is not text", "in quotes"}},
		"a bare exclamation mark":        {"cluster:get: !\n", []string{"line 1", "is not text", `"!" for nobody`}},
		"a helper that is not there":     {"cluster:get: rule:project_reeder\n", []string{"line 1", `refers to "project_reeder"`, "nearest is project_reader"}},
		"a circle":                       {"a: rule:b\nb: not (rule:c or role:x)\nc: rule:a\n", []string{"line 1", "refers to itself: a, b, c, a"}},
		"a circle of one":                {"a: rule:a\n", []string{"refers to itself: a, a"}},
		"a circle through the defaults":  {"context_is_admin: is_admin:True\n", []string{"refers to itself: context_is_admin, context_is_admin"}},
		"an open parenthesis":            {"cluster:get: (role:a\n", []string{"line 1", "not closed"}},
		"a closing one":                  {"cluster:get: role:a)\n", []string{"out of place"}},
		"an operator at the end":         {"cluster:get: role:a and\n", []string{"ends where a check has to follow"}},
		"an operator at the beginning":   {"cluster:get: or role:a\n", []string{`"or" stands where a check has to`}},
		"two checks side by side":        {"cluster:get: role:a role:b\n", []string{`"role:b" is out of place`}},
		"no kind":                        {"cluster:get: admin\n", []string{`"admin" is not of the form kind:value`}},
		"an attribute that is not there": {"cluster:get: tenant_id:%(project_id)s\n", []string{`no check "tenant_id"`, "project_id"}},
		"of the object":                  {"cluster:get: user_id:%(owner)s\n", []string{`no attribute "owner"`, "user_id"}},
		"half a substitution":            {"cluster:get: user_id:%(user_id)\n", []string{"is not of the form %(name)s"}},
		"a substitution in a text":       {"cluster:get: user_id:x-%(user_id)s\n", []string{"white space"}},
		"a substituted role":             {"cluster:get: role:%(role)s\n", []string{"takes no %(name)s"}},
		"a server to ask":                {"cluster:get: http://example.org/%(user_id)s\n", []string{"not supported"}},
		"is_admin of something":          {"cluster:get: is_admin:perhaps\n", []string{"True or False"}},
		"a parenthesis within a word":    {"cluster:get: (role:a)or(role:b)\n", []string{"white space"}},
		"deep nesting":                   {"cluster:get: " + strings.Repeat("(", 99) + "role:a" + strings.Repeat(")", 99) + "\n", []string{"nests deeper"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := identity.Parse("p.yaml", []byte(test.file))
			if jeroboam.KindOf(firstOf(err)) != jeroboam.Invalid {
				t.Fatalf("kind %q of %v", jeroboam.KindOf(err), err)
			}
			for _, text := range test.says {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
		})
	}
}

// firstOf is the first of errors that were joined.
func firstOf(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()[0]
	}
	return err
}

func TestEveryMistakeOfAFileIsSaidAtOnce(t *testing.T) {
	_, err := identity.Parse("p.yaml", []byte("cluster:crate: '@'\ncluster:get: admin\n"))
	for _, line := range []string{"line 1", "line 2"} {
		if err == nil || !strings.Contains(err.Error(), line) {
			t.Errorf("%v does not say %s", err, line)
		}
	}
}

func TestAFileOverridesWhatItNamesAndNothingElse(t *testing.T) {
	p, err := identity.Parse("p.yaml", []byte("# Operators are admins, too.\ncontext_is_admin: role:admin or rule:operator\noperator: role:operator\nquota:get: \"!\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	operator := jeroboam.Caller{UserID: "o", ProjectID: "ops", Roles: []string{"operator"}}
	if err := p.Allow(operator, "cluster:delete_all_projects", identity.Target{}); err != nil {
		t.Errorf("an override of a helper does not reach the rules that refer to it: %v", err)
	}
	if err := p.Allow(alice, "quota:get", hers); err == nil {
		t.Error("quota:get is not overridden")
	}
	if err := p.Allow(alice, "cluster:get", hers); err != nil {
		t.Errorf("cluster:get is no default any more: %v", err)
	}
	if !p.Overrides("quota:get") || p.Overrides("cluster:get") || len(p.Rules()) != len(identity.Defaults().Rules()) {
		t.Errorf("rules %v", p.Rules())
	}
}

// Operators bring files that they wrote for Magnum, of any age.
func TestAFileForMagnumMeansWhatItMeantThere(t *testing.T) {
	p, err := identity.Parse("magnum.yaml", []byte(`
"admin_api": "rule:context_is_admin"
"cluster:create": "rule:deny_cluster_user and role:builder"
"cluster:get": "rule:deny_cluster_user"
"nodegroup:get": "rule:admin_or_owner"
"certificate:get": "rule:admin_or_user or rule:cluster_user"
"certificate:create": "rule:admin_or_user_or_cluster_user"
"clustertemplate:publish": "rule:admin_api"
"admin_or_project_member_deny_cluster_user": "role:admin or role:builder"
`))
	if err != nil {
		t.Fatal(err)
	}
	builder := jeroboam.Caller{UserID: "b", ProjectID: "elsewhere", Roles: []string{"builder"}}
	for rule, want := range map[string]string{
		"cluster:create": "x", "cluster:get": "abx", "nodegroup:get": "ab", "certificate:get": "ab", "certificate:create": "ab",
		"clustertemplate:publish": "b", "cluster:delete": "bx", "clustertemplate:create": "bx", "clustertemplate:delete": "ab",
	} {
		got := ""
		for i, who := range []jeroboam.Caller{alice, boss, builder} {
			if p.Allow(who, rule, hers) == nil {
				got += "abx"[i : i+1]
			}
		}
		if got != want {
			t.Errorf("%s allows %q, want %q", rule, got, want)
		}
	}
}

func TestWhatIsShownReadsBackAsTheSamePolicy(t *testing.T) {
	p, err := identity.Parse("p.yaml", []byte("its: '@'\nmine: |\n  role:o'hara\n  or rule:its\ncluster:get: rule:mine\n"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := identity.Parse("shown", p.YAML())
	if err != nil {
		t.Fatalf("%v in\n%s", err, p.YAML())
	}
	for _, rule := range append(p.Rules(), "mine", "its", "context_is_admin") {
		if again.Text(rule) != p.Text(rule) || p.Text(rule) == "" {
			t.Errorf("%s: %q became %q", rule, p.Text(rule), again.Text(rule))
		}
	}
	if !strings.Contains(string(p.YAML()), "cluster:get: 'rule:mine' # overridden\n") {
		t.Errorf("no mark in\n%s", p.YAML())
	}
}

func TestEmptyFilesChangeNothing(t *testing.T) {
	for _, file := range []string{"", "\n", "# nothing\n", "{}\n", "---\n"} {
		p, err := identity.Parse("p.yaml", []byte(file))
		if err != nil || string(p.YAML()) != string(identity.Defaults().YAML()) {
			t.Errorf("%q: %v", file, err)
		}
	}
}

// FuzzPolicy looks for a rule that makes the parser or a decision panic or
// hang, that is not read back as it was shown, or that denies what its own
// negation denies, too.
func FuzzPolicy(f *testing.F) {
	for _, rule := range []string{"", "@", "!", "role:a", "not role:a or (rule:x and user_id:%(user_id)s)", "((", "is_admin:True", "a:b:c", "role:", "%()s", "not not !", "rule:r"} {
		f.Add(rule)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value, err := yaml.Marshal(map[string]string{"r": text, "cluster:get": "rule:r", "cluster:create": "not rule:r"})
		if err != nil {
			t.Skip()
		}
		p, err := identity.Parse("fuzz", value)
		if err != nil {
			return
		}
		for _, who := range []jeroboam.Caller{{}, alice, boss, system, domain} {
			if (p.Allow(who, "cluster:get", hers) == nil) == (p.Allow(who, "cluster:create", hers) == nil) {
				t.Errorf("%q and its negation agree", text)
			}
		}
		again, err := identity.Parse("shown", p.YAML())
		if err != nil || again.Text("cluster:get") != "rule:r" {
			t.Errorf("%q is shown as\n%s\n%v", text, p.YAML(), err)
		}
	})
}
