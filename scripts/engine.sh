#!/usr/bin/env bash
# Makes a Docker engine answer. Silent where one does; on Debian, as root, it is installed and started; elsewhere
# the message says what to install. The engine is left running and outlives the shell that started it.
set -euo pipefail

answers() { docker version >/dev/null 2>&1; }
if answers; then exit; fi

source "$(dirname "$0")/lib.sh"
dockerd_log="$cache/dockerd.log"

# explain_absence ends the script where it must not or cannot bring an engine up itself.
explain_absence() {
	if [[ -n "${DOCKER_HOST:-}" ]]; then
		give_up "nothing answers at DOCKER_HOST=$DOCKER_HOST" "start that engine, or unset DOCKER_HOST to use a local one"
	fi
	if [[ "$(docker version 2>&1 || true)" == *"permission denied"* ]]; then
		give_up "this user may not use the Docker engine" "sudo usermod -aG docker \"\$USER\", then log in again"
	fi
	if [[ "$(uname -s)" == Darwin ]]; then
		give_up "no Docker engine answers" "install Docker Desktop or Colima, start it, then run this again"
	fi
	if ! command -v apt-get >/dev/null; then
		give_up "no Docker engine answers" "install Docker Engine 20.10 or later from your distribution, start it, then run this again"
	fi
	if ! can_install; then
		give_up "no Docker engine answers, and only root can install or start one" \
			"sudo apt-get install docker.io iptables && sudo usermod -aG docker \"\$USER\", then log in again"
	fi
}

install_engine() {
	if ! command -v dockerd >/dev/null || ! command -v iptables >/dev/null; then
		install_packages docker.io iptables
	fi
}

# wait_until_up SECONDS succeeds as soon as the engine answers.
wait_until_up() {
	local deadline=$((SECONDS + $1))
	until answers; do
		if ((SECONDS >= deadline)); then return 1; fi
		sleep 0.2
	done
}

# start_by_init succeeds where an init system looks after the engine.
start_by_init() { [[ -d /run/systemd/system ]] && systemctl start docker && wait_until_up 30; }

# runs NAME PID tells whether the process is that program and lives: one that was killed keeps its name until it is reaped.
runs() { grep -qs "$1" "/proc/$2/comm" && ! grep -qs '^State:[[:space:]]*[ZX]' "/proc/$2/status"; }

# forget_dead NAME PID_FILE removes the pid file of a program that was killed: the number may be another process's by now,
# and then a new engine would refuse to start, or wait for a containerd that is gone.
forget_dead() {
	if [[ -s "$2" ]] && ! runs "$1" "$(<"$2")"; then rm -f "$2"; fi
}

start_detached() {
	say "starting dockerd (log: $dockerd_log)"
	forget_dead dockerd /var/run/docker.pid
	forget_dead containerd /var/run/docker/containerd/containerd.pid
	setsid nohup dockerd </dev/null >>"$dockerd_log" 2>&1 9>&- &
	wait_until_up 60 || {
		tail -n 20 "$dockerd_log" >&2
		give_up "dockerd did not answer within 60 s" "its whole log is $dockerd_log"
	}
}

explain_absence
one_at_a_time engine # two at once must not start two engines
if answers; then exit; fi
install_engine
start_by_init || start_detached
