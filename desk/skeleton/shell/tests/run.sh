#!/bin/sh
# Grades double.sh: a point for each number that is doubled right.
set -eu
script=/grade/student/double.sh
mkdir -m 700 /grade/results

# The student's script runs as another user, who can neither read the tests nor write the results.
chmod 700 /grade/tests
run_student() {
  if [ "$(id -u)" -eq 0 ]; then
    setpriv --reuid=65534 --regid=65534 --clear-groups sh "$script"
  else
    sh "$script"
  fi
}

if [ ! -f "$script" ]; then
  echo '{"gradable": false, "format_errors": ["There is no file double.sh."]}' >/grade/results/results.json
  exit 0
fi

passed=0 total=0 tests=
for number in 3 -7; do
  points=0
  if [ "$(echo "$number" | run_student 2>&1 | head -c 1000)" = $((number * 2)) ]; then
    points=1
  fi
  passed=$((passed + points)) total=$((total + 1))
  tests="$tests${tests:+, }{\"name\": \"double $number\", \"points\": $points, \"max_points\": 1}"
done
score=$(awk -v passed="$passed" -v total="$total" 'BEGIN { printf "%.6f", passed / total }')
echo "{\"score\": $score, \"tests\": [$tests]}" >/grade/results/results.json
