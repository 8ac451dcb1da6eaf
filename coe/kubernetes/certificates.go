package kubernetes

import (
	"slices"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/coe"
	"github.com/jeroboam-cloud/jeroboam/node"
)

// Names of certificates, which are also the names of their files.
const (
	certKubelet       = "kubelet"
	certKubeletServer = "kubelet-server"
	certProxy         = "kube-proxy"
	certAPIServer     = "apiserver"
	certAPIKubelet    = "apiserver-kubelet-client"
	certAPIEtcd       = "apiserver-etcd-client"
	certFrontProxy    = "front-proxy-client"
	certEtcdServer    = "etcd-server"
	certEtcdPeer      = "etcd-peer"
	certControllers   = "controller-manager"
	certScheduler     = "scheduler"
	certAdmin         = "admin"
)

// userKubeletClient is who the API server is to the kubelets.
const userKubeletClient = "kube-apiserver-kubelet-client"

const loopback = "127.0.0.1"

// certificate fills in what follows from the name.
func certificate(c node.Certificate) node.Certificate {
	if c.Authority == "" {
		c.Authority = jeroboam.AuthorityMain
	}
	c.CertPath = pkiDir + "/" + c.Name + ".crt"
	c.KeyPath = pkiDir + "/" + c.Name + ".key"
	return c
}

// nodeCertificates are what every machine asks for: the subjects are those that
// the Node authorizer and the built-in role bindings know.
func nodeCertificates(m jeroboam.Machine) []node.Certificate {
	user, nodes := "system:node:"+m.Name, []string{"system:nodes"}
	return []node.Certificate{
		certificate(node.Certificate{Name: certKubelet, CommonName: user, Organization: nodes, Client: true}),
		certificate(node.Certificate{Name: certKubeletServer, CommonName: user, Organization: nodes,
			DNSNames: []string{m.Name}, IPs: []string{m.Status.Address}, Server: true}),
		certificate(node.Certificate{Name: certProxy, CommonName: "system:kube-proxy", Client: true}),
	}
}

// masterCertificates are what a control-plane machine asks for besides.
func masterCertificates(in coe.Input, s settings) []node.Certificate {
	m := in.Machine
	return []node.Certificate{
		apiServerCertificate(m, s, in.APIHost, in.APIInside, in.APIName),
		certificate(node.Certificate{Name: certAPIKubelet, CommonName: userKubeletClient, Client: true}),
		certificate(node.Certificate{Name: certFrontProxy, Authority: jeroboam.AuthorityFrontProxy, CommonName: certFrontProxy, Client: true}),
		etcdCertificate(certEtcdServer, m, loopback, m.Status.Address),
		etcdCertificate(certEtcdPeer, m, m.Status.Address),
		certificate(node.Certificate{Name: certAPIEtcd, Authority: jeroboam.AuthorityEtcd, CommonName: "kube-apiserver", Client: true}),
		certificate(node.Certificate{Name: certControllers, CommonName: "system:kube-controller-manager", Client: true}),
		certificate(node.Certificate{Name: certScheduler, CommonName: "system:kube-scheduler", Client: true}),
		certificate(node.Certificate{Name: certAdmin, CommonName: "jeroboam:" + m.Name, Organization: []string{"system:masters"}, Client: true}),
	}
}

// apiServerCertificate names every way to reach this API server.
func apiServerCertificate(m jeroboam.Machine, s settings, apiHosts ...string) node.Certificate {
	names := []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + clusterDomain, "localhost", m.Name}
	addresses := []string{m.Status.Address, loopback, s.apiService()}
	for _, host := range apiHosts {
		switch {
		case host == "" || slices.Contains(names, host) || slices.Contains(addresses, host):
		case isAddress(host):
			addresses = append(addresses, host)
		default:
			names = append(names, host)
		}
	}
	return certificate(node.Certificate{Name: certAPIServer, CommonName: "kube-apiserver", DNSNames: names, IPs: addresses, Server: true})
}

// etcdCertificate serves and calls: an etcd member's own gateway is a client of
// its server with the same certificate.
func etcdCertificate(name string, m jeroboam.Machine, addresses ...string) node.Certificate {
	return certificate(node.Certificate{Name: name, Authority: jeroboam.AuthorityEtcd, CommonName: m.Name,
		DNSNames: []string{"localhost", m.Name}, IPs: addresses, Server: true, Client: true})
}

// named finds a certificate; the lists above hold every name that is used.
func named(certificates []node.Certificate, name string) node.Certificate {
	return certificates[slices.IndexFunc(certificates, func(c node.Certificate) bool { return c.Name == name })]
}
