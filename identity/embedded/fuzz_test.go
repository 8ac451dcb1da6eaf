package embedded_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity/embedded"
)

func fuzzLogin(f *testing.F) func(*testing.T, []byte) {
	at := time.Now()
	now := func() time.Time { at = at.Add(time.Minute); return at } // never limited
	id, err := embedded.Open(embedded.Options{Dir: f.TempDir(), Now: now, PasswordCost: bcrypt.MinCost})
	if err != nil {
		f.Fatal(err)
	}
	handler := id.Handler()
	return func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("POST", "/v3/auth/tokens", bytes.NewReader(body)))
		var answer struct {
			Error struct {
				Code           int
				Title, Message string
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer.Error.Code != w.Code || answer.Error.Message == "" ||
			w.Code != 400 && w.Code != 401 || w.Header().Get("X-Subject-Token") != "" {
			t.Errorf("%q: %d %s", body, w.Code, w.Body)
		}
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	id, err := embedded.Open(embedded.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	password, _ := id.GeneratedPassword()
	token := login(b, id, password)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := id.Authenticate(b.Context(), token); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkLogin(b *testing.B) {
	id, err := embedded.Open(embedded.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	password, _ := id.GeneratedPassword()
	for b.Loop() {
		login(b, id, password)
	}
}

func login(b *testing.B, id *embedded.Identity, password jeroboam.Secret) string {
	b.Helper()
	w := httptest.NewRecorder()
	body := passwordBody("admin", password.Reveal(), "")
	id.Handler().ServeHTTP(w, httptest.NewRequest("POST", "/v3/auth/tokens", bytes.NewReader([]byte(body))))
	if w.Code != 201 {
		b.Fatalf("login: %d %s", w.Code, w.Body)
	}
	return w.Header().Get("X-Subject-Token")
}
