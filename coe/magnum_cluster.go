package coe

import "github.com/jeroboam-cloud/jeroboam"

// kubernetesNetwork are about networks and balancers.
var kubernetesNetwork = []jeroboam.Label{
	{Name: "fixed_subnet_cidr", Type: jeroboam.LabelCIDR, Default: "10.0.0.0/24", Meaning: "Subnet made for the machines."},
	{Name: "extra_network_names", Type: jeroboam.LabelString, Meaning: "More networks of workers, parted by spaces."},
	{Name: "extra_network_name", Type: jeroboam.LabelString, Meaning: "Older name of extra_network_names."},
	{Name: "flannel_tag", Type: jeroboam.LabelTag, Default: "v0.15.1", Meaning: "Tag of the image of Flannel."},
	{Name: "flannel_cni_tag", Type: jeroboam.LabelTag, Default: "v0.3.0", Meaning: "Tag of the image that installs the CNI plug-ins."},
	{Name: "calico_tag", Type: jeroboam.LabelTag, Default: "v3.21.2", Meaning: "Tag of the images of Calico."},
	{Name: "calico_ipv4pool", Type: jeroboam.LabelIPv4, Default: "10.100.0.0/16", Meaning: "Network of the pods, with Calico."},
	{Name: "calico_ipv4pool_ipip", Type: jeroboam.LabelEnum, Values: []string{"Off", "Always", "CrossSubnet"}, Default: "Off",
		Meaning: "When Calico tunnels IP in IP."},
	{Name: "cilium_hubble_ui_enabled", Type: jeroboam.LabelBool, Meaning: "Run the page of Hubble, with Cilium."},
	{Name: "coredns_tag", Type: jeroboam.LabelTag, Default: "1.6.6", Meaning: "Tag of the image of CoreDNS."},
	{Name: "ingress_controller", Type: jeroboam.LabelEnum, Values: []string{"traefik", "nginx", "octavia"},
		Meaning: "Ingress controller to run."},
	{Name: "ingress_controller_role", Type: jeroboam.LabelString, Default: "ingress",
		Meaning: "Role of the nodes that the ingress controller runs on."},
	{Name: "traefik_ingress_controller_tag", Type: jeroboam.LabelTag, Default: "v1.7.28", Meaning: "Tag of the image of Traefik."},
	{Name: "nginx_ingress_controller_tag", Type: jeroboam.LabelTag, Default: "0.32.0",
		Meaning: "Tag of the image of the NGINX ingress controller."},
	{Name: "nginx_ingress_controller_chart_tag", Type: jeroboam.LabelTag, Default: "4.0.17",
		Meaning: "Version of the chart of the NGINX ingress controller."},
	{Name: "octavia_ingress_controller_tag", Type: jeroboam.LabelTag, Default: "v1.18.0",
		Meaning: "Tag of the image of the Octavia ingress controller."},
	{Name: "master_lb_floating_ip_enabled", Type: jeroboam.LabelBool, Meaning: "Give the balancer of the API a floating address."},
	{Name: "master_lb_allowed_cidrs", Type: jeroboam.LabelList, Items: jeroboam.LabelCIDR,
		Meaning: "Networks that may reach the balancer of the API."},
	{Name: "api_master_lb_allowed_cidrs", Type: jeroboam.LabelList, Items: jeroboam.LabelCIDR,
		Meaning: "Networks that may reach the balancer of the API, in clusters of Cluster API."},
}

// kubernetesCloud are about the ties of a cluster to its cloud.
var kubernetesCloud = []jeroboam.Label{
	{Name: "csi_snapshotter_tag", Type: jeroboam.LabelTag, Default: "v4.2.1", Meaning: "Tag of the image of the CSI snapshotter."},
}

// kubernetesAddons are about dashboards and monitoring.
var kubernetesAddons = []jeroboam.Label{
	{Name: "kube_dashboard_enabled", Type: jeroboam.LabelBool, Default: "true", Meaning: "Run the Kubernetes dashboard."},
	{Name: "kube_dashboard_version", Type: jeroboam.LabelTag, Default: "v2.0.0", Meaning: "Version of the Kubernetes dashboard."},
	{Name: "metrics_scraper_tag", Type: jeroboam.LabelTag, Default: "v1.0.4", Meaning: "Tag of the image of the dashboard's scraper."},
	{Name: "influx_grafana_dashboard_enabled", Type: jeroboam.LabelBool, Default: "false",
		Meaning: "Run InfluxDB and Grafana with Heapster."},
	{Name: "heapster_enabled", Type: jeroboam.LabelBool, Default: "false", Meaning: "Run Heapster."},
	{Name: "metrics_server_chart_tag", Type: jeroboam.LabelTag, Default: "v3.7.0",
		Meaning: "Version of the chart of the metrics server."},
	{Name: "monitoring_enabled", Type: jeroboam.LabelBool, Default: "false", Meaning: "Run the Prometheus operator."},
	{Name: "monitoring_retention_days", Type: jeroboam.LabelInt, Unit: "days", Default: "14", Meaning: "How long metrics are kept."},
	{Name: "monitoring_retention_size", Type: jeroboam.LabelInt, Unit: "GB", Default: "14", Meaning: "Most room that metrics take."},
	{Name: "monitoring_interval_seconds", Type: jeroboam.LabelInt, Unit: "s", Default: "30",
		Meaning: "How often metrics are collected."},
	{Name: "monitoring_storage_class_name", Type: jeroboam.LabelString, Meaning: "Storage class of the metrics, none for a local disk."},
	{Name: "monitoring_ingress_enabled", Type: jeroboam.LabelBool, Default: "false",
		Meaning: "Make the monitoring pages reachable by an ingress."},
	{Name: "cluster_basic_auth_secret", Type: jeroboam.LabelString, Meaning: "Secret with the users of the monitoring pages."},
	{Name: "cluster_root_domain_name", Type: jeroboam.LabelString, Default: "localhost", Meaning: "Domain of the monitoring pages."},
	{Name: "prometheus_operator_chart_tag", Type: jeroboam.LabelTag, Default: "v8.12.13",
		Meaning: "Version of the chart of the Prometheus operator."},
	{Name: "prometheus_adapter_enabled", Type: jeroboam.LabelBool, Default: "true", Meaning: "Run the Prometheus adapter."},
	{Name: "prometheus_adapter_chart_tag", Type: jeroboam.LabelTag, Default: "1.4.0",
		Meaning: "Version of the chart of the Prometheus adapter."},
	{Name: "prometheus_adapter_configmap", Type: jeroboam.LabelString, Meaning: "Config map with rules of the Prometheus adapter."},
	{Name: "prometheus_monitoring", Type: jeroboam.LabelBool, Default: "false", Meaning: "Run Prometheus and Grafana the old way."},
	{Name: "grafana_admin_passwd", Type: jeroboam.LabelString, Default: "admin", Meaning: "Password of Grafana's administrator."},
	{Name: "prometheus_tag", Type: jeroboam.LabelTag, Default: "v1.8.2", Meaning: "Tag of the image of Prometheus."},
	{Name: "grafana_tag", Type: jeroboam.LabelTag, Default: "5.1.5", Meaning: "Tag of the image of Grafana."},
}
