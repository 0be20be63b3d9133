#!/usr/bin/env bash
# Brings LocalStack (SQS and S3) up on 127.0.0.1:4566 with the queues and the bucket of init.py, and leaves it running:
# from its image where an image registry can be reached, else from its Python package. Silent where it is up already.
# stop.sh ends it.
set -euo pipefail

here=$(dirname "$0")
source "$here/../scripts/lib.sh"
self=localstack
source "$here/compose.sh"
environment="$cache/localstack-venv"
log="$cache/localstack-server.log"
image=$(sed -n 's/^ *image: //p' "$here/docker-compose.yml")

# answers PATH tells whether LocalStack has that path. A bare machine has no curl, so bash asks itself.
answers() {
	local status
	exec 3<>/dev/tcp/127.0.0.1/4566 || return 1
	printf 'HEAD %s HTTP/1.0\r\nHost: 127.0.0.1:4566\r\n\r\n' "$1" >&3
	read -r -t 10 status <&3 || status=
	exec 3>&-
	[[ "$status" == *" 200 "* ]]
} 2>/dev/null

up() { answers /_localstack/health; }

# ready asks for the bucket, which is the last thing that init.py makes.
ready() { answers /grading-dev; }

taken() { (exec 3<>/dev/tcp/127.0.0.1/4566) 2>/dev/null; }

# wait_for SECONDS CONDITION succeeds as soon as the condition holds.
wait_for() {
	local deadline=$((SECONDS + $1))
	until "$2"; do
		if ((SECONDS >= deadline)); then return 1; fi
		sleep 0.2
	done
}

# start_image fails without a word where there is no engine, no compose or no image to be had.
start_image() {
	if ! has_compose || ! bounded 300 docker pull --quiet "$image" >/dev/null 2>&1; then return 1; fi
	say "starting $image (its log: docker logs slashgrade-localstack)"
	quietly compose up --detach
	wait_for 60 ready || give_up "$image was not ready on 127.0.0.1:4566 within 60 s" "see docker logs slashgrade-localstack"
}

python311() { python_with 'v == (3, 11)' python3.11 python3 /usr/bin/python3.11; }

install_package() {
	if ! python311 >/dev/null; then
		can_install || give_up "no image registry, and no Python 3.11 with venv for LocalStack's Python package" \
			"install Docker Compose and give this machine an image registry, or install Python 3.11 with venv"
		install_packages python3.11-venv # Debian 12 has it
	fi
	python_env "$environment" "$(python311)" "$here/requirements.txt" "$here/constraints.txt"
}

# start_package keeps all of LocalStack's files under the cache: without OVERRIDE_IN_DOCKER it takes some machines for
# its own container and writes to /var/lib. LocalStack 4.6 drops an IPv4 address of GATEWAY_LISTEN and listens on every
# interface; the same address in IPv6's spelling is kept. The services are loaded before the port answers, and queue URLs
# need no DNS.
start_package() {
	local files="$cache/localstack-files"
	install_package
	install -D "$here/init.py" "$files/etc/localstack/init/ready.d/init.py"
	say "starting LocalStack's Python package (log: $log)"
	SERVICES=sqs,s3 EAGER_SERVICE_LOADING=1 GATEWAY_LISTEN="[::ffff:127.0.0.1]:4566" \
		LOCALSTACK_HOST=127.0.0.1:4566 SQS_ENDPOINT_STRATEGY=path \
		OVERRIDE_IN_DOCKER=0 FILESYSTEM_ROOT="$files" \
		SKIP_SSL_CERT_DOWNLOAD=1 DISABLE_EVENTS=1 LS_LOG=warning \
		setsid nohup "$environment/bin/python" -m localstack.runtime.main </dev/null >"$log" 2>&1 9>&- &
	echo $! >"$cache/localstack.pid"
	wait_for 60 ready || {
		tail -n 20 "$log" >&2
		give_up "LocalStack was not ready on 127.0.0.1:4566 within 60 s" "its whole log is $log"
	}
}

# init serves a LocalStack that somebody else started, and one that lost its bucket; else LocalStack runs init.py itself.
init() {
	say "making the queues and the bucket"
	install_package
	"$environment/bin/python" "$here/init.py"
}

if ready; then exit; fi
one_at_a_time localstack
if up; then
	init
elif taken; then
	give_up "something that is not LocalStack has port 4566 of the loopback" "end it (ss -tlnp shows which process it is)"
else
	start_image || start_package
fi
