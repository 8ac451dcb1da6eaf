package main

import (
	"context"

	"github.com/spf13/cobra"
	_ "go.etcd.io/etcd/server/v3/embed"
	_ "go.etcd.io/etcd/server/v3/etcdmain"
	_ "go.etcd.io/etcd/server/v3/storage/wal"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kcm "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
	_ "sigs.k8s.io/yaml"
)

func main() {
	var _ *cobra.Command
	for _, c := range []*cobra.Command{apiserver.NewAPIServerCommand(), kcm.NewControllerManagerCommand(), scheduler.NewSchedulerCommand(), kubelet.NewKubeletCommand(context.Background()), proxy.NewProxyCommand(), kubectl.NewDefaultKubectlCommand()} {
		cli.Run(c)
	}
}
