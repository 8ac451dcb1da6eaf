package embedded_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam/identity/embedded"
)

// credential makes an application credential and returns its ID and secret.
func (s *site) credential(token, user, fields string) (id, secret string) {
	s.t.Helper()
	a := s.do("POST", "/v3/users/"+user+"/application_credentials", token, `{"application_credential":{`+fields+`}}`)
	if a.status != 201 {
		s.t.Fatalf("make a credential: %d %s", a.status, a.text)
	}
	c := a.body["application_credential"].(map[string]any)
	return c["id"].(string), c["secret"].(string)
}

func credentialLogin(identity string) string {
	return `{"auth":{"identity":{"methods":["application_credential"],"application_credential":{` + identity + `}}}}`
}

func TestAnApplicationCredentialStandsForItsUserInOneProject(t *testing.T) {
	s := newSite(t)
	token, _ := s.login("alice", s.alice, "")
	alice := s.caller(token)
	id, secret := s.credential(token, alice.UserID, `"name":"robot","description":"d","roles":[{"name":"reader"}]`)
	for name, who := range map[string]string{
		"by id":                 `"id":"` + id + `"`,
		"by name and user":      `"name":"robot","user":{"name":"alice","domain":{"name":"Default"}}`,
		"by name and user's id": `"name":"robot","user":{"id":"` + alice.UserID + `"}`,
	} {
		a := s.do("POST", "/v3/auth/tokens", "", credentialLogin(who+`,"secret":"`+secret+`"`))
		if a.status != 201 {
			t.Fatalf("%s: %d %s", name, a.status, a.text)
		}
		c := s.caller(a.header.Get("X-Subject-Token"))
		if c.UserID != alice.UserID || c.ProjectName != "demo" || !slices.Equal(c.Roles, []string{"reader"}) {
			t.Errorf("%s: caller %+v", name, c)
		}
		made := a.body["token"].(map[string]any)["application_credential"].(map[string]any)
		if made["id"] != id || made["restricted"] != true {
			t.Errorf("%s: token says %v", name, made)
		}
	}
	list := s.do("GET", "/v3/users/"+alice.UserID+"/application_credentials", token, "")
	if strings.Contains(list.text, secret) || !strings.Contains(list.text, id) {
		t.Errorf("the list is %s", list.text)
	}
	one := s.do("GET", "/v3/users/"+alice.UserID+"/application_credentials/"+id, token, "")
	if one.status != 200 || strings.Contains(one.text, secret) {
		t.Errorf("show: %d %s", one.status, one.text)
	}
}

func TestWhatEndsAnApplicationCredential(t *testing.T) {
	for name, end := range map[string]func(s *site, token, user, id string){
		"it is deleted": func(s *site, token, user, id string) {
			if a := s.do("DELETE", "/v3/users/"+user+"/application_credentials/"+id, token, ""); a.status != 204 {
				s.t.Errorf("delete: %d %s", a.status, a.text)
			}
			if a := s.do("DELETE", "/v3/users/"+user+"/application_credentials/"+id, token, ""); a.status != 404 {
				s.t.Errorf("second delete: %d, want 404", a.status)
			}
		},
		"its time is over":        func(s *site, _, _, _ string) { s.clock.at = s.clock.at.Add(31 * time.Minute) },
		"the user loses the role": func(s *site, _, _, _ string) { s.roles("alice", "demo") },
		"the user loses that role": func(s *site, _, _, _ string) {
			s.roles("alice", "demo", embedded.RoleReader)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			token, _ := s.login("alice", s.alice, "")
			user := s.caller(token).UserID
			until := s.clock.at.Add(30 * time.Minute).UTC().Format("2006-01-02T15:04:05.000000")
			id, secret := s.credential(token, user, `"name":"robot","roles":[{"name":"member"}],"expires_at":"`+until+`"`)
			body := credentialLogin(`"id":"` + id + `","secret":"` + secret + `"`)
			a := s.do("POST", "/v3/auth/tokens", "", body)
			if a.status != 201 {
				t.Fatalf("before: %d %s", a.status, a.text)
			}
			mine := a.header.Get("X-Subject-Token")
			s.caller(mine)
			end(s, token, user, id)
			if name == "the user loses that role" { // what is left of it still works
				if c := s.caller(mine); !slices.Equal(c.Roles, []string{"reader"}) {
					t.Errorf("roles %v, want what both have", c.Roles)
				}
				return
			}
			s.wantRefused(mine, "a token got before")
			if a := s.do("POST", "/v3/auth/tokens", "", body); a.status != 401 {
				t.Errorf("login after: %d, want 401", a.status)
			}
		})
	}
}

func (s *site) roles(user, project string, roles ...string) {
	s.t.Helper()
	if _, err := s.id.EnsureUser(user, project, roles...); err != nil {
		s.t.Fatal(err)
	}
}

func TestApplicationCredentialsAreRefused(t *testing.T) {
	s := newSite(t)
	token, _ := s.login("alice", s.alice, "")
	admin, _ := s.login("admin", s.admin, "")
	unscoped, _ := s.login("alice", s.alice, `"unscoped"`)
	user := s.caller(token).UserID
	id, secret := s.credential(token, user, `"name":"robot"`)
	robot := s.do("POST", "/v3/auth/tokens", "", credentialLogin(`"id":"`+id+`","secret":"`+secret+`"`)).header.Get("X-Subject-Token")
	for name, test := range map[string]struct {
		token, user, fields string
		status              int
	}{
		"name taken":            {token, user, `"name":"robot"`, 409},
		"no name":               {token, user, `"description":"d"`, 400},
		"role not had":          {token, user, `"name":"x","roles":[{"name":"admin"}]`, 400},
		"already over":          {token, user, `"name":"x","expires_at":"2001-01-01T00:00:00Z"`, 400},
		"no time":               {token, user, `"name":"x","expires_at":"soon"`, 400},
		"secret too long":       {token, user, `"name":"x","secret":"` + strings.Repeat("x", 73) + `"`, 400},
		"unscoped":              {unscoped, user, `"name":"x"`, 400},
		"for another":           {admin, user, `"name":"x"`, 403},
		"by another credential": {robot, user, `"name":"x"`, 403},
		"without a token":       {"", user, `"name":"x"`, 401},
	} {
		a := s.do("POST", "/v3/users/"+test.user+"/application_credentials", test.token, `{"application_credential":{`+test.fields+`}}`)
		if a.status != test.status {
			t.Errorf("%s: %d %s, want %d", name, a.status, a.text, test.status)
		}
	}
	if a := s.do("DELETE", "/v3/users/"+user+"/application_credentials/"+id, robot, ""); a.status != 403 {
		t.Errorf("a credential deletes itself: %d, want 403", a.status)
	}
	exchange := `{"auth":{"identity":{"methods":["token"],"token":{"id":"` + robot + `"}},"scope":` + projectScope("other") + `}}`
	if a := s.do("POST", "/v3/auth/tokens", "", exchange); a.status != 403 {
		t.Errorf("exchange of a credential's token: %d, want 403", a.status)
	}
	scoped := strings.TrimSuffix(credentialLogin(`"id":"`+id+`","secret":"`+secret+`"`), "}}") + `},"scope":` + projectScope("other") + `}}`
	if a := s.do("POST", "/v3/auth/tokens", "", scoped); a.status != 400 {
		t.Errorf("a credential with another scope: %d %s, want 400", a.status, a.text)
	}
}

func TestATokenIsExchangedForAnotherScopeButLivesNoLonger(t *testing.T) {
	s := newSite(t)
	token, first := s.login("alice", s.alice, `"unscoped"`)
	s.clock.at = s.clock.at.Add(10 * time.Minute)
	a := s.do("POST", "/v3/auth/tokens", "", `{"auth":{"identity":{"methods":["token"],"token":{"id":"`+token+`"}},"scope":`+projectScope("other")+`}}`)
	if a.status != 201 {
		t.Fatalf("exchange: %d %s", a.status, a.text)
	}
	second := a.body["token"].(map[string]any)
	if first["expires_at"] != second["expires_at"] || mustJSON(t, second["methods"]) != `["password","token"]` {
		t.Errorf("exchanged %v for %v", first, second)
	}
	if c := s.caller(a.header.Get("X-Subject-Token")); c.ProjectName != "other" {
		t.Errorf("caller %+v, want project other", c)
	}
}
