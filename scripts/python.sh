#!/usr/bin/env bash
# Gives the Python package of images/python-grader a virtual environment with its development requirements, and runs a
# program of it there:  python.sh pytest -q
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
source "$here/lib.sh"
package="$here/../images/python-grader"
environment="$cache/python-grader-venv"

one_at_a_time python
python_env "$environment" "$(recent_python)" "$package/requirements-dev.txt"
cd "$package"
PATH="$environment/bin:$PATH" exec "$@" 9>&-
