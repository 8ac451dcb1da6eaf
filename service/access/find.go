package access

import (
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
)

// kind is how records of one kind are found, in Magnum's words.
type kind[T store.Noun] struct {
	reason, title, ambiguous string
	of                       func(T) (project, user string)
	shared                   func(T) bool // known to every project; nil: none is
}

var (
	clusters = kind[jeroboam.Cluster]{"cluster", "Cluster",
		"Multiple clusters exist with same name. Please use the cluster uuid instead.",
		func(c jeroboam.Cluster) (string, string) { return c.Project, c.User }, nil}
	templates = kind[jeroboam.Template]{"template", "ClusterTemplate",
		"Multiple ClusterTemplates exist with same name. Please use the ClusterTemplate uuid instead.",
		func(t jeroboam.Template) (string, string) { return t.Project, t.User },
		func(t jeroboam.Template) bool { return t.Public && !t.Hidden }}
	federations = kind[jeroboam.Federation]{"federation", "Federation",
		"Multiple federations exist with same name. Please use the federation uuid instead.",
		func(f jeroboam.Federation) (string, string) { return f.Project, f.User }, nil}
)

// find finds the one record that the caller may know of, and asks the rule.
func (k kind[T]) find(tx store.Tx, g Gate, caller jeroboam.Caller, ident string, rule Rule) (T, error) {
	project, err := g.Reach(caller, rule.Wide)
	if err != nil {
		var none T
		return none, err
	}
	look := k.byName
	if jeroboam.IsUUID(ident) {
		look = k.byID
	}
	v, err := look(tx, project, ident)
	if err != nil || rule.Name == "" {
		return v, err
	}
	owner, user := k.of(v)
	return v, g.Allow(caller, rule.Name, owner, user)
}

func (k kind[T]) byID(tx store.Tx, project, id string) (T, error) {
	v, err := store.Get[T](tx, strings.ToLower(id))
	if jeroboam.KindOf(err) == jeroboam.NotFound || err == nil && !k.known(v, project) {
		var none T
		return none, k.missing(id)
	}
	return v, err
}

func (k kind[T]) known(v T, project string) bool {
	owner, _ := k.of(v)
	return project == "" || owner == project || k.shared != nil && k.shared(v)
}

func (k kind[T]) byName(tx store.Tx, project, name string) (T, error) {
	var none T
	q := store.Query{Project: project, Public: project != "" && k.shared != nil, Name: name, Limit: 2}
	found, err := store.List[T](tx, q)
	switch {
	case err != nil:
		return none, err
	case len(found) == 0:
		return none, k.missing(name)
	case len(found) > 1:
		return none, jeroboam.Errorf(jeroboam.Conflict, "ambiguous", "%s", k.ambiguous)
	}
	return found[0], nil
}

func (k kind[T]) missing(ident string) error {
	return jeroboam.Errorf(jeroboam.NotFound, k.reason, "%s %s could not be found.", k.title, ident)
}
