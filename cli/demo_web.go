package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// The demo's web service: two replicas behind a port that every node answers on.
const (
	webReplicas = 2
	webPort     = 30080
)

const webManifest = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: %d
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      containers:
      - name: web
        image: %s
        imagePullPolicy: IfNotPresent
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080, nodePort: %d}]
`

// kubectl runs the kubectl of the demo's own bundle.
type kubectl struct {
	program    string
	kubeconfig string
}

func (k kubectl) run(ctx context.Context, stdin string, args ...string) error {
	cmd := exec.CommandContext(ctx, k.program, args...)
	cmd.Args[0] = "kubectl" // the program is many, and goes by its name
	cmd.Env = append(os.Environ(), "KUBECONFIG="+k.kubeconfig)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return jeroboam.Errorf(jeroboam.Internal, "kubectl", "kubectl %s failed: %s", args[0], strings.TrimSpace(out.String())).
			WithRemedy("Look with: kubectl --kubeconfig %s get pods -A.", k.kubeconfig).Wrap(err)
	}
	return nil
}

// deployWeb applies the web service and waits until its replicas are ready.
func (k kubectl) deployWeb(ctx context.Context, image string) error {
	manifest := fmt.Sprintf(webManifest, webReplicas, image, webPort)
	if err := k.run(ctx, manifest, "apply", "-f", "-"); err != nil {
		return err
	}
	return k.run(ctx, "", "rollout", "status", "deployment/web", "--timeout=120s")
}

// bundleOf finds the bundle of a version and in it kubectl and the image of the
// web service.
func (a *app) bundleOf(version string) (program, image string, err error) {
	b, err := loadBundle(a.bundleStore(), demoCOE+"-"+version)
	if err != nil {
		return "", "", err
	}
	tools, haveTools := b.Manifest.Find(demoCOE)
	web, haveWeb := b.Manifest.Find("web")
	if !haveTools || !haveWeb {
		return "", "", jeroboam.Errorf(jeroboam.Invalid, "bundle-part", "The bundle %s lacks kubectl or the image of the demo.", b.Name).
			WithRemedy("Build it again: make bundle.")
	}
	program, err = filepath.Abs(filepath.Join(b.Path, filepath.FromSlash(tools.Path)))
	return program, web.Reference, err
}

func webURL(address string) string { return "http://" + address + ":" + strconv.Itoa(webPort) + "/" }
