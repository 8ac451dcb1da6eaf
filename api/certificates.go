package api

import (
	"net/http"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

func showCertificate(s *server, r *request) (reply, error) {
	a, err := s.Service.Authority(r.Context(), r.caller, r.vars["cluster"], r.query.Get("ca_cert_type"))
	if err != nil {
		return reply{}, err
	}
	return ok(r.site.CertificateOf(a.Cluster, a.Trust()))
}

func signCertificate(s *server, r *request) (reply, error) {
	in, err := wire.DecodeCertificate(r.body)
	if err != nil {
		return reply{}, err
	}
	a, pem, err := s.Service.Sign(r.Context(), r.caller, in.ClusterUUID, in.CACertType, []byte(in.CSR))
	if e, is := jeroboam.AsError(err); is && e.Kind == jeroboam.NotFound {
		return reply{}, invalid(e)
	}
	if err != nil {
		return reply{}, err
	}
	signed := r.site.CertificateOf(a.Cluster, pem)
	signed.CSR, signed.CACertType = in.CSR, in.CACertType
	return reply{status: http.StatusCreated, body: signed, made: a.Cluster}, nil
}

func rotateCertificate(s *server, r *request) (reply, error) {
	c, err := s.Service.RotateAuthority(r.Context(), r.caller, r.vars["cluster"], r.query.Get("ca_cert_type"))
	if err != nil {
		return reply{}, err
	}
	return accepted(wire.UUID{UUID: c.ID})
}

func rotateCredential(s *server, r *request) (reply, error) {
	c, err := s.Service.RotateCredential(r.Context(), r.caller, r.vars["cluster"])
	if err != nil {
		return reply{}, err
	}
	return accepted(wire.UUID{UUID: c.ID})
}
