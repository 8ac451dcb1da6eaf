package wire

import (
	"cmp"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// Certificate is a CA certificate, or a CSR with what was signed for it. The
// PEM has no newline at its end: clients encode it as it is.
type Certificate struct {
	ClusterUUID string `json:"cluster_uuid"`
	Links       []Link `json:"links"`
	PEM         string `json:"pem"`
	CSR         string `json:"csr,omitempty"`
	CACertType  string `json:"ca_cert_type,omitempty"`
}

// CertificateOf shows a certificate.
func (s Site) CertificateOf(cluster, pem string) Certificate {
	return Certificate{ClusterUUID: cluster, Links: s.links("certificates/" + cluster), PEM: strings.TrimRight(pem, "\r\n")}
}

// CertificateSign is the body of a signing request.
type CertificateSign struct {
	ClusterUUID string `json:"cluster_uuid"` // or a name
	CSR         string `json:"csr"`
	CACertType  string `json:"ca_cert_type,omitempty"`
}

const maxCSR = 64 << 10

// DecodeCertificate reads the body of a signing request.
func DecodeCertificate(body []byte) (CertificateSign, error) {
	o, err := readObject("certificate", body)
	if err != nil {
		return CertificateSign{}, err
	}
	if o.members["cluster_uuid"] == nil {
		o.members["cluster_uuid"] = o.member("bay_uuid") // its name before Magnum 17
	}
	o.ignored("bay_uuid")
	o.required("cluster_uuid")
	o.required("csr")
	o.readOnly("pem", "links")
	c := CertificateSign{ClusterUUID: value(o.text("cluster_uuid", longText)), CSR: value(o.text("csr", maxCSR)),
		CACertType: value(o.text("ca_cert_type", longText))}
	return c, o.done()
}

// Quota is a project's limit. A default one has neither id nor times. A limit of
// -1 is none. What is in use is not Magnum's.
type Quota struct {
	ID        int64  `json:"id,omitempty"`
	HardLimit int    `json:"hard_limit"`
	InUse     int    `json:"in_use"`
	ProjectID string `json:"project_id"`
	Resource  string `json:"resource"`
	CreatedAt *Time  `json:"created_at,omitempty"`
	UpdatedAt *Time  `json:"updated_at,omitempty"`
}

// Quotas is a page of quotas.
type Quotas struct {
	Items []Quota `json:"quotas"`
	Next  string  `json:"next,omitempty"`
}

// QuotaOf shows a quota; one of revision 0 is not stored but a default.
func QuotaOf(q jeroboam.Quota, inUse int) Quota {
	shown := Quota{HardLimit: q.HardLimit, InUse: inUse, ProjectID: q.Project, Resource: q.Resource}
	if q.Revision != 0 {
		shown.ID, shown.CreatedAt, shown.UpdatedAt = q.Seq, &Time{q.CreatedAt}, &Time{q.UpdatedAt}
	}
	return shown
}

// QuotaWrite is the body of a quota's creation or change.
type QuotaWrite struct {
	ProjectID string `json:"project_id,omitempty"`
	Resource  string `json:"resource,omitempty"`
	HardLimit int    `json:"hard_limit"`
}

// DecodeQuota reads the body of a quota's creation or change; resource is what
// the path names, if it does.
func DecodeQuota(body []byte, resource string) (QuotaWrite, error) {
	o, err := readObject("quota", body)
	if err != nil {
		return QuotaWrite{}, err
	}
	o.readOnly("created_at", "updated_at")
	o.ignored("id", "links")
	q := QuotaWrite{ProjectID: value(o.text("project_id", longText)), HardLimit: 1,
		Resource: value(o.word("resource", jeroboam.QuotaResources()...))}
	least := jeroboam.Unlimited
	if q.Resource = cmp.Or(q.Resource, resource, jeroboam.QuotaCluster); q.Resource == jeroboam.QuotaCluster {
		least = 0 // as Magnum has it
	}
	if n := o.number("hard_limit", least, anyInt); n != nil {
		q.HardLimit = *n
	}
	return q, o.done()
}

// Stats counts clusters, and their nodes of every role.
type Stats struct {
	Clusters int `json:"clusters"`
	Nodes    int `json:"nodes"`
}

// Services lists the processes of the service.
type Services struct {
	Items []Service `json:"mservices"`
}

// Service is one process of the service.
type Service struct {
	Host           string  `json:"host"`
	Binary         string  `json:"binary"`
	State          string  `json:"state"`
	ID             int     `json:"id"`
	ReportCount    int     `json:"report_count"`
	Disabled       bool    `json:"disabled"`
	DisabledReason *string `json:"disabled_reason"`
	CreatedAt      Time    `json:"created_at"`
	UpdatedAt      Time    `json:"updated_at"`
}
