package wire

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// StatusError is an answer of the HTTP framework itself: no such path, wrong
// verb, wrong media type, wrong version.
type StatusError struct {
	Status     int
	Detail     string
	Reason     string // "" says no more than the status
	Remedy     string
	RetryAfter int // seconds; 0: not told
}

// Unwrap lets others see its kind.
func (e *StatusError) Unwrap() error {
	return &jeroboam.Error{Kind: kindOf(e.Status), Reason: cmp.Or(e.Reason, "http"), Detail: e.Error(), Remedy: e.Remedy}
}

func (e *StatusError) Error() string {
	if e.Detail != "" {
		return e.Detail
	}
	return http.StatusText(e.Status)
}

// NotAcceptable is a 406 of the ordinary error shape.
func NotAcceptable(detail string) error {
	return &StatusError{Status: http.StatusNotAcceptable, Detail: detail}
}

// Errors is the body of every failed request but a 401.
type Errors struct {
	Errors []Error `json:"errors"`
}

// Error is one error as a client reads it. Kind, Reason and Remedy are ours; the
// rest is the shape of the OpenStack API working group.
type Error struct {
	RequestID   string        `json:"request_id"`
	Code        string        `json:"code"`
	Status      int           `json:"status"`
	Title       string        `json:"title"`
	Detail      string        `json:"detail"`
	Description string        `json:"description,omitempty"` // of an unsupported version only
	Links       []Link        `json:"links"`
	Kind        jeroboam.Kind `json:"kind,omitempty"`
	Reason      string        `json:"reason,omitempty"`
	Remedy      string        `json:"remedy,omitempty"`
}

// Unauthorized is the body of a 401, which Magnum leaves to Keystone's middleware.
type Unauthorized struct {
	Error UnauthorizedError `json:"error"`
}

// UnauthorizedError is what stands in an Unauthorized.
type UnauthorizedError struct {
	Code    int    `json:"code"`
	Title   string `json:"title"`
	Message string `json:"message"`
}

// VersionErrors is the body of a 406 for a microversion outside the range.
type VersionErrors struct {
	Errors []VersionRefusal `json:"errors"`
}

// VersionRefusal is what stands in VersionErrors.
type VersionRefusal struct {
	Code        string `json:"code"`
	Title       string `json:"title"`
	Description string `json:"description"`
	MaxVersion  string `json:"max_version"`
	MinVersion  string `json:"min_version"`
	Links       []Link `json:"links"`
}

// statuses is the one translation of kinds to HTTP. Quota is 403 and an
// operation that the driver cannot do is 400, as Magnum has them.
var statuses = map[jeroboam.Kind]int{
	jeroboam.Invalid:         http.StatusBadRequest,
	jeroboam.Unauthenticated: http.StatusUnauthorized,
	jeroboam.Forbidden:       http.StatusForbidden,
	jeroboam.NotFound:        http.StatusNotFound,
	jeroboam.Conflict:        http.StatusConflict,
	jeroboam.QuotaExceeded:   http.StatusForbidden,
	jeroboam.Unsupported:     http.StatusBadRequest,
	jeroboam.Unavailable:     http.StatusServiceUnavailable,
	jeroboam.Timeout:         http.StatusGatewayTimeout,
	jeroboam.Internal:        http.StatusInternalServerError,
}

// EncodeError returns the status and the body that tell a client of err. The
// text of an error that is not ours never leaves the service.
func EncodeError(err error, requestID string) (int, any) {
	var version *VersionError
	var framework *StatusError
	switch {
	case errors.As(err, &version):
		return http.StatusNotAcceptable, versionBody(version)
	case errors.As(err, &framework):
		return framework.Status, frameworkBody(framework, requestID)
	}
	cause := jeroboam.CauseOf(err)
	status, known := statuses[cause.Kind]
	if !known {
		status = http.StatusInternalServerError
	}
	if status == http.StatusUnauthorized {
		return status, Unauthorized{UnauthorizedError{status, "Unauthorized",
			"The request you have made requires authentication."}}
	}
	return status, Errors{[]Error{{
		RequestID: requestID, Code: side(status), Status: status, Title: title(cause.Detail), Detail: cause.Detail,
		Reason: cause.Reason, Remedy: cause.Remedy, Kind: cause.Kind, Links: []Link{},
	}}}
}

func side(status int) string {
	if status >= http.StatusInternalServerError {
		return "server"
	}
	return "client"
}

// title is the first sentence of the detail: all that some clients show.
// Magnum cuts at the first dot, which maims versions and addresses.
func title(detail string) string {
	before, _, _ := strings.Cut(detail, ". ")
	return strings.TrimSuffix(before, ".")
}

func frameworkBody(e *StatusError, requestID string) Errors {
	heading, code := http.StatusText(e.Status), side(e.Status)
	if e.Detail != "" {
		heading = title(e.Detail)
	}
	switch e.Status { // of which Magnum's own code does not know
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable:
		code = ""
	}
	return Errors{[]Error{{RequestID: requestID, Code: code, Status: e.Status, Title: heading, Detail: e.Detail,
		Reason: e.Reason, Remedy: e.Remedy, Links: []Link{}}}}
}

func versionBody(e *VersionError) VersionErrors {
	return VersionErrors{[]VersionRefusal{{
		Code: "magnum.microversion-unsupported", Title: "Requested microversion is unsupported",
		Description: e.Error(), MaxVersion: MaxVersion.String(), MinVersion: MinVersion.String(),
		Links: []Link{{Rel: "help", Href: "http://docs.openstack.org/api-guide/compute/microversions.html"}},
	}}}
}

// DecodeError turns the body of a failed answer back into an Error, for a
// client. A body of another shape still gives the kind of its status.
func DecodeError(status int, body []byte) *jeroboam.Error {
	var many Errors
	if json.Unmarshal(body, &many) == nil && len(many.Errors) > 0 {
		return decodeOne(status, many.Errors[0])
	}
	var denied Unauthorized
	if json.Unmarshal(body, &denied) == nil && denied.Error.Message != "" {
		return &jeroboam.Error{Kind: kindOf(status), Reason: "http", Detail: denied.Error.Message}
	}
	return jeroboam.Errorf(kindOf(status), "http", "The service answered %d %s.", status, http.StatusText(status))
}

func decodeOne(status int, e Error) *jeroboam.Error {
	out := &jeroboam.Error{Kind: e.Kind, Reason: e.Reason, Detail: e.Description, Remedy: e.Remedy}
	if _, known := statuses[e.Kind]; !known {
		out.Kind = kindOf(status)
	}
	if e.Detail != "" {
		out.Detail = e.Detail
	}
	if out.Detail == "" {
		out.Detail = e.Title
	}
	return out
}

func kindOf(status int) jeroboam.Kind {
	switch {
	case status == http.StatusUnauthorized:
		return jeroboam.Unauthenticated
	case status == http.StatusForbidden:
		return jeroboam.Forbidden
	case status == http.StatusNotFound:
		return jeroboam.NotFound
	case status == http.StatusConflict:
		return jeroboam.Conflict
	case status == http.StatusGatewayTimeout:
		return jeroboam.Timeout
	case status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests:
		return jeroboam.Unavailable
	case status >= http.StatusInternalServerError:
		return jeroboam.Internal
	}
	return jeroboam.Invalid
}
