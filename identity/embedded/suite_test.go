package embedded_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity/embedded"
	"github.com/jeroboam-cloud/jeroboam/identity/identitytest"
)

func TestTheSuite(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	identitytest.Run(t, func(t *testing.T) *identitytest.Site {
		s := newSite(t)
		rita, err := s.id.EnsureUser("rita", "demo", embedded.RoleReader)
		if err != nil {
			t.Fatal(err)
		}
		account := func(user, project string, password jeroboam.Secret, roles ...string) identitytest.Account {
			token, _ := s.login(user, password, projectScope(project))
			want := s.caller(token)
			if want.UserName != user || want.ProjectName != project {
				t.Fatalf("%s is %+v", user, want)
			}
			want.Roles = roles
			return identitytest.Account{Password: password, Want: want}
		}
		return &identitytest.Site{
			Auth: s.id, URL: s.server.URL + "/identity/v3",
			Admin:  account("admin", "admin", s.admin, "admin", "member", "reader"),
			Member: account("alice", "demo", s.alice, "member", "reader"), Reader: account("rita", "demo", rita, "reader"),
			Pass: func(d time.Duration) { s.clock.at = s.clock.at.Add(d) },
		}
	})
}
