# shellcheck shell=bash
# How start.sh and stop.sh call Docker Compose: as Docker's plugin or as the program of its own. Sourced.

compose() {
	local file
	file="$(dirname "${BASH_SOURCE[0]}")/docker-compose.yml"
	if docker compose version >/dev/null 2>&1; then
		docker compose --project-name slashgrade-localstack --file "$file" "$@"
	else
		docker-compose --project-name slashgrade-localstack --file "$file" "$@"
	fi
}

has_compose() { compose version >/dev/null 2>&1; }
