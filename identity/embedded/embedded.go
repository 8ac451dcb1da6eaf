// Package embedded is a tiny Keystone: enough of the v3 API for OpenStack's
// clients to log in, and the Authenticator for a service that has no Keystone
// beside it. Its users are a file that people may edit; passwords and the
// secrets of application credentials rest there as bcrypt hashes alone.
//
// It refuses what a real Keystone is for: domains, groups, federation, trusts.
package embedded

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// What the first start makes.
const (
	AdminUser    = "admin"
	AdminProject = "admin"
)

// Roles, each of which implies those after it.
const (
	RoleAdmin  = "admin"
	RoleMember = "member"
	RoleReader = "reader"
)

// TokenLife is how long a token is good for.
const TokenLife = time.Hour

// Options say where identities are kept and where clients find them.
type Options struct {
	Dir    string           // made if absent; holds users.yaml, credentials.yaml, token.key, revoked
	URL    string           // of the API, e.g. "http://127.0.0.1:9511"; identity is below /identity
	Region string           // "" is RegionOne
	Now    func() time.Time // nil is time.Now
	Logger *slog.Logger     // nil: silent
	// PasswordCost is bcrypt's cost of new hashes; 0 is 10, some 50 ms.
	PasswordCost int
}

// Identity is the service of identities of one Dir.
type Identity struct {
	region    string
	url       string
	now       func() time.Time
	files     *files
	tokens    *tokens
	limiter   *limiter
	passwords *passwords
	generated jeroboam.Secret
}

// Open reads Dir, or makes it with the user admin of the project admin.
func Open(o Options) (*Identity, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Region == "" {
		o.Region = "RegionOne"
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, unusable(o.Dir, err)
	}
	files := &files{dir: o.Dir, now: o.Now, log: o.Logger}
	tokens, err := openTokens(files)
	if err != nil {
		return nil, err
	}
	passwords, err := newPasswords(o.PasswordCost)
	if err != nil {
		return nil, err
	}
	i := &Identity{
		region: o.Region, url: strings.TrimSuffix(o.URL, "/"), now: o.Now,
		files: files, tokens: tokens,
		limiter: newLimiter(o.Now), passwords: passwords,
	}
	if i.generated, err = i.files.firstStart(passwords); err != nil {
		return nil, err
	}
	if _, err := i.files.directory(); err != nil {
		return nil, err
	}
	return i, nil
}

// GeneratedPassword returns the password of AdminUser if this Open made it. It
// is kept nowhere: show it, once.
func (i *Identity) GeneratedPassword() (password jeroboam.Secret, fresh bool) {
	return i.generated, i.generated != ""
}

// Fingerprint tells this Dir's users and tokens from those of another.
func (i *Identity) Fingerprint() string { return i.tokens.print }

// Authenticate implements identity.Authenticator. What a user may do is looked
// up now: a role taken away is gone from tokens that are out.
func (i *Identity) Authenticate(_ context.Context, token string) (jeroboam.Caller, error) {
	who, err := i.who(token)
	if err != nil {
		return jeroboam.Caller{}, err
	}
	return who.caller(), nil
}

// session is a valid token with what its claims stand for now.
type session struct {
	claims     claims
	user       *User
	project    *Project // nil: unscoped
	roles      []string
	credential *Credential // nil: by password
}

func (s session) caller() jeroboam.Caller {
	c := jeroboam.Caller{
		UserID: s.user.ID, UserName: s.user.Name, DomainID: domainID,
		Roles: s.roles, ExpiresAt: s.claims.expires(),
	}
	if s.project != nil {
		c.ProjectID, c.ProjectName = s.project.ID, s.project.Name
	}
	return c
}

func (i *Identity) who(token string) (session, error) {
	if token == "" {
		return session{}, unauthenticated("The request carries no token.")
	}
	c, err := i.tokens.read(token)
	if err != nil {
		return session{}, err
	}
	d, err := i.files.directory()
	if err != nil {
		return session{}, err
	}
	return d.session(c)
}

var errStale = unauthenticated("The token is no longer valid.")

// session checks claims against the directory: users, projects, roles,
// passwords and application credentials may have changed since.
func (d *directory) session(c claims) (session, error) {
	s := session{claims: c, user: d.usersByID[c.User]}
	if s.user == nil || s.user.Disabled {
		return session{}, errStale
	}
	proof := s.user.Password
	if c.Credential != "" {
		s.credential = d.credentials[c.Credential]
		if !s.credential.usable(c.User, d.now()) {
			return session{}, errStale
		}
		proof = s.credential.Secret
	}
	if c.Proof != proofOf(proof) {
		return session{}, errStale
	}
	if c.Project == "" {
		return s, nil
	}
	var err error
	s.project, s.roles, err = d.scope(s.user, c.Project, s.credential)
	if err != nil {
		return session{}, errStale
	}
	return s, nil
}

func unauthenticated(detail string) *jeroboam.Error {
	return jeroboam.Errorf(jeroboam.Unauthenticated, "token", "%s", detail).
		WithRemedy("Log in again.")
}

func unusable(path string, err error) error {
	if _, ok := jeroboam.AsError(err); ok {
		return err
	}
	e := jeroboam.Errorf(jeroboam.Unavailable, "identity-file", "The identity file %s cannot be used.", path).
		WithRemedy("Check its content, owner and mode.")
	if errors.Is(err, os.ErrPermission) {
		e = e.WithRemedy("Check its owner and mode.")
	}
	return e.Wrap(err)
}
