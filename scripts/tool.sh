#!/usr/bin/env bash
# Runs one of the Go tools that the project's checks use, in a pinned version that is built once:  tool.sh golangci-lint run
set -euo pipefail

source "$(dirname "$0")/lib.sh"

name=$1
case $name in
golangci-lint) package=github.com/golangci/golangci-lint/v2/cmd/golangci-lint version=v2.15.0 ;;
gotestsum) package=gotest.tools/gotestsum version=v1.13.0 ;;
cyclonedx-gomod) package=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod version=v1.10.0 ;;
govulncheck) package=golang.org/x/vuln/cmd/govulncheck version=v1.9.0 ;;
benchstat) package=golang.org/x/perf/cmd/benchstat version=v0.0.0-20260908200009-22c9c6c9d4da ;;
*) give_up "no tool is called $name" ;;
esac

# A linter built by an older Go refuses newer code, so each Go has its own.
directory="$cache/tools/$(go env GOVERSION)/$name-$version"
if [[ ! -x "$directory/$name" ]]; then
	one_at_a_time tool
	say "building $name $version"
	GOBIN="$directory" quietly go install "$package@$version"
fi
exec "$directory/$name" "${@:2}" 9>&-
