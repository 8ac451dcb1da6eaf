package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// join trades a token for an identity.
func (g *Gateway) join(w http.ResponseWriter, r *http.Request) {
	if !g.joins.take() {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "Too many machines join at once.", http.StatusTooManyRequests) // no log: that would be costly too
		return
	}
	// Not a ReadTimeout of the server: that would end streams too. A connection
	// that knows no deadlines is bounded by its pings.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(requestPatience))
	var request node.JoinRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxJoinBody)).Decode(&request); err != nil {
		g.refuse(w, r, "", jeroboam.Errorf(jeroboam.Invalid, "join", "The request cannot be read.").Wrap(err))
		return
	}
	certificate, err := g.admit(r.Context(), request)
	if err != nil {
		g.refuse(w, r, printable(request.Machine), err)
		return
	}
	g.Logger.Info("machine joined", "machine", request.Machine)
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(node.JoinResponse{Certificate: certificate}); err != nil {
		g.Logger.Debug("answer not sent", "machine", request.Machine, "err", err)
	}
}

// admit checks everything that costs nothing before the token is spent.
func (g *Gateway) admit(ctx context.Context, request node.JoinRequest) (string, error) {
	if request.Machine == "" || request.Token == "" {
		return "", jeroboam.Errorf(jeroboam.Invalid, "join", "A machine joins with its ID and its token.")
	}
	csr, err := parseRequest(request.CSR, request.Machine)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	err = g.Registry.Join(ctx, request.Machine, request.Token.Reveal(), fingerprint(csr.RawSubjectPublicKeyInfo))
	if err != nil {
		return "", err
	}
	return g.Authority.identity(csr, g.Now())
}

// printable cuts what a stranger calls itself to a length a log can take.
func printable(name string) string { return name[:min(len(name), 64)] }

// bundle serves one file of a bundle, whole or by range.
func (g *Gateway) bundle(w http.ResponseWriter, r *http.Request) {
	machine := caller(r)
	if machine == "" {
		g.refuse(w, r, "", noIdentity)
		return
	}
	g.file(w, r, machine, r.PathValue("digest"), r.PathValue("path"))
}

// firstAgent serves the agent itself to a machine that has none, and so no
// identity either: a program is no secret. An older one than is offered now
// serves a machine that was told of it, and then becomes the newer one.
func (g *Gateway) firstAgent(w http.ResponseWriter, r *http.Request) {
	if !g.joins.take() {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "Too many machines come at once.", http.StatusTooManyRequests)
		return
	}
	if g.Agent.Path == "" {
		http.Error(w, "There is no agent here.", http.StatusNotFound)
		return
	}
	g.file(w, r, "", r.PathValue("digest"), g.Agent.Path)
}

func (g *Gateway) file(w http.ResponseWriter, r *http.Request, machine, digest, path string) {
	dir, ok := g.Bundles(digest)
	if !ok {
		http.Error(w, "There is no such bundle here.", http.StatusNotFound)
		return
	}
	file, modified, err := openIn(dir, path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		http.Error(w, "The bundle has no such file.", http.StatusNotFound)
		return
	case err != nil:
		g.refuse(w, r, machine, jeroboam.Errorf(jeroboam.Forbidden, "bundle", "This file cannot be had.").Wrap(err))
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", modified, file)
}

// openIn opens a regular file under dir; no link leads out of it.
func openIn(dir, path string) (*os.File, time.Time, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, time.Time{}, err
	}
	defer root.Close()
	stat, err := root.Stat(path)
	if err != nil {
		return nil, time.Time{}, err
	}
	if !stat.Mode().IsRegular() { // before it is opened: a FIFO would block
		return nil, time.Time{}, os.ErrNotExist
	}
	file, err := root.Open(path)
	return file, stat.ModTime(), err
}
