package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

// What a page of another origin may use. Cookies are not among it: a token is
// in a header, where no browser puts it by itself.
var (
	sharedVerbs    = strings.Join([]string{"GET", "HEAD", "POST", "PATCH", "DELETE"}, ", ")
	askedHeaders   = strings.Join([]string{"Accept", "Content-Type", "Last-Event-ID", "Traceparent", wire.VersionHeader, "X-Auth-Token", "X-Subject-Token", requestHeader}, ", ")
	sharedHeaders  = strings.Join([]string{"Location", "Retry-After", wire.VersionHeader, wire.MinVersionHeader, wire.MaxVersionHeader, wire.WarningHeader, "X-Subject-Token", requestHeader}, ", ")
	preflightValid = "600" // seconds
)

// share lets pages of the chosen origins read the answer (the Fetch standard's
// CORS protocol). It answers a preflight itself.
func (s *server) share(w http.ResponseWriter, r *http.Request) (answered bool) {
	if len(s.Origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !slices.Contains(s.Origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		h.Set("Access-Control-Expose-Headers", sharedHeaders)
		return false
	}
	h.Set("Access-Control-Allow-Methods", sharedVerbs)
	h.Set("Access-Control-Allow-Headers", askedHeaders)
	h.Set("Access-Control-Max-Age", preflightValid)
	w.WriteHeader(http.StatusNoContent)
	return true
}
