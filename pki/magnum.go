package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
)

// Extensions that Magnum knows by name; see its [x509]allowed_extensions.
var (
	oidKeyUsage         = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidExtendedKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}
	oidSubjectAltName   = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidSubjectKeyID     = asn1.ObjectIdentifier{2, 5, 29, 14}
)

// SignCSR signs a caller's own CSR as Magnum does: subject unchanged, wanted
// extensions kept where the policy allows, everything else dropped, and what is
// critical and forbidden refused. Who may ask for which subject is decided by
// the caller of SignCSR. The answer is PEM without a trailing newline; what is
// wrong with the CSR is jeroboam.Invalid, in Magnum's words.
func (i *Issuer) SignCSR(csrPEM string, now time.Time, life time.Duration) (string, error) {
	csr, err := ParseCSR(csrPEM)
	if err != nil {
		return "", err
	}
	extensions, err := permitted(csr.Extensions)
	if err != nil {
		return "", err
	}
	signed, err := i.sign(&x509.Certificate{RawSubject: csr.RawSubject, ExtraExtensions: extensions}, csr.PublicKey, now, life)
	if err != nil {
		return "", err
	}
	// Extensions are copied as they came: one that is no good shows here.
	if _, err := ParseCertificate(signed); err != nil {
		return "", invalidCSR(csrPEM).Wrap(err)
	}
	return Trim(signed), nil
}

// permitted applies the policy to the extensions of a CSR.
func permitted(wanted []pkix.Extension) ([]pkix.Extension, error) {
	var kept []pkix.Extension
	for _, extension := range wanted {
		keep, ok, err := permit(extension)
		if err != nil {
			return nil, err
		}
		if ok {
			kept = append(kept, keep)
		}
	}
	return kept, nil
}

// permit returns the extension as it may be signed; ok false drops it.
func permit(e pkix.Extension) (kept pkix.Extension, ok bool, err error) {
	switch {
	case e.Id.Equal(oidExtendedKeyUsage), e.Id.Equal(oidSubjectAltName):
		return e, true, nil
	case e.Id.Equal(oidKeyUsage):
		return permitKeyUsage(e)
	case e.Id.Equal(oidBasicConstraints):
		return permitBasicConstraints(e)
	case e.Id.Equal(oidSubjectKeyID):
		return e, false, nil // we compute it from the key
	case e.Critical:
		return e, false, forbidden(e)
	}
	return e, false, nil
}

// allowedKeyUsage are the bits a leaf may carry, numbered as in RFC 5280:
// digitalSignature, contentCommitment and keyEncipherment.
var allowedKeyUsage = [3]int{0, 1, 2}

func permitKeyUsage(e pkix.Extension) (pkix.Extension, bool, error) {
	var wanted asn1.BitString
	if rest, err := asn1.Unmarshal(e.Value, &wanted); err != nil || len(rest) > 0 {
		return e, false, malformed(e)
	}
	var allowed asn1.BitString
	allowed.Bytes = []byte{0}
	for _, bit := range allowedKeyUsage {
		if wanted.At(bit) == 1 {
			allowed.Bytes[0] |= 0x80 >> bit
			allowed.BitLength = bit + 1
		}
	}
	if !sameBits(wanted, allowed) && e.Critical {
		return e, false, forbidden(e)
	}
	value, err := asn1.Marshal(allowed)
	if err != nil {
		return e, false, fmt.Errorf("encode key usage: %w", err)
	}
	return pkix.Extension{Id: e.Id, Critical: e.Critical, Value: value}, allowed.BitLength > 0, nil
}

func sameBits(a, b asn1.BitString) bool {
	for bit := range max(a.BitLength, b.BitLength) {
		if a.At(bit) != b.At(bit) {
			return false
		}
	}
	return true
}

// basicConstraints is RFC 5280 section 4.2.1.9.
type basicConstraints struct {
	IsCA       bool `asn1:"optional"`
	MaxPathLen int  `asn1:"optional,default:-1"`
}

func permitBasicConstraints(e pkix.Extension) (pkix.Extension, bool, error) {
	var wanted basicConstraints
	if rest, err := asn1.Unmarshal(e.Value, &wanted); err != nil || len(rest) > 0 {
		return e, false, malformed(e)
	}
	if wanted.IsCA && e.Critical {
		return e, false, forbidden(e)
	}
	value, err := asn1.Marshal(basicConstraints{MaxPathLen: -1})
	if err != nil {
		return e, false, fmt.Errorf("encode basic constraints: %w", err)
	}
	return pkix.Extension{Id: e.Id, Critical: e.Critical, Value: value}, true, nil
}

// forbidden is Magnum's sentence.
func forbidden(e pkix.Extension) *jeroboam.Error {
	return jeroboam.Errorf(jeroboam.Invalid, "csr", "Extension '%s' not allowed", describe(e))
}

func malformed(e pkix.Extension) *jeroboam.Error {
	return jeroboam.Errorf(jeroboam.Invalid, "csr", "Extension '%s' is malformed.", describe(e))
}

func describe(e pkix.Extension) string {
	name := "Unknown OID"
	switch {
	case e.Id.Equal(oidKeyUsage):
		name = "keyUsage"
	case e.Id.Equal(oidBasicConstraints):
		name = "basicConstraints"
	}
	critical := "False"
	if e.Critical {
		critical = "True"
	}
	return fmt.Sprintf("<Extension(oid=<ObjectIdentifier(oid=%s, name=%s)>, critical=%s)>", e.Id, name, critical)
}
