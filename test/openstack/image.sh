#!/bin/sh
# Makes a Debian image that Nova boots, of the packages of this host's own
# Debian: vmlinuz, initrd and disk.img in a directory. It is what Debian's cloud
# images are, with the programs that every node needs of its host, and knows
# nothing of Jeroboam. What is there already is left alone.
#
#   test/openstack/image.sh DIRECTORY   as root; installs mmdebstrap where it is missing
set -eu
dir=$1
if [ -e "$dir/disk.img" ]; then exit 0; fi
mkdir -p "$dir"
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
if ! command -v mmdebstrap >/dev/null 2>&1; then
	echo "installing: mmdebstrap"
	DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends mmdebstrap >/dev/null
fi

sources=$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' | sort -u)
release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
if [ -z "$sources" ] || [ -z "$release" ]; then
	echo "Error: apt has no lists of Debian's packages here." >&2
	echo "  Remedy: run apt-get update on a Debian host." >&2
	exit 1
fi

root=$(mktemp -d)
trap 'rm -rf "$root" "$dir/disk.new"' EXIT
trap 'exit 130' INT TERM
echo "$sources" | mmdebstrap --quiet --variant=minbase \
	--include=linux-image-cloud-amd64,systemd-sysv,systemd-resolved,udev,dbus,cloud-init,netplan.io \
	--include=curl,ca-certificates,iproute2,kmod,mount,procps,e2fsprogs,runc,nftables,iptables,conntrack \
	"$release" "$root" -
echo 'LABEL=root / ext4 defaults 0 1' >"$root/etc/fstab"
rm -rf "$root/usr/share/doc" "$root/usr/share/man" "$root/usr/share/locale"
cp "$root"/boot/vmlinuz-* "$dir/vmlinuz"
mv "$root"/boot/initrd.img-* "$dir/initrd"
truncate -s 4G "$dir/disk.new"
mkfs.ext4 -q -L root -d "$root" "$dir/disk.new"
mv "$dir/disk.new" "$dir/disk.img"
