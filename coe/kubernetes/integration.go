package kubernetes

import (
	"github.com/jeroboam-cloud/jeroboam/coe/kubernetes/addons"
	"github.com/jeroboam-cloud/jeroboam/node"
)

const (
	chosenSecretsFile   = configDir + "/addons-secrets.json"
	keystoneWebhookFile = configDir + "/keystone-webhook.conf"
	authorizationFile   = configDir + "/authorization.yaml"
)

// certKeystone is of the Keystone webhook, which listens beside each API server.
const certKeystone = "keystone-auth"

// inCluster is what the add-ons that labels turn on are made of.
func (m machine) inCluster() addons.Cluster {
	return addons.Cluster{Cluster: m.Cluster, Version: m.Bundle.Version, Credential: m.Credential, Gateway: m.Gateway.URL}
}

// addChosen applies the add-ons that labels turn on. They have a task of their
// own, so that nothing of theirs keeps a cluster from having DNS, and nobody
// waits for their pods.
func (m machine) addChosen(config node.Config) (node.Config, error) {
	chosen, err := addons.Render(m.inCluster())
	if err != nil || chosen.Manifests == "" {
		return config, err
	}
	var files []string
	if chosen.Secrets != "" {
		files = []string{chosenSecretsFile}
		config.Files = append(config.Files, secretFile(chosenSecretsFile, chosen.Secrets))
	}
	config.Tasks = append(config.Tasks, m.applyTask(taskChosen, chosen.Manifests, taskAddons, files...))
	return config, nil
}

// providerFlags leave it to a cloud controller manager to name the node's place
// in the cloud; until it has, the node takes no pods.
func (m machine) providerFlags() []string {
	if addons.ExternalProvider(m.Cluster.Spec.Labels) {
		return []string{"--cloud-provider=external"}
	}
	return nil
}

func (m machine) keystoneCertificates() []node.Certificate {
	if !addons.Keystone(m.inCluster()) {
		return nil
	}
	return []node.Certificate{certificate(node.Certificate{Name: certKeystone, CommonName: certKeystone, IPs: []string{loopback}, Server: true})}
}

// accessFlags say who the API server lets in and what they may. A webhook that
// is not there keeps nobody out but Keystone's users.
func (m machine) accessFlags() []string {
	if !addons.Keystone(m.inCluster()) {
		return []string{"--authorization-mode=Node,RBAC"}
	}
	return []string{
		"--authentication-token-webhook-config-file=" + keystoneWebhookFile,
		"--authentication-token-webhook-version=v1beta1",
		"--authorization-config=" + authorizationFile,
	}
}

// keystoneFiles are how the API server asks the webhook.
func (m machine) keystoneFiles() []node.File {
	if !addons.Keystone(m.inCluster()) {
		return nil
	}
	return []node.File{
		jsonFile(keystoneWebhookFile, object{
			"apiVersion":      "v1",
			"kind":            "Config",
			"current-context": "default",
			"clusters":        []object{{"name": "default", "cluster": object{"server": "https://" + loopback + ":8443/webhook", "certificate-authority": caFile}}},
			"users":           []object{{"name": "default", "user": object{}}},
			"contexts":        []object{{"name": "default", "context": object{"cluster": "default", "user": "default"}}},
		}),
		jsonFile(authorizationFile, object{
			"apiVersion":  "apiserver.config.k8s.io/v1",
			"kind":        "AuthorizationConfiguration",
			"authorizers": []object{{"type": "Node", "name": "node"}, {"type": "RBAC", "name": "rbac"}, keystoneAuthorizer()},
		}),
	}
}

// keystoneAuthorizer is asked last, and only about users whom Keystone has given
// roles, so that no part of the cluster ever waits for it.
func keystoneAuthorizer() object {
	return object{"type": "Webhook", "name": certKeystone, "webhook": object{
		"authorizedTTL":              "5m",
		"unauthorizedTTL":            "30s",
		"timeout":                    "3s",
		"subjectAccessReviewVersion": "v1beta1", // the webhook knows no other
		"matchConditionSubjectAccessReviewVersion": "v1",
		"failurePolicy":  "NoOpinion",
		"connectionInfo": object{"type": "KubeConfigFile", "kubeConfigFile": keystoneWebhookFile},
		"matchConditions": []object{{
			"expression": "has(request.extra) && 'alpha.kubernetes.io/identity/roles' in request.extra",
		}},
	}}
}
