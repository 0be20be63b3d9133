#!/usr/bin/env bash
# Ends the LocalStack that start.sh started, and nothing else. What was in its queues and buckets is gone then.
set -euo pipefail

here=$(dirname "$0")
source "$here/../scripts/lib.sh"
self=localstack
source "$here/compose.sh"
pid_file="$cache/localstack.pid"

# runs tells whether the process of the pid file still is LocalStack: the number may be another process's by now.
runs() { grep -qs localstack.runtime.main "/proc/$1/cmdline"; }

stop_package() {
	local pid deadline=$((SECONDS + 10))
	pid=$(<"$pid_file")
	if runs "$pid"; then
		say "ending LocalStack (process $pid)"
		kill "$pid"
		while runs "$pid" && ((SECONDS < deadline)); do sleep 0.1; done
		if runs "$pid"; then kill -KILL "$pid"; fi
	fi
	rm -f "$pid_file"
}

if [[ -s "$pid_file" ]]; then stop_package; fi
if docker inspect slashgrade-localstack >/dev/null 2>&1; then
	say "ending the container slashgrade-localstack"
	quietly compose down
fi
