#!/usr/bin/env bash
# Runs the hostile suite (runner/hostile) on every engine, runtime and profile that this machine has, one after the other, and ends with a table.
# Docker's runtimes are those that the engine knows; Podman is tried where PODMAN_HOST names its socket.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source "$here/lib.sh"
cd "$here/.."

table=$(printf '%-10s %-10s %-14s %8s %8s %8s\n' engine runtime profile passed failed seconds)

# suite ENGINE RUNTIME PROFILE runs the suite once and adds a line to the table.
suite() {
	local log="$cache/hostile-$1-$2-$3.log" from=$SECONDS
	say "$1, $2, profile $3 (log: $log)"
	SLASHGRADE_HOSTILE_RUNTIME=${2#default} SLASHGRADE_HOSTILE_PROFILE=$3 CI=true \
		go test -count=1 -timeout 30m -v -run '^TestHostile$' ./runner/hostile >"$log" 2>&1 || true
	table+=$'\n'$(printf '%-10s %-10s %-14s %8s %8s %8s' "$1" "$2" "$3" \
		"$(grep -c '^ *--- PASS: TestHostile/.*/' "$log" || true)" "$(grep -c '^ *--- FAIL: TestHostile/.*/' "$log" || true)" $((SECONDS - from)))
}

for runtime in default runsc; do
	if [[ $runtime != default ]] && ! docker info --format '{{range $name, $_ := .Runtimes}}{{println $name}}{{end}}' | grep -qx "$runtime"; then
		table+=$'\n'"$(printf '%-10s %-10s the engine has no such runtime' docker "$runtime")"
		continue
	fi
	for profile in prairielearn strict; do suite docker "$runtime" "$profile"; done
done
if [[ -n "${PODMAN_HOST:-}" ]]; then
	export DOCKER_HOST=$PODMAN_HOST
	for profile in prairielearn strict; do suite podman default "$profile"; done
else
	table+=$'\n'"$(printf '%-10s PODMAN_HOST is not set' podman)"
fi
echo "$table"
