#!/usr/bin/env bash
# Builds the grader images under the names that the examples and tests use. Docker's cache makes a second run quick; silent
# then.
set -euo pipefail

here=$(dirname "$0")
source "$here/lib.sh"
context="$here/../images/python-grader"
image=slashgrade/python-grader:dev

# provide_certificates gives the build the host's CA certificates, because pip inside it may have to trust the same proxy as
# the host. The file is git-ignored and does not get into the image.
provide_certificates() {
	local bundle=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt} target="$context/ca-bundle.crt"
	if [[ ! -r "$bundle" ]]; then bundle=/dev/null; fi
	cmp -s "$bundle" "$target" || cat "$bundle" >"$target"
}

"$here/base-image.sh"
one_at_a_time images
if ! docker image inspect "$image" >/dev/null 2>&1; then say "building $image (a few minutes the first time)"; fi
provide_certificates
# Clients without the buildx plugin have the classic builder only, and would print a warning.
if ! docker buildx version >/dev/null 2>&1; then export DOCKER_BUILDKIT=0; fi
quietly docker build --build-arg BASE=debian:trixie-slim --tag "$image" "$context"
