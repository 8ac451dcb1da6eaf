package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

const (
	requestHeader = "X-Openstack-Request-Id"
	maxRequestID  = 64
)

// observe gives each request an id and one line in the log, and turns a panic
// into a 500.
func (s *server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, x, end := s.begin(r)
		w.Header().Set(requestHeader, x.ID)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		rec := &recorder{ResponseWriter: w, exchange: x}
		defer func() {
			if p := recover(); p != nil {
				s.panicked(rec, x, p)
			}
			end()
			s.log(r.Context(), x)
		}()
		next.ServeHTTP(rec, r)
	})
}

func (s *server) panicked(w *recorder, x *Exchange, p any) {
	x.Err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	if !w.wrote {
		s.writeError(w, x.Err)
	}
}

// log writes the line: an error of ours or of what we depend on is an error.
func (s *server) log(ctx context.Context, x *Exchange) {
	level := slog.LevelInfo
	attrs := []slog.Attr{slog.String("request", x.ID), slog.String("method", x.Request.Method), slog.String("path", x.Request.URL.Path),
		slog.Int("status", x.Status), slog.Duration("dur", x.Duration)}
	for _, a := range []slog.Attr{slog.String("client", x.Address()), slog.String("global", x.Global), slog.String("project", x.Caller.ProjectID), slog.String("user", x.Caller.UserID)} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	if x.Err != nil {
		cause := jeroboam.CauseOf(x.Err)
		attrs = append(attrs, slog.String("kind", string(cause.Kind)), slog.String("reason", cause.Reason))
		if x.Status >= http.StatusInternalServerError {
			level = slog.LevelError
			attrs = append(attrs, slog.String("err", x.Err.Error()))
		}
	}
	s.Logger.LogAttrs(ctx, level, "request", attrs...)
}

func newRequestID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails since Go 1.24
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("req-%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// cleanID is the client's request id if it looks like one: it goes to the log.
func cleanID(id string) string {
	if len(id) > maxRequestID {
		return ""
	}
	for _, c := range id {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return ""
		}
	}
	return id
}

// recorder notes the status that was written.
type recorder struct {
	http.ResponseWriter
	exchange *Exchange
	wrote    bool
}

func (w *recorder) WriteHeader(status int) {
	if !w.wrote {
		w.wrote, w.exchange.Status = true, status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	w.wrote = true
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// serve finds the route, lets the caller in and writes the answer.
func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	if s.share(w, r) {
		return
	}
	x := exchangeOf(r.Context())
	rep, err := s.answer(w, r, x)
	switch {
	case err != nil:
		x.Err = err
		if jeroboam.KindOf(err) == jeroboam.Unauthenticated {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf("Keystone uri=%q", s.identityURL(r)))
		}
		s.writeError(w, err)
	case rep.stream != nil:
		x.Err = rep.stream(w)
	default:
		x.Made = rep.made
		s.write(w, rep)
	}
}

func (s *server) answer(w http.ResponseWriter, r *http.Request, x *Exchange) (reply, error) {
	if s.Identity != nil && (r.URL.Path == IdentityRoute || strings.HasPrefix(r.URL.Path, IdentityRoute+"/")) {
		x.Route = IdentityRoute
		return s.identify(r), s.admitStranger(x)
	}
	path, sound := segments(r)
	if !sound {
		return reply{}, notFound
	}
	older := today(path)
	rt, vars, verbs := match(s.routes, r.Method, path)
	if rt != nil {
		x.Route, x.Vars = rt.path, vars
	}
	caller, err := s.enter(r, x, rt)
	switch {
	case err != nil:
		return reply{}, err
	case rt == nil && len(verbs) > 0:
		w.Header().Set("Allow", strings.Join(verbs, ", "))
		return reply{}, &wire.StatusError{Status: http.StatusMethodNotAllowed}
	case rt == nil:
		return reply{}, notFound
	}
	return s.dispatch(w, r, rt, &request{caller: caller, vars: vars, older: older, exchange: x})
}

// identify leaves the request to the service's own Keystone.
func (s *server) identify(r *http.Request) reply {
	return reply{stream: func(w http.ResponseWriter) error {
		defer s.hurry(w)()
		http.StripPrefix(IdentityRoute, s.Identity).ServeHTTP(w, r)
		return nil
	}}
}

// enter identifies the caller; a public route needs none. Who may not come in
// is counted by address, everybody else by project; a health check is free.
func (s *server) enter(r *http.Request, x *Exchange, rt *route) (jeroboam.Caller, error) {
	if rt != nil && rt.public {
		if rt.free {
			return anonymous(r.Context()), nil
		}
		return anonymous(r.Context()), s.admitStranger(x)
	}
	caller, err := s.Auth.Authenticate(r.Context(), r.Header.Get("X-Auth-Token"))
	if jeroboam.KindOf(err) == jeroboam.Unauthenticated {
		if limited := s.admitStranger(x); limited != nil {
			return caller, limited
		}
	}
	if err != nil {
		return caller, fmt.Errorf("authenticate: %w", err)
	}
	caller.RequestID, caller.Trace = x.ID, x.Trace
	x.Caller = caller
	return caller, s.admit(caller)
}

// dispatch settles the version, reads the body and calls the handler.
func (s *server) dispatch(w http.ResponseWriter, r *http.Request, rt *route, req *request) (reply, error) {
	if rt.secret {
		w.Header().Set("Cache-Control", "no-store")
	}
	version := wire.MinVersion
	if strings.HasPrefix(rt.path, "/v1") {
		var err error
		if version, err = settleVersion(w.Header(), r); err != nil {
			return reply{}, err
		}
	}
	if version < rt.since {
		return reply{}, wire.Unversioned(version, rt.method)
	}
	if req.older && version > wire.VersionBays {
		return reply{}, notFound
	}
	req.query, req.site, req.after = r.URL.Query(), s.siteOf(r, version), r.Header.Get("Last-Event-ID")
	if err := wire.CheckArgs(req.query, rt.arguments()); err != nil {
		return reply{}, err
	}
	req.connection = r.Context()
	ctx, stop := context.WithTimeout(req.connection, s.Timeout)
	req.Request = r.WithContext(ctx)
	rep, err := s.handle(w, req, rt)
	stop()
	if errors.Is(err, context.DeadlineExceeded) {
		err = jeroboam.Errorf(jeroboam.Timeout, "timeout", "The request took longer than %s.", s.Timeout).Wrap(err)
	}
	return rep, err
}

func (s *server) handle(w http.ResponseWriter, req *request, rt *route) (reply, error) {
	var err error
	if req.body, err = s.readBody(w, req.Request); err != nil {
		return reply{}, err
	}
	if req.older {
		req.body = wire.FromBay(req.body)
	}
	if dry, err := req.flag(wire.DryRunArg); dry || err != nil {
		if err != nil {
			return reply{}, err
		}
		req.exchange.Rehearsal = true
		return s.rehearse(rt, req)
	}
	rep, err := rt.do(s, req)
	if err == nil && req.older {
		return s.asBay(req, rep)
	}
	return rep, err
}

// settleVersion reads the version that the client asks for and repeats it with
// the range there is, also when it lies outside.
func settleVersion(h http.Header, r *http.Request) (wire.Version, error) {
	v, err := wire.ParseVersion(r.Header.Get(wire.VersionHeader))
	asked := v.Header()
	var outside *wire.VersionError
	switch {
	case errors.As(err, &outside):
		asked = outside.Header()
	case err != nil:
		return v, err
	}
	h.Set(wire.MinVersionHeader, wire.MinVersion.Header())
	h.Set(wire.MaxVersionHeader, wire.MaxVersion.Header())
	h.Set(wire.VersionHeader, asked)
	h.Add("Vary", wire.VersionHeader)
	return v, err
}

func (s *server) write(w http.ResponseWriter, rep reply) {
	if rep.location != "" {
		w.Header().Set("Location", rep.location)
	}
	for _, text := range rep.warnings {
		w.Header().Add(wire.WarningHeader, wire.Warning(text))
	}
	if rep.body == nil {
		w.WriteHeader(rep.status)
		return
	}
	var data bytes.Buffer
	out := json.NewEncoder(&data)
	out.SetEscapeHTML(false) // the links of next have an &
	if err := out.Encode(rep.body); err != nil {
		s.writeError(w, fmt.Errorf("encode the answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(rep.status)
	// A client that went away is no error of ours.
	_, _ = w.Write(data.Bytes())
}

func (s *server) writeError(w http.ResponseWriter, err error) {
	status, body := wire.EncodeError(err, w.Header().Get(requestHeader))
	var framework *wire.StatusError
	switch {
	case errors.As(err, &framework) && framework.RetryAfter > 0:
		w.Header().Set("Retry-After", strconv.Itoa(framework.RetryAfter))
	case status == http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	}
	s.write(w, reply{status: status, body: body})
}
