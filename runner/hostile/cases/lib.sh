# shellcheck shell=sh
# What the cases' scripts share. An attack reports what worked: a score of 1 with the list of it, else 0.

# worked WHAT: notes that an attack worked.
worked() { echo "$*" >>/grade/worked; }

# try WHAT COMMAND...: notes that an attack worked if the command succeeds. What it says goes to the log.
try() {
	what=$1
	shift
	if ("$@"); then worked "$what"; fi
}

# results JSON: leaves results.
results() {
	mkdir -p /grade/results
	printf '%s' "$1" >/grade/results/results.json
}

# report: leaves the score of an attack.
report() {
	if [ -s /grade/worked ]; then
		results "{\"score\":1,\"message\":\"worked: $(tr -c 'a-zA-Z0-9/._-' ' ' </grade/worked)\"}"
	else
		results '{"score":0}'
	fi
}

# calls NAME...: tries system calls of lib.pl's list that are refused before their arguments are looked at.
calls() {
	for name in "$@"; do try "$name" perl -e 'require "/grade/tests/lib.pl"; exit(allowed(shift) ? 0 : 1)' "$name"; done
}
