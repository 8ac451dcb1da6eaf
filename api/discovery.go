package api

import (
	"io"
	"net/http"
)

func root(_ *server, r *request) (reply, error) { return ok(r.site.Root()) }
func v1(_ *server, r *request) (reply, error)   { return ok(r.site.V1()) }

func healthcheck(*server, *request) (reply, error) {
	return reply{stream: func(w http.ResponseWriter) error {
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		_, err := io.WriteString(w, "OK")
		return err
	}}, nil
}
