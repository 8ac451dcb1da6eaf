package api

import (
	"io"
	"net/http"
)

func root(_ *server, r *request) (reply, error) { return ok(r.site.Root()) }
func v1(_ *server, r *request) (reply, error)   { return ok(r.site.V1()) }

// healthcheck tells a balancer whether to send requests here: not to a service
// that is about to end.
func healthcheck(s *server, _ *request) (reply, error) {
	status, text := http.StatusOK, "OK"
	select {
	case <-s.Stopping:
		status, text = http.StatusServiceUnavailable, "STOPPING"
	default:
	}
	return reply{stream: func(w http.ResponseWriter) error {
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		w.WriteHeader(status)
		_, err := io.WriteString(w, text)
		return err
	}}, nil
}
