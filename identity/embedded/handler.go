package embedded

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/identity"
)

// reasonLimited is answered 429.
const reasonLimited = "too-many-logins"

// maxBody is more than any request of this API needs.
const maxBody = 64 << 10

// Handler answers the paths of Keystone, from "/" and "/v3" on: mount it with
// "/identity" stripped.
func (i *Identity) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", i.open(i.versions))
	mux.Handle("GET /v3", i.open(i.version))
	mux.Handle("GET /v3/{$}", i.open(i.version))
	mux.Handle("POST /v3/auth/tokens", i.open(i.postToken))
	for path, answer := range map[string]func(call) (reply, error){
		"GET /v3/auth/tokens":    i.getToken, // and HEAD
		"DELETE /v3/auth/tokens": i.deleteToken,
		"GET /v3/auth/catalog":   i.getCatalog,
		"GET /v3/auth/projects":  i.ownProjects,
		"GET /v3/auth/domains":   i.listDomains,

		"GET /v3/domains":             i.listDomains,
		"GET /v3/domains/{id}":        i.getDomain,
		"GET /v3/roles":               i.listRoles,
		"GET /v3/projects":            i.listProjects,
		"GET /v3/projects/{id}":       i.getProject,
		"GET /v3/users":               i.listUsers,
		"GET /v3/users/{id}":          i.getUser,
		"GET /v3/users/{id}/projects": i.projectsOfUser,

		"GET /v3/users/{id}/application_credentials":                 i.listCredentials,
		"POST /v3/users/{id}/application_credentials":                i.postCredential,
		"GET /v3/users/{id}/application_credentials/{credential}":    i.getCredential,
		"DELETE /v3/users/{id}/application_credentials/{credential}": i.deleteCredential,
	} {
		mux.Handle(path, i.authenticated(answer))
	}
	mux.Handle("/", i.open(func(*http.Request) (reply, error) {
		return reply{}, jeroboam.Errorf(jeroboam.NotFound, "path", "The resource could not be found.")
	}))
	return framed(mux)
}

// call is a request with who makes it.
type call struct {
	*http.Request
	session
}

// reply is an answer: its status, its JSON body (nil for none) and its token.
type reply struct {
	status int
	body   any
	token  string // X-Subject-Token
}

func ok(body any) (reply, error) { return reply{status: http.StatusOK, body: body}, nil }

// open is a handler that needs no token.
func (i *Identity) open(answer func(*http.Request) (reply, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out, err := answer(r)
		if err != nil {
			i.writeError(w, err)
			return
		}
		if out.token != "" {
			w.Header().Set("X-Subject-Token", out.token)
		}
		writeJSON(w, out.status, out.body)
	})
}

func (i *Identity) authenticated(answer func(call) (reply, error)) http.Handler {
	return i.open(func(r *http.Request) (reply, error) {
		who, err := i.who(r.Header.Get("X-Auth-Token"))
		if err != nil {
			return reply{}, err
		}
		identity.Tell(r.Context(), who.caller())
		return answer(call{r, who})
	})
}

// framed adds what every answer carries, and bounds every body.
func framed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "X-Auth-Token")
		w.Header().Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if r.URL.Path == "" { // "/identity" itself
			root := *r.URL
			root.Path = "/"
			r.URL = &root
		}
		next.ServeHTTP(w, r)
	})
}

func readBody(r *http.Request) ([]byte, error) {
	text, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, invalid("body", "The body is larger than %d bytes.", maxBody)
	}
	if err != nil {
		return nil, invalid("body", "The body could not be read.")
	}
	return text, nil
}

var statuses = map[jeroboam.Kind]int{
	jeroboam.Invalid:         http.StatusBadRequest,
	jeroboam.Unauthenticated: http.StatusUnauthorized,
	jeroboam.Forbidden:       http.StatusForbidden,
	jeroboam.NotFound:        http.StatusNotFound,
	jeroboam.Conflict:        http.StatusConflict,
	jeroboam.Unavailable:     http.StatusServiceUnavailable,
}

// writeError answers in Keystone's shape.
func (i *Identity) writeError(w http.ResponseWriter, err error) {
	cause := jeroboam.CauseOf(err)
	status := statuses[cause.Kind]
	switch {
	case cause.Reason == reasonLimited:
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", "5")
	case status == http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Keystone uri="`+i.url+identityPath+`/v3"`)
	case status == 0:
		status = http.StatusInternalServerError
	}
	writeJSON(w, status, map[string]any{"error": map[string]any{
		"code": status, "title": http.StatusText(status), "message": cause.Text(),
	}})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) //nolint:errcheck // the client is gone
}
