package embedded

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// The one domain.
const (
	domainID   = "default"
	domainName = "Default"
)

// Users is the content of users.yaml.
type Users struct {
	Projects []*Project `json:"projects"`
	Users    []*User    `json:"users"`
}

// Project owns what callers make.
type Project struct {
	ID          string `json:"id"` // 32 hex digits if made here; any stable word
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Disabled    bool   `json:"disabled,omitempty"`
}

// User is a person or a program.
type User struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Password string `json:"password"` // bcrypt hash
	// Project is the name of the one a login without a scope gets; "" for none.
	Project  string              `json:"default_project,omitempty"`
	Roles    map[string][]string `json:"roles,omitempty"` // by the project's name
	Disabled bool                `json:"disabled,omitempty"`
}

// Credentials is the content of credentials.yaml.
type Credentials struct {
	Credentials []*Credential `json:"application_credentials"`
}

// Credential is an application credential: a secret that stands for a user in
// one project, with some of the user's roles there.
type Credential struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Description  string    `json:"description,omitempty"`
	Secret       string    `json:"secret"`  // bcrypt hash
	User         string    `json:"user"`    // ID
	Project      string    `json:"project"` // ID
	Roles        []string  `json:"roles"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"`
	Unrestricted bool      `json:"unrestricted,omitempty"` // may make other credentials
}

// usable is false for nil, for another's and past its end.
func (c *Credential) usable(user string, now time.Time) bool {
	return c != nil && c.User == user && (c.ExpiresAt.IsZero() || now.Before(c.ExpiresAt))
}

// implied lists roles with those they imply, the strongest first.
func implied(roles []string) []string {
	ladder := []string{RoleAdmin, RoleMember, RoleReader}
	var out []string
	for i, role := range ladder {
		if slices.ContainsFunc(ladder[:i+1], func(r string) bool { return slices.Contains(roles, r) }) {
			out = append(out, role)
		}
	}
	for _, role := range roles {
		if !slices.Contains(ladder, role) && !slices.Contains(out, role) {
			out = append(out, role)
		}
	}
	return out
}

// directory is the files of one moment, indexed. It does not change.
type directory struct {
	users          Users
	now            func() time.Time
	usersByID      map[string]*User
	usersByName    map[string]*User
	projectsByID   map[string]*Project
	projectsByName map[string]*Project
	credentials    map[string]*Credential
}

// index checks the files and indexes them.
func index(users Users, credentials Credentials, now func() time.Time) (*directory, error) {
	d := &directory{
		users: users, now: now,
		usersByID: map[string]*User{}, usersByName: map[string]*User{},
		projectsByID: map[string]*Project{}, projectsByName: map[string]*Project{},
		credentials: map[string]*Credential{},
	}
	for _, p := range users.Projects {
		if err := unique("project", d.projectsByID, d.projectsByName, p.ID, p.Name, p); err != nil {
			return nil, err
		}
	}
	for _, u := range users.Users {
		if err := unique("user", d.usersByID, d.usersByName, u.ID, u.Name, u); err != nil {
			return nil, err
		}
		if err := d.checkUser(u); err != nil {
			return nil, err
		}
	}
	for _, c := range credentials.Credentials {
		d.credentials[c.ID] = c
	}
	return d, nil
}

func unique[T any](noun string, byID, byName map[string]*T, id, name string, v *T) error {
	switch {
	case id == "" || name == "":
		return fmt.Errorf("a %s lacks its id or its name (%q, %q)", noun, id, name)
	case byID[id] != nil:
		return fmt.Errorf("two %ss have the id %q", noun, id)
	case byName[name] != nil:
		return fmt.Errorf("two %ss have the name %q", noun, name)
	}
	byID[id], byName[name] = v, v
	return nil
}

func (d *directory) checkUser(u *User) error {
	if err := checkHash(u.Password); err != nil {
		return fmt.Errorf("the password of user %q: %w", u.Name, err)
	}
	if u.Project != "" && d.projectsByName[u.Project] == nil {
		return fmt.Errorf("user %q has the default project %q, which does not exist", u.Name, u.Project)
	}
	for project := range u.Roles {
		if d.projectsByName[project] == nil {
			return fmt.Errorf("user %q has roles in the project %q, which does not exist", u.Name, project)
		}
	}
	return nil
}

// scope returns the project and the roles that the user has in it: all of them,
// or those of the credential that the user still has.
func (d *directory) scope(u *User, project string, c *Credential) (*Project, []string, error) {
	refused := unauthenticated("The user has no role in the project.")
	p := d.projectsByID[project]
	if p == nil || p.Disabled || c != nil && c.Project != project {
		return nil, nil, refused
	}
	roles := implied(u.Roles[p.Name])
	if c != nil {
		granted := implied(c.Roles)
		roles = slices.DeleteFunc(roles, func(r string) bool { return !slices.Contains(granted, r) })
	}
	if len(roles) == 0 {
		return nil, nil, refused
	}
	return p, roles, nil
}

// projectsOf lists where the user has roles, in the order of the file.
func (d *directory) projectsOf(u *User) []*Project {
	var out []*Project
	for _, p := range d.users.Projects {
		if !p.Disabled && len(u.Roles[p.Name]) > 0 {
			out = append(out, p)
		}
	}
	return out
}

func (d *directory) credentialsOf(u *User) []*Credential {
	var out []*Credential
	for _, c := range d.credentials {
		if c.User == u.ID {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *Credential) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func invalid(reason, format string, args ...any) error {
	return jeroboam.Errorf(jeroboam.Invalid, reason, format, args...)
}
