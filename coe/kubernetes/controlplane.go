package kubernetes

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/node"
)

const (
	controlPlaneFile      = configDir + "/controlplane.yaml"
	encryptionFile        = configDir + "/encryption.yaml"
	etcdFile              = configDir + "/etcd.yaml"
	adminKubeconfig       = configDir + "/admin.conf"
	controllersKubeconfig = configDir + "/controller-manager.conf"
	schedulerKubeconfig   = configDir + "/scheduler.conf"
	accountKeyFile        = pkiDir + "/service-account.key"
	accountPublicFile     = pkiDir + "/service-account.pub"
)

// addControlPlane adds what only a control-plane machine runs.
func (m machine) addControlPlane(config node.Config) (node.Config, error) {
	masters, err := m.masters()
	if err != nil {
		return node.Config{}, err
	}
	files, err := m.controlPlaneFiles(masters)
	if err != nil {
		return node.Config{}, err
	}
	config.APIPort = APIPort
	config.Directories = append(config.Directories, node.Directory{Path: etcdData, Mode: 0o700})
	config.Files = append(config.Files, files...)
	config.Services = append([]node.Service{m.controlPlane()}, config.Services...)
	config.Files = append(config.Files, m.keystoneFiles()...)
	config = m.addAutoscaler(config)
	config.Tasks = append(config.Tasks, m.roleTask())
	if masters[0].ID != m.Machine.ID {
		return config, nil
	}
	config.Tasks = append(config.Tasks, m.addonsTask())
	return m.addChosen(config)
}

// masters are the control-plane machines, oldest first. All their addresses
// must be known: the first members of etcd are told of each other.
func (m machine) masters() ([]jeroboam.Machine, error) {
	var masters []jeroboam.Machine
	for _, other := range m.Machines {
		switch {
		case !other.IsMaster():
			continue
		case other.Status.Address == "":
			return nil, jeroboam.Errorf(jeroboam.Unavailable, "address", "The machine %s has no address yet.", other.Name)
		}
		masters = append(masters, other)
	}
	if !slices.ContainsFunc(masters, func(other jeroboam.Machine) bool { return other.ID == m.Machine.ID }) {
		return nil, fmt.Errorf("machine %s is not among the machines of its cluster", m.Machine.Name)
	}
	slices.SortFunc(masters, func(a, b jeroboam.Machine) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Name, b.Name))
	})
	return masters, nil
}

// controlPlane is etcd, the API server, the controller manager and the
// scheduler in one process. It is ready when its API server is.
//
// Certificates are not watched: all four read renewed ones by themselves, and a
// restart of every control plane at once is an outage. Those of another authority
// come by turns, and then the environment changes.
func (m machine) controlPlane() node.Service {
	env := m.environment(jeroboam.AuthorityMain, jeroboam.AuthorityEtcd, jeroboam.AuthorityFrontProxy)
	delete(env, "GOGC") // the process chooses its own
	return node.Service{
		Name:    serviceControlPlane,
		Command: []string{"controlplane", "--config=" + controlPlaneFile},
		Env:     env,
		Ready:   m.apiReady(),
		Watch:   []string{controlPlaneFile, encryptionFile, accountKeyFile, controllersKubeconfig, schedulerKubeconfig, caFile, etcdCAFile, frontProxyCAFile},
		Stop:    10 * time.Second,
	}
}

func (m machine) controlPlaneFiles(masters []jeroboam.Machine) ([]node.File, error) {
	etcdCA, err := m.authority(jeroboam.AuthorityEtcd, etcdCAFile)
	if err != nil {
		return nil, err
	}
	frontProxyCA, err := m.authority(jeroboam.AuthorityFrontProxy, frontProxyCAFile)
	if err != nil {
		return nil, err
	}
	secrets, err := m.secretFiles()
	if err != nil {
		return nil, err
	}
	local := apiURL(loopback)
	return append(secrets, etcdCA, frontProxyCA,
		m.etcdConfig(masters),
		m.controlPlaneConfig(masters),
		kubeconfig(adminKubeconfig, local, named(m.certificates, certAdmin)),
		kubeconfig(controllersKubeconfig, local, named(m.certificates, certControllers)),
		kubeconfig(schedulerKubeconfig, local, named(m.certificates, certScheduler)),
	), nil
}

// controlPlaneConfig is the file of distro/kubernetes' controlplane program.
func (m machine) controlPlaneConfig(masters []jeroboam.Machine) node.File {
	config := object{
		"etcd":              etcdFile,
		"apiserver":         m.apiServerFlags(),
		"controllerManager": m.controllerFlags(),
		"scheduler":         m.schedulerFlags(),
		"leaderElect":       len(masters) > 1,
	}
	if m.VirtualAddress != "" {
		// The administrator's kubeconfig: roles of its own would come too late,
		// by the API server that is waited for.
		config["virtualAddress"] = object{"address": m.VirtualAddress, "node": m.Machine.Status.Address, "kubeconfig": adminKubeconfig}
	}
	return jsonFile(controlPlaneFile, config)
}

// secretFiles hold the cluster's secrets.
func (m machine) secretFiles() ([]node.File, error) {
	account, encryption := m.Secrets[secretServiceAccount], m.Secrets[secretEncryption]
	if account == "" || encryption == "" {
		return nil, jeroboam.Errorf(jeroboam.Unavailable, "secret", "The cluster's secrets are not made yet.")
	}
	public, err := publicKey(account)
	if err != nil {
		return nil, fmt.Errorf("service account key: %w", err)
	}
	return []node.File{
		secretFile(accountKeyFile, account),
		publicFile(accountPublicFile, public),
		secretFile(encryptionFile, encryptionConfig(encryption)),
	}, nil
}

// encryptionConfig encrypts Secrets at rest, and reads no Secret in the clear.
func encryptionConfig(key jeroboam.Secret) jeroboam.Secret {
	return jsonText(object{
		"apiVersion": "apiserver.config.k8s.io/v1",
		"kind":       "EncryptionConfiguration",
		"resources": []object{{
			"resources": []string{"secrets"},
			"providers": []object{
				{"secretbox": object{"keys": []object{{"name": "key1", "secret": key.Reveal()}}}},
			},
		}},
	})
}

// publicKey is the public half of a PKCS#8 PEM, as PKIX PEM.
func publicKey(private jeroboam.Secret) (string, error) {
	block, _ := pem.Decode([]byte(private.Reveal()))
	if block == nil {
		return "", fmt.Errorf("it is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return "", fmt.Errorf("a %T has no public half", key)
	}
	der, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}
