package embedded_test

import (
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity/embedded"
)

func TestADeletedUserIsShutOutForGood(t *testing.T) {
	s := newSite(t)
	token, _ := s.login("alice", s.alice, "")
	user := s.caller(token).UserID
	id, secret := s.credential(token, user, `"name":"robot"`)
	robot := s.do("POST", "/v3/auth/tokens", "", credentialLogin(`"id":"`+id+`","secret":"`+secret+`"`)).header.Get("X-Subject-Token")
	elsewhere, err := embedded.Open(embedded.Options{Dir: s.dir, URL: s.server.URL}) // as the command line does
	if err != nil {
		t.Fatal(err)
	}
	if err := elsewhere.DeleteUser("alice"); err != nil {
		t.Fatal(err)
	}
	s.clock.at = s.clock.at.Add(time.Second) // the service looks at its files once in a while
	s.wantRefused(token, "of a deleted user")
	s.wantRefused(robot, "of a deleted user's credential")
	again, err := s.id.EnsureUser("alice", "demo", embedded.RoleMember)
	if err != nil || again == "" {
		t.Fatalf("a new alice: %q, %v", again.Reveal(), err)
	}
	s.wantRefused(token, "of a deleted user whose name came back")
	fresh, _ := s.login("alice", again, "")
	if s.caller(fresh).UserID == user {
		t.Error("the new alice is the old one")
	}
	if a := s.do("POST", "/v3/auth/tokens", "", credentialLogin(`"id":"`+id+`","secret":"`+secret+`"`)); a.status != 401 {
		t.Errorf("login with the old credential: %d", a.status)
	}
	if err := s.id.DeleteUser("nobody"); jeroboam.KindOf(err) != jeroboam.NotFound {
		t.Errorf("nobody: %v, want NotFound", err)
	}
}

func TestTheLastAdministratorStays(t *testing.T) {
	s := newSite(t)
	token, _ := s.login("admin", s.admin, "")
	if err := s.id.DeleteUser("admin"); jeroboam.KindOf(err) != jeroboam.Conflict {
		t.Fatalf("%v, want Conflict", err)
	}
	s.caller(token)
	s.roles("bob", "demo", embedded.RoleAdmin)
	if err := s.id.DeleteUser("admin"); err != nil {
		t.Fatal(err)
	}
	s.wantRefused(token, "of the former administrator")
	users, err := s.id.Users()
	if err != nil || len(users) != 2 || users[0].Name != "alice" || users[1].Name != "bob" || users[0].Password != "" {
		t.Errorf("%+v, %v", users, err)
	}
}
