#!/bin/sh
# Builds local stand-ins for the official images that compose.yaml and the Dockerfile name, for a
# machine that can pull none: the same entry points, environment and paths, as far as the files here
# use them, from Debian's packages, the machine's Go and the source of the NATS server. Needs root,
# Docker and debootstrap; takes a minute, and next to nothing when run again.
#
#   eval "$(deploy/standins/build.sh)"    sets GO_IMAGE, BASE_IMAGE, POSTGRES_IMAGE, NATS_IMAGE
set -eu
cd "$(dirname "$0")"
prefix=orderbridge-standin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
certificates=/etc/ssl/certs/ca-certificates.crt

need() {
	command -v "$1" > /dev/null || { echo "standins: $1 is missing; install $2" >&2; exit 1; }
}
need docker docker.io
need debootstrap "debootstrap and debian-archive-keyring"
need busybox busybox-static
need go "Go"
[ -r "$certificates" ] || { echo "standins: $certificates is missing; install ca-certificates" >&2; exit 1; }

# import NAME FOLDER [CHANGE…]: an image with the content of a folder.
import() {
	name=$1 folder=$2
	shift 2
	tar -C "$folder" --numeric-owner --owner=0 --group=0 -c . | docker import "$@" - "$prefix/$name" > /dev/null
	rm -rf "$folder"
}

have() { docker image inspect "$prefix/$1" > /dev/null 2>&1; }

# tools FOLDER: a root folder with a shell and the usual small programs, as Alpine has them.
tools() {
	mkdir -p "$1/bin" "$1/etc/ssl/certs" "$1/root" "$1/tmp" "$1/usr/local/bin"
	chmod 1777 "$1/tmp"
	cp "$(command -v busybox)" "$1/bin/busybox"
	for applet in $("$1/bin/busybox" --list | grep -vx busybox); do ln -sf busybox "$1/bin/$applet"; done
	cp "$certificates" "$1/etc/ssl/certs/"
	echo 'root:x:0:0:root:/root:/bin/sh' > "$1/etc/passwd"
}

go=golang:$(go env GOVERSION)
if ! have "$go"; then
	tools "$work/go"
	cp -r "$(go env GOROOT)" "$work/go/usr/local/go"
	import "$go" "$work/go" -c 'ENV PATH=/usr/local/go/bin:/bin GOTOOLCHAIN=local GOPATH=/go HOME=/root' -c 'WORKDIR /go'
fi

base=static:nonroot
if ! have $base; then
	mkdir -p "$work/static/etc/ssl/certs" "$work/static/tmp"
	chmod 1777 "$work/static/tmp"
	cp "$certificates" "$work/static/etc/ssl/certs/"
	echo 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' > "$work/static/etc/passwd"
	import $base "$work/static" -c 'USER 65532'
fi

version=$(go list -m -f '{{.Version}}' github.com/nats-io/nats-server/v2)
nats=nats:${version#v}-alpine
if ! have "$nats"; then
	tools "$work/nats"
	CGO_ENABLED=0 go build -trimpath -o "$work/nats/usr/local/bin/nats-server" github.com/nats-io/nats-server/v2 >&2
	install -m 755 nats-entrypoint.sh "$work/nats/usr/local/bin/docker-entrypoint.sh"
	import "$nats" "$work/nats" -c 'ENV PATH=/usr/local/bin:/bin' -c 'ENTRYPOINT ["docker-entrypoint.sh"]' \
		-c 'CMD ["nats-server", "--config", "/etc/nats/nats-server.conf"]' -c 'EXPOSE 4222 6222 8222'
fi

suite=debian:trixie
if ! have $suite; then
	debootstrap --variant=minbase trixie "$work/debian" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
	rm -rf "$work/debian"/var/cache/apt/archives/*.deb "$work/debian/dev"
	import $suite "$work/debian"
fi
postgres=postgres:17
docker build -q -t $prefix/$postgres --build-arg BASE=$prefix/$suite postgres >&2

echo "export GO_IMAGE=$prefix/$go BASE_IMAGE=$prefix/$base NATS_IMAGE=$prefix/$nats POSTGRES_IMAGE=$prefix/$postgres"
