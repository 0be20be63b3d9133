#!/usr/bin/env bash
# Runs shellcheck on every shell script of the project, in the version of requirements.txt wherever it runs. Students'
# submissions are not the project's: one of them has a syntax error on purpose.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source "$here/lib.sh"
environment="$cache/shellcheck-venv"

one_at_a_time shellcheck
python_env "$environment" "$(recent_python)" "$here/requirements.txt"
cd "$here/.."
git ls-files -z --cached --others --exclude-standard -- '*.sh' .ci/run ':!examples/submissions' ':!*/grader_tests/*' |
	xargs -0 "$environment/bin/shellcheck" --severity=warning
