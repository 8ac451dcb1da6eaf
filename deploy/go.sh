#!/bin/sh
# Prints the path of a go command that can build this tree. A go older than
# 1.21, like Debian 12's, cannot switch to the release that go.mod asks for by
# itself; but it can fetch that release, which is a module like any other and
# is verified against the checksum database.
set -eu
cd "$(dirname "$0")/.."

PATH=$PATH:/usr/local/go/bin
release=go1.26.8
if ! command -v go >/dev/null 2>&1; then
	echo "Error: there is no go command." >&2
	echo "  Remedy: run deploy/packages.sh." >&2
	exit 1
fi
minor=$(go env GOVERSION | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
if [ "${minor:-0}" -ge 21 ]; then
	command -v go
	exit 0
fi
module=golang.org/toolchain@v0.0.1-$release.linux-$(go env GOARCH)
echo "fetching $release through the module proxy" >&2
dir=$(cd / && GO111MODULE=on GOFLAGS=-mod=mod go mod download -json "$module" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
if [ -z "$dir" ]; then
	echo "Error: $release could not be fetched." >&2
	echo "  Remedy: check GOPROXY, or install $release from https://go.dev/dl/." >&2
	exit 1
fi
# The module cache keeps no permission to execute.
chmod -R u+w "$dir/bin" "$dir/pkg/tool"
chmod +x "$dir"/bin/* "$dir"/pkg/tool/*/*
echo "$dir/bin/go"
