package embedded

import (
	"net/http"

	"github.com/jeroboam-cloud/jeroboam"
)

func missing(noun, id string) error {
	return jeroboam.Errorf(jeroboam.NotFound, noun, "Could not find %s: %s.", noun, id)
}

func (i *Identity) list(r *http.Request, key string, items []object) (reply, error) {
	name := r.URL.Query().Get("name")
	kept := []object{}
	for _, item := range items {
		if name == "" || item["name"] == name {
			kept = append(kept, item)
		}
	}
	return ok(object{key: kept, "links": i.links(r.URL.Path[len("/v3"):])})
}

func (i *Identity) self(path string) object {
	return object{"self": i.url + identityPath + "/v3" + path}
}

func (i *Identity) domainObject() object {
	return object{
		"id": domainID, "name": domainName, "description": "", "enabled": true, "options": object{}, "tags": []string{},
		"links": i.self("/domains/" + domainID),
	}
}

func (i *Identity) listDomains(c call) (reply, error) {
	return i.list(c.Request, "domains", []object{i.domainObject()})
}

func (i *Identity) getDomain(c call) (reply, error) {
	if id := c.PathValue("id"); id != domainID {
		return reply{}, missing("domain", id)
	}
	return ok(object{"domain": i.domainObject()})
}

func (i *Identity) listRoles(c call) (reply, error) {
	if !c.isAdmin() {
		return reply{}, forbidden("identity:list_roles")
	}
	return i.list(c.Request, "roles", roleObjects([]string{RoleAdmin, RoleMember, RoleReader}))
}

func (i *Identity) projectObject(p *Project) object {
	return object{
		"id": p.ID, "name": p.Name, "description": p.Description, "enabled": !p.Disabled, "domain_id": domainID,
		"parent_id": domainID, "is_domain": false, "tags": []string{}, "options": object{}, "links": i.self("/projects/" + p.ID),
	}
}

func (i *Identity) projectObjects(projects []*Project) []object {
	var out []object
	for _, p := range projects {
		out = append(out, i.projectObject(p))
	}
	return out
}

func (i *Identity) ownProjects(c call) (reply, error) {
	d, err := i.files.directory()
	if err != nil {
		return reply{}, err
	}
	return i.list(c.Request, "projects", i.projectObjects(d.projectsOf(c.user)))
}

func (i *Identity) listProjects(c call) (reply, error) {
	if !c.isAdmin() {
		return reply{}, forbidden("identity:list_projects")
	}
	d, err := i.files.directory()
	if err != nil {
		return reply{}, err
	}
	return i.list(c.Request, "projects", i.projectObjects(d.users.Projects))
}

// getProject shows a project to administrators and to those who work in it.
func (i *Identity) getProject(c call) (reply, error) {
	d, err := i.files.directory()
	if err != nil {
		return reply{}, err
	}
	p := d.projectsByID[c.PathValue("id")]
	switch {
	case p != nil && (c.isAdmin() || len(c.user.Roles[p.Name]) > 0):
		return ok(object{"project": i.projectObject(p)})
	case c.isAdmin():
		return reply{}, missing("project", c.PathValue("id"))
	}
	return reply{}, forbidden("identity:get_project")
}

func (i *Identity) userObject(d *directory, u *User) object {
	o := object{
		"id": u.ID, "name": u.Name, "enabled": !u.Disabled, "domain_id": domainID, "password_expires_at": nil,
		"options": object{}, "links": i.self("/users/" + u.ID),
	}
	if p := d.projectsByName[u.Project]; p != nil {
		o["default_project_id"] = p.ID
	}
	return o
}

func (i *Identity) listUsers(c call) (reply, error) {
	if !c.isAdmin() {
		return reply{}, forbidden("identity:list_users")
	}
	d, err := i.files.directory()
	if err != nil {
		return reply{}, err
	}
	var out []object
	for _, u := range d.users.Users {
		out = append(out, i.userObject(d, u))
	}
	return i.list(c.Request, "users", out)
}

// subjectUser is the user of the path, whom only he himself and administrators see.
func (i *Identity) subjectUser(c call, action string) (*directory, *User, error) {
	d, err := i.files.directory()
	if err != nil {
		return nil, nil, err
	}
	id := c.PathValue("id")
	if id != c.user.ID && !c.isAdmin() {
		return nil, nil, forbidden(action)
	}
	u := d.usersByID[id]
	if u == nil {
		return nil, nil, missing("user", id)
	}
	return d, u, nil
}

func (i *Identity) getUser(c call) (reply, error) {
	d, u, err := i.subjectUser(c, "identity:get_user")
	if err != nil {
		return reply{}, err
	}
	return ok(object{"user": i.userObject(d, u)})
}

func (i *Identity) projectsOfUser(c call) (reply, error) {
	d, u, err := i.subjectUser(c, "identity:list_user_projects")
	if err != nil {
		return reply{}, err
	}
	return i.list(c.Request, "projects", i.projectObjects(d.projectsOf(u)))
}
