package embedded

import (
	"net/http"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity"
)

// postToken logs in.
func (i *Identity) postToken(r *http.Request) (reply, error) {
	text, err := readBody(r)
	if err != nil {
		return reply{}, err
	}
	c, err := i.login(text)
	if err != nil {
		identity.Tell(r.Context(), jeroboam.Caller{UserName: attempted(text)})
		return reply{}, err
	}
	token, c := i.tokens.issue(c)
	d, err := i.files.directory()
	if err != nil {
		return reply{}, err
	}
	s, err := d.session(c)
	if err != nil {
		return reply{}, err
	}
	identity.Tell(r.Context(), s.caller())
	return reply{status: http.StatusCreated, token: token, body: i.tokenBody(s, !r.URL.Query().Has("nocatalog"))}, nil
}

// getToken shows the token in X-Subject-Token to its owner and to administrators.
func (i *Identity) getToken(c call) (reply, error) {
	token, s, err := i.subject(c)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, token: token, body: i.tokenBody(s, !c.URL.Query().Has("nocatalog"))}, nil
}

func (i *Identity) deleteToken(c call) (reply, error) {
	_, s, err := i.subject(c)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusNoContent}, i.tokens.revoke(s.claims)
}

func (i *Identity) subject(c call) (string, session, error) {
	token := c.Header.Get("X-Subject-Token")
	if token == "" {
		return "", session{}, invalid("token", "The header X-Subject-Token is missing.")
	}
	s, err := i.who(token)
	if err != nil {
		return "", session{}, jeroboam.Errorf(jeroboam.NotFound, "token", "Could not find token.")
	}
	if s.user.ID != c.user.ID && !c.isAdmin() {
		return "", session{}, forbidden("identity:validate_token")
	}
	return token, s, nil
}

func (s session) isAdmin() bool { return s.caller().Has(RoleAdmin) }

func forbidden(action string) error {
	return jeroboam.Errorf(jeroboam.Forbidden, "policy", "You are not authorized to perform the requested action: %s.", action)
}

type object = map[string]any

func domain() object { return object{"id": domainID, "name": domainName} }

// stamp is a time as Keystone writes it: microseconds, always six digits.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

// tokenBody describes a session as POST and GET /v3/auth/tokens do.
func (i *Identity) tokenBody(s session, catalogue bool) object {
	token := object{
		"methods":    s.claims.Methods,
		"user":       object{"id": s.user.ID, "name": s.user.Name, "domain": domain(), "password_expires_at": nil},
		"audit_ids":  []string{s.claims.Audit},
		"issued_at":  stamp(s.claims.issued()),
		"expires_at": stamp(s.claims.expires()),
	}
	if s.project != nil {
		token["project"] = object{"id": s.project.ID, "name": s.project.Name, "domain": domain()}
		token["is_domain"] = false
		token["roles"] = roleObjects(s.roles)
		if catalogue {
			token["catalog"] = i.catalogue()
		}
	}
	if s.credential != nil {
		token["application_credential"] = object{
			"id": s.credential.ID, "name": s.credential.Name, "restricted": !s.credential.Unrestricted,
		}
	}
	return object{"token": token}
}
