#!/bin/sh
# A cluster of real virtual machines, from nothing: starts the testbed with QEMU,
# makes a Debian image, runs the service, asks for one control-plane node and one
# worker, runs a pod and deletes the cluster. It prints when each was done, and
# takes away all it made, the testbed too if it started that. Where QEMU emulates
# the processors, count on six minutes, on a busy host on twenty.
#
#   test/openstack/real-vm.sh [DIRECTORY]   as root
#
# DIRECTORY (bin/real-vm) keeps the image for the next time. The testbed and
# image.sh install the packages that they lack.
set -eu
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/local/go/bin:/usr/local/sbin:/usr/sbin:/sbin
testbed=../shared/testbed/openstack
image=$(realpath -m "${1:-bin/real-vm}")

fail() {
	printf 'Error: %s\n  Remedy: %s\n' "$1" "$2" >&2
	exit 1
}
[ "$(id -u)" = 0 ] || fail "only root can start virtual machines here." "run it as root."
[ -x "$testbed/up" ] || fail "there is no testbed in $testbed." "put it there; see docs/openstack.md."
if [ -e /run/osbed/libvirtd.pid ]; then
	ours=
elif [ -e /var/lib/osbed/schema-done ]; then
	fail "the testbed is there without virtual machines." "when nobody needs it any more: $testbed/down --purge"
else
	ours=yes
fi

work=$(mktemp -d)
begun=$(date +%s)
say() { printf '%5d s  %s\n' $(($(date +%s) - begun)) "$*"; }
admin() { OS_CLIENT_CONFIG_FILE=/etc/osbed/clouds.yaml OS_CLOUD=osbed-admin openstack "$@"; }
jeroboam() { OS_CLIENT_CONFIG_FILE=$work/clouds.yaml OS_CLOUD=real-vm bin/jeroboam "$@"; }
ours_in_cloud() { admin $1 list $2 -f value -c ID -c Name | grep ' real-vm' || true; }

serve=
finish() {
	code=$?
	trap - EXIT INT TERM
	[ "$code" = 0 ] || trouble
	if [ -n "$serve" ]; then
		jeroboam cluster delete real-vm --wait --timeout 10m >/dev/null 2>&1 || true
		kill "$serve" 2>/dev/null && wait "$serve" || true
	fi
	if [ -n "$ours" ]; then
		"$testbed/down" --purge >/dev/null 2>&1 || code=1
	else
		for one in real-vm real-vm-initrd real-vm-kernel; do admin image delete "$one" >/dev/null 2>&1 || true; done
		admin flavor delete real-vm >/dev/null 2>&1 || true
	fi
	rm -rf "$work"
	say "everything is taken away"
	exit "$code"
}

# trouble shows what is known of a run that went wrong.
trouble() {
	for log in testbed.log build.log serve.log; do tail -n 30 "$work/$log" 2>/dev/null || true; done
	ours_in_cloud server --all-projects | while read -r id name; do
		echo "--- the console of $name"
		admin console log show --lines 30 "$id" 2>/dev/null || true
	done
}
trap finish EXIT
trap 'exit 130' INT TERM

"$testbed/up" --virt qemu --install-only >"$work/testbed.log" 2>&1
say "the packages are there"
# On a busy host the testbed makes its networks before Neutron knows all agents,
# and waits in vain for DHCP and the router; agents that begin anew care for both.
up() { "$@" "$testbed/up" --virt qemu >>"$work/testbed.log" 2>&1; }
if ! up timeout 240; then
	"$testbed/down" neutron-dhcp neutron-l3 >>"$work/testbed.log"
	up
fi
say "OpenStack with QEMU is up"

test/openstack/image.sh "$image"
part() { # part NAME FORMAT FILE: one of the image's parts that Nova boots by itself
	admin image create "$1" --public --disk-format "$2" --container-format "$2" --file "$image/$3" -f value -c id
}
kernel=$(part real-vm-kernel aki vmlinuz)
initrd=$(part real-vm-initrd ari initrd)
admin image create real-vm --public --disk-format raw --container-format bare --file "$image/disk.img" \
	--property kernel_id="$kernel" --property ramdisk_id="$initrd" --property os_distro=debian >/dev/null
admin flavor create real-vm --vcpus 2 --ram 3072 --disk 5 >/dev/null
say "the image is in Glance"

make -s build >"$work/build.log"
OS_CLIENT_CONFIG_FILE=/etc/osbed/clouds.yaml bin/jeroboam serve --state "$work/state" --listen 127.0.0.1:19511 \
	--drivers k8s_openstack_debian --openstack-cloud osbed-alice \
	--gateway-listen 172.24.4.1:19512 --gateway-url https://172.24.4.1:19512 >"$work/serve.log" 2>&1 &
serve=$!
until curl -fs http://127.0.0.1:19511/healthcheck >/dev/null; do kill -0 "$serve" && sleep 0.2; done
cat >"$work/clouds.yaml" <<END
clouds:
  real-vm:
    auth: {auth_url: "http://127.0.0.1:19511/identity/v3", username: admin, project_name: admin,
      password: "$(sed -n 's/^admin password: //p' "$work/serve.log")", user_domain_name: Default, project_domain_name: Default}
END
jeroboam template create real-vm --coe kubernetes --image real-vm --flavor real-vm --master-flavor real-vm --external-network public >/dev/null
say "the service is up"

jeroboam cluster create real-vm --template real-vm --nodes 1 --floating-ip --wait --timeout 40m
say "the cluster is complete"
jeroboam cluster config real-vm --file "$work/kubeconfig" >/dev/null
export KUBECONFIG="$work/kubeconfig"
bin/kubectl wait --for=condition=Ready node --all --timeout=5m
bin/kubectl get nodes -o wide
say "the nodes are Ready"
bin/kubectl run web --image=jeroboam.local/web:v1
bin/kubectl wait --for=condition=Ready pod/web --timeout=5m
bin/kubectl get pod web -o wide
say "a pod runs"

jeroboam cluster delete real-vm --wait --timeout 10m >/dev/null
left=$(for kind in server volume; do ours_in_cloud $kind --all-projects; done; for kind in network router port "security group"; do
	ours_in_cloud "$kind" ""; done)
[ -z "$left" ] || fail "the cluster left behind: $left" "read the service's log above."
say "the cluster is deleted, and nothing of it is left"
