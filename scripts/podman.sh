#!/usr/bin/env bash
# Makes Podman's Docker-compatible service answer at /run/slashgrade-podman/podman.sock, with the base image in it. Its images, containers and
# settings lie below the project's cache: nothing of a user's own Podman is touched. The service is left running; the last line says how to end it.
set -euo pipefail

source "$(dirname "$0")/lib.sh"

image=debian:trixie-slim
run=/run/slashgrade-podman
socket=$run/podman.sock
home=$cache/podman

call() { curl --silent --show-error --fail --unix-socket "$socket" "$@"; }
answers() { call --max-time 10 http://podman/_ping >/dev/null 2>&1; }
has_image() { call --get http://podman/v1.41/images/"$image"/json >/dev/null 2>&1; }

ensure_podman() {
	if command -v podman >/dev/null && command -v runc >/dev/null && command -v curl >/dev/null; then return; fi
	can_install || give_up "podman, runc or curl is missing" "install them from your distribution"
	install_packages --no-install-recommends podman runc curl
}

# settings are for a machine without systemd. The limits are such as a service without CAP_SYS_RESOURCE may set.
settings() {
	cat <<-'TOML'
		[containers]
		default_ulimits = ["nofile=16384:16384", "nproc=32768:32768"]
		[engine]
		cgroup_manager = "cgroupfs"
		runtime = "runc"
		events_logger = "file"
	TOML
}

start() {
	mkdir -p "$home" "$run"
	settings >"$home/containers.conf"
	rm -f "$socket"
	CONTAINERS_CONF=$home/containers.conf setsid nohup podman --root "$home/root" --runroot "$run/run" --tmpdir "$run/tmp" \
		system service --time=0 "unix://$socket" </dev/null >>"$home/service.log" 2>&1 9>&- &
	echo $! >"$run/pid"
	local deadline=$((SECONDS + 60))
	until answers; do
		if ((SECONDS >= deadline)); then
			tail -n 20 "$home/service.log" >&2
			give_up "Podman's service did not answer within 60 s" "its whole log is $home/service.log"
		fi
		sleep 0.2
	done
	say "Podman's service answers at unix://$socket; kill $(<"$run/pid") ends it"
}

# load copies the base image from the Docker engine: one build is enough.
load() {
	say "copying $image from the Docker engine"
	docker save "$image" | call -H 'Content-Type: application/x-tar' -T - -X POST http://podman/v1.41/images/load >/dev/null
}

one_at_a_time podman
if [[ "$(id -u)" != 0 ]]; then give_up "this service is root's" "sudo $0"; fi
ensure_podman
answers || start
has_image || load
