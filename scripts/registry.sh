#!/usr/bin/env bash
# Makes docker-registry available, which the tests of pulls run on a port of their own; silent where it is there.
set -euo pipefail

source "$(dirname "$0")/lib.sh"

if command -v docker-registry >/dev/null; then exit 0; fi
if ! can_install; then
	say "docker-registry is missing: the tests of pulls are skipped (Debian: apt-get install docker-registry)"
	exit 0
fi
one_at_a_time registry
if command -v docker-registry >/dev/null; then exit 0; fi
say "installing docker-registry"
install_packages docker-registry
