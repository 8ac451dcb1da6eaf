package agent

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// signer has certificates signed over whatever stream there is: a request that
// a stream took with it is sent again over the next.
type signer struct {
	mu      sync.Mutex
	pending map[string]*signing // by name
	send    func(node.ToService) error
}

type signing struct {
	request node.SignRequest
	public  []byte // DER of the public key that is to be signed
	answer  chan node.SignResponse
}

func newSigner() *signer { return &signer{pending: map[string]*signing{}} }

// sign waits for the answer as long as ctx lets it. One request of a name at a time.
func (s *signer) sign(ctx context.Context, request node.SignRequest) (string, error) {
	public, err := requestKey(request.CSR)
	if err != nil {
		return "", err
	}
	p := &signing{request: request, public: public, answer: make(chan node.SignResponse, 1)}
	s.mu.Lock()
	s.pending[request.Name] = p
	s.transmit(p)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.pending[request.Name] == p {
			delete(s.pending, request.Name)
		}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case answer := <-p.answer:
		if answer.Error != "" {
			return "", jeroboam.Errorf(jeroboam.Forbidden, "certificate",
				"The service did not sign the certificate %q: %s", request.Name, answer.Error)
		}
		return answer.Certificate, nil
	}
}

// transmit sends a request if there is a stream; one that breaks is replaced,
// and the request sent again. The caller holds mu.
func (s *signer) transmit(p *signing) {
	if s.send != nil {
		_ = s.send(node.ToService{Sign: &p.request})
	}
}

// attach gives the signer a stream, nil when it has ended.
func (s *signer) attach(send func(node.ToService) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.send = send
	for _, p := range s.pending {
		s.transmit(p)
	}
}

// deliver passes an answer on. One for a key that is asked for no more is dropped.
func (s *signer) deliver(answer node.SignResponse) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pending[answer.Name]
	if p == nil || (answer.Error == "" && !bytes.Equal(certificateKey(answer.Certificate), p.public)) {
		return
	}
	delete(s.pending, answer.Name)
	p.answer <- answer
}

func requestKey(csr string) ([]byte, error) {
	block, _ := pem.Decode([]byte(csr))
	if block == nil {
		return nil, errors.New("certificate request: not PEM")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certificate request: %w", err)
	}
	return request.RawSubjectPublicKeyInfo, nil
}

// certificateKey is the DER of a certificate's public key, nil when there is none.
func certificateKey(certificate string) []byte {
	block, _ := pem.Decode([]byte(certificate))
	if block == nil {
		return nil
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return leaf.RawSubjectPublicKeyInfo
}
