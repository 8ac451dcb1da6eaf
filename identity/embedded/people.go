package embedded

import (
	"fmt"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/jeroboam-cloud/jeroboam"
)

// EnsureProject makes a project of the name unless there is one, and returns its ID.
func (i *Identity) EnsureProject(name string) (id string, err error) {
	err = i.files.change(func(u *Users, _ *Credentials) error {
		at := slices.IndexFunc(u.Projects, func(p *Project) bool { return p.Name == name })
		if at < 0 {
			at = len(u.Projects)
			u.Projects = append(u.Projects, &Project{ID: newID(), Name: name})
		}
		id = u.Projects[at].ID
		return nil
	})
	return id, err
}

// EnsureUser gives the user these roles in the project, which must exist. A
// user who is new gets the project as default and a password, which is returned
// this once; an older user's password stays, and "" is returned.
func (i *Identity) EnsureUser(name, project string, roles ...string) (password jeroboam.Secret, err error) {
	fresh := randomSecret()
	hash, err := i.passwords.hash(fresh)
	if err != nil {
		return "", err
	}
	err = i.files.change(func(u *Users, _ *Credentials) error {
		at := slices.IndexFunc(u.Users, func(u *User) bool { return u.Name == name })
		if at < 0 {
			at, password = len(u.Users), fresh
			u.Users = append(u.Users, &User{ID: newID(), Name: name, Password: hash, Project: project})
		}
		user := u.Users[at]
		if user.Roles == nil {
			user.Roles = map[string][]string{}
		}
		user.Roles[project] = roles
		return nil
	})
	if err != nil {
		return "", err
	}
	return password, nil
}

// SetPassword gives a user another password; tokens got with the old one end.
func (i *Identity) SetPassword(name string, password jeroboam.Secret) error {
	hash, err := i.passwords.hash(password)
	if err != nil {
		return err
	}
	return i.files.change(func(u *Users, _ *Credentials) error {
		at := slices.IndexFunc(u.Users, func(u *User) bool { return u.Name == name })
		if at < 0 {
			return missing("user", name)
		}
		u.Users[at].Password = hash
		return nil
	})
}

// Users lists the users, in the order of the file, without their passwords.
func (i *Identity) Users() ([]User, error) {
	d, err := i.files.newest()
	if err != nil {
		return nil, err
	}
	var all []User
	for _, u := range d.users.Users {
		plain := *u
		plain.Password = ""
		all = append(all, plain)
	}
	return all, nil
}

// DeleteUser deletes a user with the application credentials, and so ends their
// tokens: a later user of the name is another one. The last administrator
// stays.
func (i *Identity) DeleteUser(name string) error {
	return i.files.change(func(u *Users, all *Credentials) error {
		at := slices.IndexFunc(u.Users, func(u *User) bool { return u.Name == name })
		if at < 0 {
			return missing("user", name)
		}
		gone := u.Users[at]
		u.Users = slices.Delete(u.Users, at, at+1)
		if gone.administers() && !slices.ContainsFunc(u.Users, (*User).administers) {
			return jeroboam.Errorf(jeroboam.Conflict, "last-admin", "%s is the last administrator.", name).
				WithRemedy("Let another one in first: jeroboam user add NAME --project %s --role %s.", AdminProject, RoleAdmin)
		}
		all.Credentials = slices.DeleteFunc(all.Credentials, func(c *Credential) bool { return c.User == gone.ID })
		return nil
	})
}

// administers reports whether the user is an administrator somewhere, which is
// one everywhere.
func (u *User) administers() bool {
	for _, roles := range u.Roles {
		if !u.Disabled && slices.Contains(roles, RoleAdmin) {
			return true
		}
	}
	return false
}

// Login is what a client needs to log in with a password.
type Login struct {
	AuthURL  string // ".../identity/v3"
	User     string
	Project  string
	Password jeroboam.Secret
	Region   string
}

// LoginFor returns the Login of a user of this service.
func (i *Identity) LoginFor(user, project string, password jeroboam.Secret) Login {
	return Login{AuthURL: i.url + identityPath + "/v3", User: user, Project: project, Password: password, Region: i.region}
}

// OpenRC is a file for a shell to read. It holds the password: write it 0600.
func (l Login) OpenRC() []byte {
	text := ""
	for _, v := range [][2]string{
		{"OS_AUTH_TYPE", "password"}, {"OS_AUTH_URL", l.AuthURL}, {"OS_IDENTITY_API_VERSION", "3"},
		{"OS_USERNAME", l.User}, {"OS_PASSWORD", l.Password.Reveal()}, {"OS_PROJECT_NAME", l.Project},
		{"OS_USER_DOMAIN_ID", domainID}, {"OS_PROJECT_DOMAIN_ID", domainID}, {"OS_REGION_NAME", l.Region},
	} {
		text += fmt.Sprintf("export %s=%s\n", v[0], shellQuote(v[1]))
	}
	return []byte(text)
}

func shellQuote(word string) string {
	quoted := "'"
	for _, r := range word {
		if r == '\'' {
			quoted += `'\''`
		} else {
			quoted += string(r)
		}
	}
	return quoted + "'"
}

// CloudsYAML is a clouds.yaml with this login as the cloud of the name. It holds
// the password: write it 0600.
func (l Login) CloudsYAML(cloud string) ([]byte, error) {
	return yaml.Marshal(object{"clouds": object{cloud: object{
		"auth_type": "password", "region_name": l.Region, "identity_api_version": 3,
		"auth": object{
			"auth_url": l.AuthURL, "username": l.User, "password": l.Password.Reveal(), "project_name": l.Project,
			"user_domain_id": domainID, "project_domain_id": domainID,
		},
	}}})
}
