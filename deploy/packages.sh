#!/bin/sh
# Installs what a bare Debian 12 lacks for building and running Jeroboam on
# this host: by name, from the distribution, only what is missing, saying why.
#
#   deploy/packages.sh          install what is missing
#   deploy/packages.sh --check  only say what is missing; exit 1 if anything is
#   deploy/packages.sh --test   install what only the tests need, too
set -eu

missing=
need() { # need PROGRAM PACKAGE WHY
	command -v "$1" >/dev/null 2>&1 && return
	case " $missing " in *" $2 "*) return ;; esac
	missing="$missing $2"
	printf '  %-22s %s\n' "$2" "$3"
}

# Administrators' programs are not on every shell's path.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin

need runc runc 'starts the containers of a node'
need nft nftables 'Services and isolation: kube-proxy and the local cloud write nftables rules'
need iptables iptables 'port mapping and masquerading of the CNI plugins'
need conntrack conntrack 'kube-proxy forgets the connections of Services that are gone'
if [ -e /proc/modules ]; then
	need modprobe kmod 'loads the kernel modules for bridges, overlays and nftables'
fi
need ip iproute2 'shows interfaces, routes and namespaces; used by the tests'
need mount mount 'the kubelet mounts volumes with it'
need curl curl 'asks whether the demo answers; used by the examples'
need git git 'records the revision in the binaries'
if ! [ -e /etc/ssl/certs/ca-certificates.crt ]; then
	missing="$missing ca-certificates"
	printf '  %-22s %s\n' ca-certificates 'trust for downloading Go modules'
fi
need go golang-go 'builds everything; fetches the Go release that go.mod names'

# For tests alone.
if [ "${1:-}" = --test ]; then
	if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
		missing="$missing postgresql"
		printf '  %-22s %s\n' postgresql 'a private server for the tests of the store'
	fi
	need openstack python3-openstackclient "OpenStack's client, for the transcripts of test/clients"
	need magnum python3-magnumclient 'its commands "coe", and the older client magnum'
	need openssl openssl 'makes and checks certificates in them'
fi

if [ -z "$missing" ]; then
	exit 0
fi
if [ "${1:-}" = --check ]; then
	echo "missing:$missing" >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "Error: packages are missing and only root can install them." >&2
	echo "  Remedy: run as root: apt-get install --no-install-recommends$missing" >&2
	exit 5
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "Error: this host has no apt-get." >&2
	echo "  Remedy: install what corresponds to:$missing" >&2
	exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q </dev/null
# The tests start servers of their own: none is wanted at boot.
case " $missing " in *" postgresql "*)
	if ! [ -e /etc/postgresql-common/createcluster.conf ]; then
		mkdir -p /etc/postgresql-common
		echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
	fi
	;;
esac
# shellcheck disable=SC2086 # a list of words
apt-get install -q -y --no-install-recommends -o Dpkg::Options::=--force-confold $missing </dev/null
