#!/usr/bin/env bash
# Runs every fuzz target for a while, one after the other; FUZZTIME is how long each (30s). What one finds stays as a seed in testdata/fuzz of
# its package, which belongs into the commit that mends it. Arguments choose targets by name.
set -euo pipefail

source "$(dirname "$0")/lib.sh"
time=${FUZZTIME:-30s}

# Each new input is made smaller for a minute by default, in which nothing else is tried; where goroutines decide what is covered that never
# succeeds, and a minute that does not end in time fails the run with "context deadline exceeded".
minimize=10x

failed=()
while IFS=: read -r file target; do
	if (($# > 0)) && [[ " $* " != *" $target "* ]]; then continue; fi
	package=./$(dirname "$file")
	say "$target in $package for $time"
	log=$cache/$self-$target.log
	if ! go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime "$minimize" "$package" >"$log" 2>&1; then
		tail -n 40 "$log" >&2
		failed+=("$target")
		continue
	fi
	grep -E '^fuzz: elapsed' "$log" | tail -n 1
done < <(git grep --untracked -E '^func Fuzz[A-Za-z]+\(' -- '*_test.go' | sed -E 's/^([^:]+):func (Fuzz[A-Za-z]+).*/\1:\2/')

if ((${#failed[@]} > 0)); then
	give_up "failed: ${failed[*]}" "the inputs are in testdata/fuzz of their packages; keep them as seeds"
fi
