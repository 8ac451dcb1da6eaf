// Command kubernetes is every Kubernetes program a node needs, and etcd, in
// one static file. Which one it is depends on the name it is called by, or on
// its first argument: `kubelet --config=…` and `kubernetes kubelet --config=…`
// are the same. Text pages are shared by all processes that run the file, so a
// node pays for the code once.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client and work queue metrics
	_ "k8s.io/component-base/metrics/prometheus/version"  // kubernetes_build_info
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kcm "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// programs are the names the file answers to; each runs to its end and gives
// the exit code.
var programs = map[string]func() int{
	"controlplane":            func() int { return cli.Run(controlPlaneCommand()) },
	"etcd":                    runEtcd,
	"kube-apiserver":          func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() int { return cli.Run(kcm.NewControllerManagerCommand()) },
	"kube-proxy":              func() int { return cli.Run(proxy.NewProxyCommand()) },
	"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
	"kubectl":                 runKubectl,
	// The kubelet installs the signal handler itself and panics when handed a
	// context that came from one.
	"kubelet": func() int { return cli.Run(kubelet.NewKubeletCommand(context.Background())) },
}

func main() {
	run := choose()
	if run == nil {
		fmt.Fprintf(os.Stderr, "usage: kubernetes PROGRAM [flags]\nprograms: %s\n", strings.Join(slices.Sorted(maps.Keys(programs)), ", "))
		os.Exit(2)
	}
	os.Exit(run())
}

// choose finds the wanted program and leaves os.Args as that program expects
// it; nil when neither the file's name nor its first argument is one.
func choose() func() int {
	if run := programs[filepath.Base(os.Args[0])]; run != nil {
		return run
	}
	if len(os.Args) < 2 {
		return nil
	}
	os.Args = os.Args[1:]
	return programs[os.Args[0]]
}

func runEtcd() int {
	etcdmain.Main(os.Args)
	return 0
}

func runKubectl() int {
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
	return 0
}
