# shellcheck shell=bash
# What the scripts here share: where they keep things, one at a time, one clear line for each thing done. Sourced.

# What is downloaded, built or started for the project's own use; safe to delete when nothing runs.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/slashgrade
mkdir -p "$cache"
self=$(basename "$0" .sh)

# say prints a line for something that is being done.
say() { printf '%s: %s\n' "$self" "$*"; }

# give_up LINE... ends the script: what is wrong and, on the following lines, what to do.
give_up() {
	printf "$self: %s\n" "$@" >&2
	exit 1
}

# quietly COMMAND... shows the command's output only when it fails, and then ends the script.
quietly() {
	local log="$cache/$self.log"
	"$@" >"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		give_up "failed: $*" "the whole log is $log"
	}
}

# one_at_a_time NAME waits for other scripts in the same section; the end of the script ends the section. Commands
# that outlive the script must close descriptor 9. macOS has no flock; there the scripts run unprotected.
one_at_a_time() {
	exec 9>"$cache/$1.lock"
	if command -v flock >/dev/null; then flock 9; fi
}

# bounded SECONDS COMMAND... ends a command that takes too long, where the system has timeout (macOS has not).
bounded() {
	if command -v timeout >/dev/null; then timeout "$@"; else "${@:2}"; fi
}

# can_install tells whether this machine's packages may be installed here: Debian or a relative of it, as root.
can_install() { command -v apt-get >/dev/null && [[ "$(id -u)" == 0 ]]; }

# install_packages PACKAGE... installs Debian packages; the caller has asked can_install.
install_packages() {
	say "installing $*"
	export DEBIAN_FRONTEND=noninteractive
	quietly apt-get update
	quietly apt-get install -y -o DPkg::Lock::Timeout=300 "$@"
}

# python_env DIRECTORY PYTHON FILE... makes a virtual environment with what the requirements files list, and makes it
# anew when they or the interpreter change. A file named constraints.txt only bounds versions.
python_env() {
	local directory=$1 python=$2 stamp file
	shift 2
	stamp=$("$python" --version; cat "$@")
	if [[ "$(cat "$directory/slashgrade-stamp" 2>/dev/null)" == "$stamp" ]]; then return; fi
	say "installing Python packages of $*"
	local options=()
	for file in "$@"; do
		if [[ "$(basename "$file")" == constraints.txt ]]; then options+=(-c "$file"); else options+=(-r "$file"); fi
	done
	quietly "$python" -m venv --clear "$directory"
	quietly "$directory/bin/pip" install --quiet --disable-pip-version-check "${options[@]}"
	printf '%s\n' "$stamp" >"$directory/slashgrade-stamp"
}

# python_with CONDITION CANDIDATE... prints the first of the interpreters that can make virtual environments and whose
# version satisfies the condition, an expression of Python about the tuple v.
python_with() {
	local condition=$1 candidate
	shift
	for candidate in "$@"; do
		if "$candidate" -c "import ensurepip, sys; v = sys.version_info[:2]; sys.exit(not ($condition))" 2>/dev/null; then
			echo "$candidate"
			return
		fi
	done
	return 1
}

# recent_python prints a Python of 3.11 or later, 3.13 (the grader image's) first; on Debian it is installed if missing.
recent_python() {
	local candidates=(python3.13 python3.12 python3.11 python3 /usr/bin/python3)
	if python_with 'v >= (3, 11)' "${candidates[@]}"; then return; fi
	can_install || give_up "no Python 3.11 or later with the module venv" "install one (Debian: python3 and python3-venv)"
	install_packages python3 python3-venv >&2
	python_with 'v >= (3, 11)' "${candidates[@]}"
}
