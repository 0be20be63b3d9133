#!/usr/bin/env bash
# Runs the hostile suite (runner/hostile) on every engine, runtime and profile that this machine can have, one after the other, and ends with a
# table. gVisor and Podman are brought up by scripts of their own; what cannot be had is named in the table. Arguments choose combinations by
# the beginning of their names, for example "oci" or "docker runsc". It fails if a case does.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source "$here/lib.sh"
cd "$here/.."

row='%-11s %-8s %-14s %6s %7s %7s %10s %8s'
# shellcheck disable=SC2059
table=$(printf "$row" engine runtime profile cases passed failed "not tried" seconds)
failures=()

# wanted NAME tells whether the arguments choose the combination, or one of those that begin so.
wanted() {
	if ((${#chosen[@]} == 0)); then return; fi
	local one
	for one in "${chosen[@]}"; do if [[ "$1" == "$one"* || "$one" == "$1"* ]]; then return; fi; done
	return 1
}

count() { grep -cE "$1" "$2" || true; }

# suite ENGINE RUNTIME PROFILE runs the suite once and adds a line to the table.
suite() {
	if ! wanted "$1 $2 $3"; then return; fi
	local log="$cache/hostile-$1-$2-$3.log" from=$SECONDS kind=$1 passed failed left
	if [[ $kind == podman ]]; then kind=docker; fi
	say "$1, $2, profile $3 (log: $log)"
	SLASHGRADE_HOSTILE_ENGINE=$kind SLASHGRADE_HOSTILE_RUNTIME=${2#default} SLASHGRADE_HOSTILE_PROFILE=$3 CI=true \
		go test -count=1 -timeout 60m -v -run '^TestHostile$' ./runner/hostile >"$log" 2>&1 || true
	passed=$(count '^ *--- PASS: TestHostile/.*/' "$log")
	failed=$(count '^ *--- FAIL: TestHostile/.*/' "$log")
	left=$(count ' is not tried: ' "$log")
	# shellcheck disable=SC2059
	table+=$'\n'$(printf "$row" "$1" "$2" "$3" $((passed + failed)) "$passed" "$failed" "$left" $((SECONDS - from)))
	while read -r name; do failures+=("$1, $2, $3: $name"); done < <(sed -nE 's/^ *--- FAIL: TestHostile\/([^ ]*\/[^ ]*).*/\1/p' "$log")
	if ((failed == 0)) && ! grep -q '^ok' "$log"; then failures+=("$1, $2, $3: the suite itself; see $log"); fi
}

# missing WHAT WHY adds a line for what cannot be had here.
missing() { table+=$'\n'"$1: not run, $2"; }

both() { for profile in prairielearn strict; do suite "$1" "$2" "$profile"; done; }

chosen=("$@")
both docker default
if [[ "$(id -u)" == 0 ]] && command -v runc >/dev/null; then
	both oci default
	both namespaces default
else
	missing "oci, namespaces" "which need root and runc"
fi
if wanted "docker runsc"; then
	if "$here/gvisor.sh"; then both docker runsc; else missing "docker runsc" "since gVisor could not be registered"; fi
fi
if wanted podman; then
	pid_file=/run/slashgrade-podman/pid before=none
	if [[ -s $pid_file ]] && kill -0 "$(<$pid_file)" 2>/dev/null; then before=$(<$pid_file); fi
	if "$here/podman.sh"; then
		export DOCKER_HOST=unix:///run/slashgrade-podman/podman.sock
		both podman default
		if [[ "$(<$pid_file)" != "$before" ]]; then kill "$(<$pid_file)"; fi # a service that was started for this
	else
		missing podman "since its service could not be started"
	fi
fi
echo "$table"
if ((${#failures[@]} > 0)); then give_up "failed:" "${failures[@]}"; fi
