package embedded

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// The body of POST /v3/auth/tokens, as
// https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management has it.
type loginBody struct {
	Auth struct {
		Identity struct {
			Methods  []string `json:"methods"`
			Password *struct {
				User userRef `json:"user"`
			} `json:"password"`
			Token *struct {
				ID jeroboam.Secret `json:"id"`
			} `json:"token"`
			Credential *credentialRef `json:"application_credential"`
		} `json:"identity"`
		Scope json.RawMessage `json:"scope"`
	} `json:"auth"`
}

type ref struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type userRef struct {
	ref
	Domain   *ref            `json:"domain"`
	Password jeroboam.Secret `json:"password"`
}

type credentialRef struct {
	ref
	Secret jeroboam.Secret `json:"secret"`
	User   *userRef        `json:"user"`
}

type projectRef struct {
	ref
	Domain *ref `json:"domain"`
}

// wanted is the scope a login asks for; the zero value leaves it to the user.
type wanted struct {
	project  *projectRef
	unscoped bool
}

var errLogin = jeroboam.Errorf(jeroboam.Unauthenticated, "login", "The request you have made requires authentication.").
	WithRemedy("Check the user, the password and the project.")

// login answers who the body proves to be, in the scope it asks for.
func (i *Identity) login(text []byte) (claims, error) {
	var body loginBody
	if err := json.Unmarshal(text, &body); err != nil {
		return claims{}, invalid("body", "The body is not JSON of the expected shape.")
	}
	want, err := parseScope(body.Auth.Scope)
	if err != nil {
		return claims{}, err
	}
	d, err := i.files.newest()
	if err != nil {
		return claims{}, err
	}
	id := body.Auth.Identity
	if len(id.Methods) != 1 {
		return claims{}, invalid("methods", "auth.identity.methods has to name one method: password, token or application_credential.")
	}
	switch {
	case id.Methods[0] == "password" && id.Password != nil:
		return i.byPassword(d, id.Password.User, want)
	case id.Methods[0] == "token" && id.Token != nil:
		return i.byToken(d, id.Token.ID, want)
	case id.Methods[0] == "application_credential" && id.Credential != nil:
		return i.byCredential(d, *id.Credential, want)
	}
	return claims{}, errLogin
}

// attempted is the name of the user that a login which failed was about.
func attempted(text []byte) string {
	var body loginBody
	if json.Unmarshal(text, &body) != nil || body.Auth.Identity.Password == nil {
		return ""
	}
	who := body.Auth.Identity.Password.User
	return cmp.Or(who.Name, who.ID)
}

func parseScope(raw json.RawMessage) (wanted, error) {
	var word string
	if len(raw) == 0 || string(raw) == "null" {
		return wanted{}, nil
	}
	if json.Unmarshal(raw, &word) == nil {
		if word == "unscoped" {
			return wanted{unscoped: true}, nil
		}
		return wanted{}, invalid("scope", "auth.scope is neither an object nor \"unscoped\".")
	}
	var scope struct {
		Project  *projectRef     `json:"project"`
		Unscoped json.RawMessage `json:"unscoped"`
		Domain   json.RawMessage `json:"domain"`
		System   json.RawMessage `json:"system"`
	}
	if err := json.Unmarshal(raw, &scope); err != nil {
		return wanted{}, invalid("scope", "auth.scope is not an object of the expected shape.")
	}
	if scope.Domain != nil || scope.System != nil {
		return wanted{}, errLogin // nobody has a role on the domain or the system
	}
	return wanted{project: scope.Project, unscoped: scope.Unscoped != nil}, nil
}

func (i *Identity) byPassword(d *directory, who userRef, want wanted) (claims, error) {
	u := d.findUser(who)
	key := "user " + who.ID + who.Name
	if u != nil {
		key = "user " + u.ID // by name and by ID alike
	}
	hash := ""
	if u != nil && !u.Disabled {
		hash = u.Password
	}
	if err := i.prove(key, hash, who.Password); err != nil {
		return claims{}, err
	}
	c := claims{User: u.ID, Methods: []string{"password"}, Proof: proofOf(hash)}
	return d.rescope(c, u, want)
}

func (i *Identity) byCredential(d *directory, who credentialRef, want wanted) (claims, error) {
	cred := d.findCredential(who)
	hash := ""
	if cred != nil && d.usersByID[cred.User] != nil && cred.usable(cred.User, i.now()) {
		hash = cred.Secret
	}
	if err := i.prove("credential "+who.ID+who.Name, hash, who.Secret); err != nil {
		return claims{}, err
	}
	if want.project != nil || want.unscoped {
		return claims{}, invalid("scope", "An application credential has the scope it was made in.")
	}
	c := claims{
		User: cred.User, Project: cred.Project, Credential: cred.ID,
		Methods: []string{"application_credential"}, Proof: proofOf(hash),
	}
	if _, err := d.session(c); err != nil {
		return claims{}, errLogin
	}
	return c, nil
}

// byToken changes the scope of a token; its end stays what it was.
func (i *Identity) byToken(d *directory, token jeroboam.Secret, want wanted) (claims, error) {
	s, err := i.who(token.Reveal())
	if err != nil {
		return claims{}, errLogin
	}
	if s.credential != nil {
		return claims{}, jeroboam.Errorf(jeroboam.Forbidden, "scope", "A token of an application credential cannot be exchanged.")
	}
	c := s.claims
	if !slices.Contains(c.Methods, "token") {
		c.Methods = append(slices.Clone(c.Methods), "token")
	}
	return d.rescope(c, s.user, want)
}

// prove compares a secret under the limit of failures.
func (i *Identity) prove(key, hash string, secret jeroboam.Secret) error {
	if err := i.limiter.allow(key); err != nil {
		return err
	}
	if !i.passwords.match(hash, secret) {
		i.limiter.failed(key)
		return errLogin
	}
	i.limiter.succeeded(key)
	return nil
}

// rescope gives claims the wanted project, or the user's default one.
func (d *directory) rescope(c claims, u *User, want wanted) (claims, error) {
	c.Project = ""
	switch {
	case want.unscoped:
		return c, nil
	case want.project != nil:
		p := d.findProject(*want.project)
		if p == nil {
			return claims{}, errLogin
		}
		c.Project = p.ID
	case u.Project != "":
		c.Project = d.projectsByName[u.Project].ID
		if _, _, err := d.scope(u, c.Project, nil); err != nil {
			c.Project = "" // a default that does not work is none
		}
		return c, nil
	default:
		return c, nil
	}
	if _, _, err := d.scope(u, c.Project, nil); err != nil {
		return claims{}, errLogin
	}
	return c, nil
}

func (d *directory) findUser(r userRef) *User {
	if r.ID != "" {
		return d.usersByID[r.ID]
	}
	if !isDomain(r.Domain) {
		return nil
	}
	return d.usersByName[r.Name]
}

func (d *directory) findProject(r projectRef) *Project {
	if r.ID != "" {
		return d.projectsByID[r.ID]
	}
	if !isDomain(r.Domain) {
		return nil
	}
	return d.projectsByName[r.Name]
}

// findCredential finds by ID, or by name among those of a user.
func (d *directory) findCredential(r credentialRef) *Credential {
	if r.ID != "" {
		return d.credentials[r.ID]
	}
	if r.User == nil {
		return nil
	}
	u := d.findUser(*r.User)
	for _, c := range d.credentials {
		if u != nil && c.User == u.ID && c.Name == r.Name {
			return c
		}
	}
	return nil
}

// isDomain reports whether the reference is to the one domain, by ID or by name.
func isDomain(r *ref) bool {
	return r != nil && (r.ID == domainID || r.ID == "" && strings.EqualFold(r.Name, domainName))
}
