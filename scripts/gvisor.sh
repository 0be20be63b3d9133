#!/usr/bin/env bash
# Makes gVisor's runtime known to the engine under the name runsc, without a restart of the engine. It is built once, in a pinned version
# (the release of 2026-07-01), below the cache.
set -euo pipefail

source "$(dirname "$0")/lib.sh"

version=v0.0.0-20260701204157-69c2d17aea96
program="$cache/tools/runsc-$version/runsc"
config=/etc/docker/daemon.json

known() { docker info --format '{{range $name, $_ := .Runtimes}}{{$name}} {{end}}' | grep -qw runsc; }

# build needs no C compiler, and with one the build fails.
build() {
	if [[ -x "$program" ]]; then return; fi
	say "building runsc $version"
	GOBIN="$(dirname "$program")" CGO_ENABLED=0 quietly go install "gvisor.dev/gvisor/runsc@$version"
}

# configured prints the engine's configuration with the runtime in it. systrap works without hardware that helps.
configured() {
	python3 - "$config" "$program" <<'PYTHON'
import json, os, sys

file, program = sys.argv[1:]
settings = {}
if os.path.exists(file):
    with open(file, encoding="utf-8") as f:
        settings = json.load(f)
settings.setdefault("runtimes", {})["runsc"] = {"path": program, "runtimeArgs": ["--platform=systrap"]}
print(json.dumps(settings, indent=2))
PYTHON
}

# engine_pid prints the engine's process: the engine must be on this machine.
engine_pid() {
	local pid
	pid=$(cat /var/run/docker.pid 2>/dev/null) && grep -qs dockerd "/proc/$pid/comm" && echo "$pid"
}

register() {
	local text
	text=$(configured) || give_up "$config cannot be read" "mend it, or add the runtime runsc with the path $program by hand"
	mkdir -p "$(dirname "$config")"
	printf '%s\n' "$text" >"$config.new"
	mv "$config.new" "$config"
	kill -HUP "$1" # the engine reads its runtimes again and goes on
	local deadline=$((SECONDS + 30))
	until known; do
		if ((SECONDS >= deadline)); then give_up "the engine did not take the runtime runsc" "look at its log; the configuration is $config"; fi
		sleep 0.2
	done
}

one_at_a_time gvisor
if known; then exit; fi
if [[ "$(id -u)" != 0 ]]; then give_up "only root can register a runtime with the engine" "sudo $0"; fi
pid=$(engine_pid) || give_up "the engine is not on this machine, or was not started by dockerd" "install runsc where it runs: https://gvisor.dev/docs/user_guide/install/"
build
register "$pid"
say "the engine has the runtime runsc"
