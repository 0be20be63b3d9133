#!/usr/bin/env bash
# Runs shellcheck on every shell script of the project, in the version of requirements.txt wherever it runs.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source "$here/lib.sh"
environment="$cache/shellcheck-venv"

one_at_a_time shellcheck
python_env "$environment" "$(recent_python)" "$here/requirements.txt"
cd "$here/.."
git ls-files -z --cached --others --exclude-standard -- '*.sh' .ci/run | xargs -0 "$environment/bin/shellcheck"
