package api

import (
	"io"
	"net/http"

	"github.com/jeroboam-cloud/jeroboam/api/wire"
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

// federations tells that there are none.
func federations(_ *server, r *request) (reply, error) {
	_, err := wire.DecodePage(r.query)
	return reply{status: http.StatusOK, body: wire.Federations{Items: []struct{}{}}}, err
}
