package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
	"github.com/jeroboam-cloud/jeroboam/service/access"
)

// request is what a handler works from.
type request struct {
	*http.Request
	caller jeroboam.Caller
	vars   map[string]string
	query  url.Values
	body   []byte
	site   wire.Site
	after  string // Last-Event-ID
	older  bool   // asked for as bays or baymodels
	// connection ends when the client goes away; the request's own context ends
	// with its time limit, which a stream does not have.
	connection context.Context
	exchange   *Exchange
}

// reply is a handler's answer: a body as JSON, nothing, or a stream.
type reply struct {
	status   int
	body     any
	made     string // ID of what a POST has made
	location string
	warnings []string // see wire.WarningHeader
	stream   func(http.ResponseWriter) error
}

func ok(body any) (reply, error)       { return reply{status: http.StatusOK, body: body}, nil }
func accepted(body any) (reply, error) { return reply{status: http.StatusAccepted, body: body}, nil }

// done answers a delete.
func done(err error) (reply, error) { return reply{status: http.StatusNoContent}, err }

// flag reads a query argument that is a boolean; false if it is not given.
func (r *request) flag(name string) (bool, error) {
	v, known := wire.Bool(r.query.Get(name))
	if r.query.Has(name) && !known {
		return false, jeroboam.Errorf(jeroboam.Invalid, name, "Invalid input for field/attribute %s. Value should be a boolean", name)
	}
	return v, nil
}

// detailed tells whether a list is asked for in full.
func (r *request) detailed() bool {
	path := split(r.URL.Path)
	return path[len(path)-1] == "detail"
}

// page is a page as the service asks for it.
func (r *request) page(p wire.Page) access.Page {
	return access.Page{Limit: p.Limit, Marker: p.Marker, Sort: p.Sort, Desc: p.Desc, Detail: r.detailed()}
}

// collection is the path of a list, which stays in its detailed form from page
// to page.
func (r *request) collection(name string) string {
	if r.detailed() {
		return name + "/detail"
	}
	return name
}

// segments are the parts of the request's path with /v1 put in front where the
// client left it out.
func segments(r *http.Request) ([]string, bool) {
	raw := split(r.URL.EscapedPath())
	out := make([]string, 0, len(raw)+1)
	for _, s := range raw {
		text, err := url.PathUnescape(s)
		if err != nil || text == "" {
			return nil, false
		}
		out = append(out, text)
	}
	if len(out) > 0 && out[0] != "v1" && out[0] != "healthcheck" {
		out = slices.Insert(out, 0, "v1")
	}
	// Magnum knows a collection's detail without a slash only.
	if n := len(out); n == 3 && out[2] == "detail" && strings.HasSuffix(r.URL.Path, "/") {
		return nil, false
	}
	return out, true
}

// hurry limits the time for reading the body: a client that sends it drop by
// drop must not hold a handler. What it returns takes the limit away, because a
// stream reads on to notice its end.
func (s *server) hurry(w http.ResponseWriter) (calm func()) {
	control := http.NewResponseController(w)
	if control.SetReadDeadline(time.Now().Add(s.Timeout)) != nil {
		return func() {}
	}
	return func() { _ = control.SetReadDeadline(time.Time{}) }
}

// readBody reads a JSON body. An empty one may have any media type.
func (s *server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	defer s.hurry(w)()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.MaxBody))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, &wire.StatusError{Status: http.StatusRequestEntityTooLarge, Detail: "The request's body is too long."}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &wire.StatusError{Status: http.StatusRequestTimeout, Detail: "The request's body did not come in time."}
	case err != nil:
		return nil, jeroboam.Errorf(jeroboam.Invalid, "body", "The request's body could not be read.").Wrap(err)
	case len(body) == 0:
		return nil, nil
	}
	given := r.Header.Get("Content-Type")
	if given == "" {
		return body, nil
	}
	kind, _, err := mime.ParseMediaType(given)
	if err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")) {
		return body, nil
	}
	return nil, &wire.StatusError{Status: http.StatusUnsupportedMediaType, Detail: "Unknown mimetype: " + given}
}

func (s *server) identityURL(r *http.Request) string {
	if s.IdentityURL != "" {
		return s.IdentityURL
	}
	return s.siteOf(r, wire.MinVersion).URL + "/identity/v3"
}
