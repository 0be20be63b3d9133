# Helpers for graders that are shell scripts. To be sourced.
# shellcheck shell=sh

# json_text writes its input as a JSON text: the first 2,000 bytes, valid UTF-8, without control characters.
json_text() {
  head -c 2000 | iconv -c -f UTF-8 -t UTF-8 | tr '\t' ' ' | tr -d '\000-\010\013-\037\177' |
    sed 's/\\/\\\\/g; s/"/\\"/g' | awk 'BEGIN { printf "\"" } NR > 1 { printf "\\n" } { printf "%s", $0 } END { printf "\"" }'
}

# json_test writes one test of results.json: name, points, maximum, and the output from its input.
json_test() {
  printf '{"name": %s, "points": %d, "max_points": %d, "output": %s}' "$(printf '%s' "$1" | json_text)" "$2" "$3" "$(json_text)"
}

# not_gradable ends grading without using up an attempt. Its argument says why.
not_gradable() {
  printf '{"gradable": false, "format_errors": [%s]}\n' "$(printf '%s' "$1" | json_text)" >/grade/results/results.json
  exit 0
}
