#!/usr/bin/env bash
# Runs the Go tests, with the race detector and in random order, and ends with gotestsum's summary. Arguments go to
# go test; without any, every package is tested.
set -euo pipefail

source "$(dirname "$0")/lib.sh"

# The race detector needs cgo, and cgo a C compiler.
if ! command -v "$(go env CC)" >/dev/null; then
	can_install || give_up "no C compiler, which Go's race detector needs" "install gcc (Debian: gcc libc6-dev; macOS: xcode-select --install)"
	install_packages gcc libc6-dev
fi

if (($# == 0)); then set -- ./...; fi
# Two packages at once: they share one engine and one LocalStack. Never from the cache: what they test is outside Go's sight.
# 20 minutes for a package: the hostile jobs take 6 on a slow machine.
exec "$(dirname "$0")/tool.sh" gotestsum --format pkgname -- -race -shuffle=on -count=1 -timeout 20m -p 2 "$@"
