package runner_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/schemas"
)

const (
	messageUnparsable = "Could not parse the grading results."
	messageMissing    = "Could not read grading results."
	messageTooLarge   = "The grading results were larger than 1MB. If the problem persists, please contact course staff or a proctor."
	messageInvalid    = "The grading results are not valid, so there is no grade. Please contact course staff and show them this: results.json: "
)

func unparsable() verdict {
	return verdict{Outcome: jobspec.ResultsUnparsable, Message: messageUnparsable, Results: absent}
}

func invalid(what string) verdict {
	return verdict{Outcome: jobspec.ResultsInvalid, Message: messageInvalid + what, Results: absent}
}

func tooLarge() verdict {
	return verdict{Outcome: jobspec.ResultsTooLarge, Message: messageTooLarge, Results: absent}
}

func missing() verdict {
	return verdict{Outcome: jobspec.NoResults, Message: messageMissing, Results: absent}
}

// resultsOf is a row whose grader leaves the results as they are.
func resultsOf(name, results string, want verdict, log string) row {
	return row{name: name, job: job{script: leave, results: results}, want: want, log: log}
}

// padded is a results.json of exactly size bytes.
func padded(size int) string {
	const start, end = `{"output":"`, `","score":1}`
	return start + strings.Repeat("x", size-len(start)-len(end)) + end
}

// manyTests is a results.json with n empty tests.
func manyTests(n int) string {
	return `{"score":1,"tests":[` + strings.TrimSuffix(strings.Repeat("{},", n), ",") + `]}`
}

// namelessTests are the warnings about manyTests.
func namelessTests(n int) []string {
	var warnings []string
	for i := range schemas.MaxShown {
		warnings = append(warnings, fmt.Sprintf("/tests/%d/name is missing; the student sees a test without a headline", i))
	}
	// One more about the points, which no test has.
	return append(warnings, fmt.Sprintf("and %d more warnings", n+1-schemas.MaxShown))
}

func nested(levels int) string {
	return `{"score":1,"x":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + `}`
}

const mebibyte = 1 << 20

func TestResultsBytes(t *testing.T) {
	b := newBench(t)
	b.rows(t, []row{
		{name: "missing", job: job{script: "true"}, want: missing(), log: "there is no /grade/results"},
		{name: "missing in its folder", job: job{script: "mkdir /grade/results"}, want: missing(), log: "there is no /grade/results/results.json"},
		{
			name: "a folder", job: job{script: "mkdir -p /grade/results/results.json"}, want: missing(),
			log: "/grade/results/results.json is not a file",
		},
		{
			name: "a link", job: job{script: "mkdir /grade/results; ln -s /etc/passwd /grade/results/results.json"}, want: missing(),
			log: "is a symbolic link; links are not followed",
		},
		{
			name: "a FIFO", job: job{script: "mkdir /grade/results; mkfifo /grade/results/results.json"}, want: missing(),
			log: "/grade/results/results.json is not a file",
		},
		resultsOf("1 MiB", padded(mebibyte), goodVerdict(padded(mebibyte)), ""),
		resultsOf("1 MiB and a byte", padded(mebibyte+1), tooLarge(), "results.json has 1048577 bytes"),
		{
			name: "5 GB sparse", job: job{script: "mkdir /grade/results; truncate -s 5G /grade/results/results.json"}, want: tooLarge(),
			log: "results.json has 5368709120 bytes",
		},
		resultsOf("not JSON", `{"score":1`, unparsable(), "the document ends in the middle"),
		resultsOf("Python", `{'score': True}`, unparsable(), "double quotes"),
		resultsOf("NaN", `{"score": NaN}`, unparsable(), "line 1, column 11: NaN and Infinity are not JSON"),
		resultsOf("Infinity", `{"score": Infinity}`, unparsable(), "NaN and Infinity are not JSON"),
		resultsOf("byte order mark", "\xef\xbb\xbf"+`{"score":1}`, unparsable(), "byte order mark"),
		resultsOf("raw NUL", "{\"score\":1,\"message\":\"a\x00b\"}", unparsable(), "there is a NUL byte"),
		resultsOf("second document", `{"score":1} {"score":0}`, unparsable(), "there is more after the end of the document"),
		resultsOf("10,000 levels", nested(10_000), unparsable(), "nest deeper than 1000 levels"),
		resultsOf("1e9999999", `{"score":1e9999999}`, unparsable(), "the number 1e9999999 is too large for a 64-bit float"),
		{
			name: "many large exponents", job: job{script: leave, results: `{"score":1,"x":[` + strings.Repeat("1e300,", 100_000) + `1]}`},
			want: goodVerdict(`{"score":1,"x":[` + strings.Repeat("1e+300,", 100_000) + `1]}`),
		},
		{
			name: "100,000 tests", job: job{script: leave, results: manyTests(100_000)}, want: goodVerdict(manyTests(100_000)),
			warnings: namelessTests(100_000),
		},
		{
			name: "written late", job: job{script: leave + "\n(sleep 1; echo '{\"score\":1}' >/grade/results/results.json) &", results: `{"score":0}`},
			want: goodVerdict(`{"score":0}`),
		},
	})
}

func TestResultsRepaired(t *testing.T) {
	b := newBench(t)
	b.rows(t, []row{
		{
			name: "duplicate keys", job: job{script: leave, results: `{"score":0,"score":1}`}, want: goodVerdict(`{"score":1}`),
			warnings: []string{`the key "score" stands more than once in the document; the last one counts`},
			log:      "Warning: the key",
		},
		{
			name: "case of keys", job: job{script: leave, results: `{"score":0.25,"SCORE":1}`}, want: goodVerdict(`{"SCORE":1,"score":0.25}`),
			warnings: []string{"/SCORE is ignored: the key is written score"},
		},
		{
			name: "U+0000", job: job{script: leave, results: `{"score":1,"message":"a\u0000b"}`},
			want:     goodVerdict(`{"message":"a\\u0000b","score":1}`),
			warnings: []string{`there is U+0000 in the text: it is replaced by the six characters \u0000`},
		},
		{
			name: "invalid UTF-8", job: job{script: leave, results: "{\"score\":1,\"message\":\"a\xffb\"}"},
			want:     goodVerdict(`{"message":"a` + "\uFFFD" + `b","score":1}`),
			warnings: []string{"the text is not valid UTF-8: the bytes in question are replaced by U+FFFD"},
		},
		{
			name: "lone surrogate", job: job{script: leave, results: `{"score":1,"message":"a\ud800b"}`},
			want: goodVerdict(`{"message":"a` + "\uFFFD" + `b","score":1}`),
		},
		{
			name: "unknown keys", job: job{script: leave, results: `{"score":0.5,"max_points":2,"__proto__":{"score":1},"b":["<&>"]}`},
			want: goodVerdict(`{"__proto__":{"score":1},"b":["<&>"],"max_points":2,"score":0.5}`),
		},
		{
			name: "an envelope of its own", job: job{script: leave, results: `{"job_id":"1","succeeded":true,"score":0.5,"results":{"score":1}}`},
			want: goodVerdict(`{"job_id":"1","results":{"score":1},"score":0.5,"succeeded":true}`),
		},
		{
			name: "not gradable", job: job{script: leave, results: `{"gradable":false,"format_errors":["syntax"]}`},
			want: goodVerdict(`{"format_errors":["syntax"],"gradable":false}`),
		},
		{
			name: "-0.0", job: job{script: leave, results: `{"score":-0.0}`}, want: goodVerdict(`{"score":-0}`),
		},
	})
}

func TestResultsRules(t *testing.T) {
	b := newBench(t)
	b.rows(t, []row{
		resultsOf("score above 1", `{"score":1.0000000000000002}`, invalid("/score must be at most 1, found 1.0000000000000002"), ""),
		resultsOf("score below 0", `{"score":-0.1}`, invalid("/score must be at least 0, found -0.1"), ""),
		resultsOf("score null", `{"score":null}`, invalid("/score must be a number, found null"), ""),
		resultsOf("score text", `{"score":"1"}`, invalid(`/score must be a number, found "1"`), ""),
		resultsOf("score text though not gradable", `{"gradable":false,"score":"1"}`, invalid(`/score must be a number, found "1"`), ""),
		resultsOf("score missing", `{}`, invalid(`/score must be present, unless "gradable" is false, found nothing`), ""),
		resultsOf("gradable text", `{"score":1,"gradable":"false"}`, invalid(`/gradable must be true or false, found "false"`), ""),
		resultsOf("gradable null", `{"score":1,"gradable":null}`, invalid(`/gradable must be true or false, found null`), ""),
		resultsOf("tests an object", `{"score":1,"tests":{"a":1}}`, invalid("/tests must be an array of tests, found an object of 1 key"), ""),
		resultsOf("points text", `{"score":1,"tests":[{"name":"a","points":"1","max_points":1}]}`,
			invalid(`/tests/0/points must be a number or true or false, found "1"`), ""),
		resultsOf("array", `[]`, invalid("the document must be an object, found an array of 0 items"), ""),
		resultsOf("text", `"x"`, invalid(`the document must be an object, found "x"`), ""),
		resultsOf("null", `null`, invalid("the document must be an object, found null"), ""),
		resultsOf("several", `{"score":2,"gradable":1}`,
			invalid("/gradable must be true or false, found 1; /score must be at most 1, found 2"), ""),
	})
}

// Results of 1 MiB whose indentation would take a gigabyte are a way to end the runner, unless the report is stored without it.
func TestResultsOfManyLevelsStayBounded(t *testing.T) {
	b := newBench(t)
	const levels = 990
	deep := `{"score":1,"x":` + strings.Repeat("[", levels) + strings.TrimSuffix(strings.Repeat("1,", 400_000), ",") + strings.Repeat("]", levels) + `}`
	got := b.grade(t, &job{script: leave, results: deep})
	if !got.Succeeded {
		t.Errorf("the job failed: %s", got.Message)
	}
	text, err := got.Encode("  ")
	if err != nil || len(text) > 2*mebibyte {
		t.Errorf("the report has %d bytes (%v)", len(text), err)
	}
}
