#!/usr/bin/env bash
# Makes the base image debian:trixie-slim available to the Docker engine: pulled where an image registry can be
# reached, else built from Debian's packages. Silent where it is there already.
set -euo pipefail

image=debian:trixie-slim
suite=trixie

present() { docker image inspect "$image" >/dev/null 2>&1; }
if present; then exit; fi

source "$(dirname "$0")/lib.sh"

# pull is bounded: the way to an unreachable registry may swallow packets instead of refusing them.
pull() {
	say "pulling $image"
	bounded 120 docker pull --quiet "$image" >/dev/null 2>"$work/pull.log"
}

ensure_mmdebstrap() {
	if command -v mmdebstrap >/dev/null; then return; fi
	if ! can_install; then
		give_up "$image cannot be pulled ($(tail -n 1 "$work/pull.log"))" "and only root on Debian can build it here" \
			"give this machine an image registry, or bring the image with docker load"
	fi
	install_packages mmdebstrap
}

# build makes what the registry's image is: a minimal root file system, bash as its command, and PATH in its environment.
build() {
	say "no image registry, so building $image from Debian's packages"
	ensure_mmdebstrap
	quietly mmdebstrap --variant=minbase "$suite" "$work/base.tar"
	quietly docker import --change 'CMD ["bash"]' \
		--change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' "$work/base.tar" "$image"
}

one_at_a_time base-image
if present; then exit; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pull || build
