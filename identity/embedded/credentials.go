package embedded

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// credentialBody is the body of POST …/application_credentials.
type credentialBody struct {
	Credential struct {
		Name         string          `json:"name"`
		Description  string          `json:"description"`
		Secret       jeroboam.Secret `json:"secret"`
		ExpiresAt    string          `json:"expires_at"`
		Roles        []ref           `json:"roles"`
		Unrestricted bool            `json:"unrestricted"`
	} `json:"application_credential"`
}

func (i *Identity) credentialObject(c *Credential, secret jeroboam.Secret) object {
	o := object{
		"id": c.ID, "name": c.Name, "description": c.Description, "project_id": c.Project, "user_id": c.User,
		"roles": roleObjects(c.Roles), "expires_at": nil, "unrestricted": c.Unrestricted,
		"links": i.self("/users/" + c.User + "/application_credentials/" + c.ID),
	}
	if !c.ExpiresAt.IsZero() {
		o["expires_at"] = stamp(c.ExpiresAt)
	}
	if secret != "" {
		o["secret"] = secret.Reveal() // shown once
	}
	return o
}

func (i *Identity) listCredentials(c call) (reply, error) {
	d, u, err := i.subjectUser(c, "identity:list_application_credentials")
	if err != nil {
		return reply{}, err
	}
	var out []object
	for _, cred := range d.credentialsOf(u) {
		out = append(out, i.credentialObject(cred, ""))
	}
	return i.list(c.Request, "application_credentials", out)
}

func (i *Identity) findCredential(c call, action string) (*Credential, error) {
	d, u, err := i.subjectUser(c, action)
	if err != nil {
		return nil, err
	}
	id := c.PathValue("credential")
	cred := d.credentials[id]
	if cred == nil || cred.User != u.ID {
		return nil, missing("application_credential", id)
	}
	return cred, nil
}

func (i *Identity) getCredential(c call) (reply, error) {
	cred, err := i.findCredential(c, "identity:get_application_credential")
	if err != nil {
		return reply{}, err
	}
	return ok(object{"application_credential": i.credentialObject(cred, "")})
}

func (i *Identity) deleteCredential(c call) (reply, error) {
	cred, err := i.findCredential(c, "identity:delete_application_credential")
	if err != nil {
		return reply{}, err
	}
	if c.restricted() {
		return reply{}, forbidden("identity:delete_application_credential")
	}
	return reply{status: http.StatusNoContent}, i.files.change(func(_ *Users, all *Credentials) error {
		all.Credentials = slices.DeleteFunc(all.Credentials, func(other *Credential) bool { return other.ID == cred.ID })
		if all.Credentials == nil {
			all.Credentials = []*Credential{}
		}
		return nil
	})
}

// restricted reports whether the caller came by a credential that may not make
// or delete others.
func (s session) restricted() bool { return s.credential != nil && !s.credential.Unrestricted }

// postCredential makes a credential of the caller for the project of the token.
func (i *Identity) postCredential(c call) (reply, error) {
	if c.PathValue("id") != c.user.ID || c.restricted() {
		return reply{}, forbidden("identity:create_application_credential")
	}
	text, err := readBody(c.Request)
	if err != nil {
		return reply{}, err
	}
	cred, secret, err := i.newCredential(c.session, text)
	if err != nil {
		return reply{}, err
	}
	err = i.files.change(func(_ *Users, all *Credentials) error {
		for _, other := range all.Credentials {
			if other.User == cred.User && other.Name == cred.Name {
				return jeroboam.Errorf(jeroboam.Conflict, "name", "There is an application credential %s already.", cred.Name)
			}
		}
		all.Credentials = append(all.Credentials, cred)
		return nil
	})
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, body: object{"application_credential": i.credentialObject(cred, secret)}}, nil
}

func (i *Identity) newCredential(s session, text []byte) (*Credential, jeroboam.Secret, error) {
	var body credentialBody
	if err := json.Unmarshal(text, &body); err != nil {
		return nil, "", invalid("body", "The body is not JSON of the expected shape.")
	}
	in := body.Credential
	if in.Name == "" || len(in.Name) > 255 {
		return nil, "", invalid("name", "An application credential needs a name of 1 to 255 bytes.")
	}
	if s.project == nil {
		return nil, "", invalid("scope", "An application credential is made with a token of a project.")
	}
	roles, err := chosen(s.roles, in.Roles)
	if err != nil {
		return nil, "", err
	}
	expires, err := i.parseExpiry(in.ExpiresAt)
	if err != nil {
		return nil, "", err
	}
	secret := in.Secret
	if secret == "" {
		secret = randomSecret()
	}
	hash, err := i.passwords.hash(secret)
	return &Credential{
		ID: newID(), Name: in.Name, Description: in.Description, Secret: hash, User: s.user.ID, Project: s.project.ID,
		Roles: roles, ExpiresAt: expires, Unrestricted: in.Unrestricted,
	}, secret, err
}

// chosen returns the roles asked for, all if none are; each must be had.
func chosen(had []string, asked []ref) ([]string, error) {
	if len(asked) == 0 {
		return had, nil
	}
	var out []string
	for _, r := range asked {
		at := slices.IndexFunc(had, func(role string) bool { return role == r.Name || fixedID("role "+role) == r.ID })
		if at < 0 {
			return nil, invalid("roles", "You do not have the role %s%s in this project.", r.Name, r.ID)
		}
		out = append(out, had[at])
	}
	return out, nil
}

func (i *Identity) parseExpiry(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05.999999", "2006-01-02T15:04:05"} {
		if at, err := time.Parse(layout, text); err == nil && at.After(i.now()) {
			return at.UTC(), nil
		}
	}
	return time.Time{}, invalid("expires_at", "expires_at has to be a time to come, such as 2030-01-31T12:00:00Z.")
}
