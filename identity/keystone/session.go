package keystone

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"github.com/jeroboam-cloud/jeroboam"
)

// session is Keystone as one token of ours may ask it. It does not change.
type session struct {
	keystone *gophercloud.ServiceClient
	expires  time.Time
	renew    time.Time // when to get another
}

func newSession(keystone *gophercloud.ServiceClient, now time.Time) (*session, error) {
	result, ok := keystone.GetAuthResult().(tokens.CreateResult)
	if !ok {
		return nil, fmt.Errorf("keystone answered no v3 token but %T", keystone.GetAuthResult())
	}
	token, err := result.ExtractToken()
	if err != nil {
		return nil, fmt.Errorf("read the service's own token: %w", err)
	}
	// The last tenth of a life is kept for a Keystone that is away.
	return &session{keystone: keystone, expires: token.ExpiresAt, renew: token.ExpiresAt.Add(-token.ExpiresAt.Sub(now) / 10)}, nil
}

// named is anything of Keystone's with an ID and a name.
type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// described is what Keystone says about a token:
// https://docs.openstack.org/api-ref/identity/v3/#validate-and-show-information-for-token
type described struct {
	Token struct {
		User struct {
			named
			Domain named `json:"domain"`
		} `json:"user"`
		Project *named `json:"project"`
		Domain  *named `json:"domain"`
		System  *struct {
			All bool `json:"all"`
		} `json:"system"`
		Roles     []named   `json:"roles"`
		ExpiresAt time.Time `json:"expires_at"`
	} `json:"token"`
}

// show asks Keystone about a token, without the catalogue: it is most of an
// answer, and nobody here reads it.
func (s *session) show(ctx context.Context, token string) (jeroboam.Caller, error) {
	var d described
	response, err := s.keystone.Get(ctx, s.keystone.ServiceURL("auth", "tokens")+"?nocatalog", &d, &gophercloud.RequestOpts{
		MoreHeaders: map[string]string{"X-Subject-Token": token}, OkCodes: []int{http.StatusOK},
	})
	if err != nil {
		return jeroboam.Caller{}, err
	}
	if d.Token.User.ID == "" || d.Token.ExpiresAt.IsZero() {
		return jeroboam.Caller{}, fmt.Errorf("keystone's answer (%s) describes no token", response.Status)
	}
	return d.caller(), nil
}

func (d *described) caller() jeroboam.Caller {
	t := d.Token
	c := jeroboam.Caller{
		UserID: t.User.ID, UserName: t.User.Name, DomainID: t.User.Domain.ID,
		SystemScope: t.System != nil && t.System.All, ExpiresAt: t.ExpiresAt,
	}
	if t.Project != nil {
		c.ProjectID, c.ProjectName = t.Project.ID, t.Project.Name
	}
	if t.Domain != nil {
		c.ScopeDomainID = t.Domain.ID
	}
	for _, role := range t.Roles {
		c.Roles = append(c.Roles, role.Name)
	}
	return c
}
