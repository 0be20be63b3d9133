package schemas_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/schemas"
)

func ExampleValidateResults() {
	document, _ := schemas.Decode([]byte(`{"score": 1.5, "gradable": "false", "tests": [{"name": "a", "points": "2", "max_points": 2}]}`))
	_, err := schemas.ValidateResults(document.Value)
	fmt.Println(err)
	document, _ = schemas.Decode([]byte(`{"score": 0.5, "succeeded": false}`))
	warnings, err := schemas.ValidateResults(document.Value)
	fmt.Println(warnings, err)
	// Output:
	// results.json: /gradable must be true or false, found "false"; /score must be at most 1, found 1.5; /tests/0/points must be a number or true or false, found "2"
	// [/succeeded is false: the score becomes 0 and an attempt is used up; to spare the student the attempt, set gradable to false] <nil>
}

// The rows of the platform: what PrairieLearn does with results.json that a runner passes on. Where it fails the job, shows nothing or
// crashes, the schema fails the job with the place; where it drops or changes something, the schema warns.
func TestValidateResults(t *testing.T) {
	for _, test := range []struct {
		name, results string
		want          string // in the error; "" is valid
		warning       string // in the warnings; "" is none
	}{
		// The documented format.
		{"documented example", documented, "", ""},
		{"score only", `{"score":1}`, "", ""},
		{"partial", `{"score":0.25,"gradable":true}`, "", ""},
		{"not gradable", `{"gradable":false}`, "", ""},
		{"not gradable with reasons", `{"gradable":false,"score":0,"format_errors":["a","b"]}`, "", ""},
		{"one format error", `{"gradable":false,"format_errors":"syntax error"}`, "", ""},
		{"unknown keys", `{"score":1,"max_points":3,"__proto__":{},"filename":"x","tests":[{"name":"a","points":1,"max_points":1,"files":[]}]}`, "", ""},

		// "results did not contain 'results' object."
		{"null", `null`, "the document must be an object, found null", ""},
		{"false", `false`, "the document must be an object", ""},
		{"text", `"score"`, `the document must be an object, found "score"`, ""},
		{"array", `[]`, "the document must be an object, found an array of 0 items", ""},
		{"number", `1`, "the document must be an object", ""},

		// "score "X" was not a number.", also when it is not gradable.
		{"score text", `{"score":"1.0"}`, `/score must be a number, found "1.0"`, ""},
		{"score true", `{"score":true}`, "/score must be a number, found true", ""},
		{"score array", `{"score":[1]}`, "/score must be a number", ""},
		{"score text, not gradable", `{"score":"1","gradable":false}`, "/score must be a number", ""},
		{"score null", `{"score":null}`, "/score must be a number, found null", ""},
		{"score null, not gradable", `{"score":null,"gradable":false}`, "/score must be a number, found null", ""},

		// "score was not provided."
		{"no score", `{}`, `/score must be present, unless "gradable" is false, found nothing`, ""},
		{"no score, gradable", `{"gradable":true}`, "/score must be present", ""},
		{"no score, not succeeded", `{"succeeded":false}`, "/score must be present", ""},
		{"score in other case", `{"Score":1}`, "/score must be present", ""},
		{"envelope", `{"job_id":"1","succeeded":true,"results":{"score":1}}`, "/score must be present", ""},

		// "score is out of range."
		{"just above", `{"score":1.0000000000000002}`, "/score must be at most 1, found 1.0000000000000002", ""},
		{"rounds to one", `{"score":1.0000000000000001}`, "", ""},
		{"a little above", `{"score":1.0000001}`, "/score must be at most 1", ""},
		{"below", `{"score":-0.01}`, "/score must be at least 0, found -0.01", ""},
		{"smallest below", `{"score":-5e-324}`, "/score must be at least 0, found -5e-324", ""},
		{"minus zero", `{"score":-0.0}`, "", ""},
		{"zero", `{"score":0}`, "", ""},
		{"huge", `{"score":1e308}`, "/score must be at most 1", ""},
		{"out of range, not gradable", `{"score":7,"gradable":false}`, "", "/score 7 is ignored"},
		{"out of range, not succeeded", `{"score":7,"succeeded":false}`, "", "/succeeded is false"},
		{"out of range, succeeded null", `{"score":7,"succeeded":null}`, "/score must be at most 1", ""},

		// gradable is taken by truthiness: a mistake of the grader that costs attempts.
		{"gradable text", `{"score":1,"gradable":"false"}`, `/gradable must be true or false, found "false"`, ""},
		{"gradable 0", `{"score":1,"gradable":0}`, "/gradable must be true or false, found 0", ""},
		{"gradable null", `{"score":1,"gradable":null}`, "/gradable must be true or false, found null", ""},
		{"gradable text without score", `{"gradable":"false"}`, "/score must be present", ""},

		// results.succeeded: score 0, but an attempt is used up.
		{"not succeeded", `{"score":1,"succeeded":false}`, "", "the score becomes 0 and an attempt is used up"},
		{"not succeeded, not gradable", `{"gradable":false,"succeeded":false}`, "", ""},
		{"succeeded", `{"score":1,"succeeded":true}`, "", ""},
		{"succeeded 0", `{"score":1,"succeeded":0}`, "", "/succeeded is 0"},
		{"succeeded text", `{"score":1,"succeeded":"false"}`, "", "it counts as true"},

		// format_errors: other types are dropped, items are not looked at.
		{"format_errors object", `{"score":1,"format_errors":{"a":"b"}}`, "", "/format_errors must be text or an array of texts, found an object of 1 key"},
		{"format_errors number", `{"score":1,"format_errors":3}`, "", "does not see it"},
		{"format_errors items", `{"score":1,"format_errors":["a",3]}`, "", "/format_errors/1 must be text, found 3"},

		// Shapes on which the results element fails.
		{"tests object", `{"score":1,"tests":{"a":{}}}`, "/tests must be an array of tests, found an object of 1 key", ""},
		{"tests text", `{"score":1,"tests":"none"}`, "/tests must be an array of tests", ""},
		{"tests number", `{"score":1,"tests":3}`, "/tests must be an array of tests", ""},
		{"tests true", `{"score":1,"tests":true}`, "/tests must be an array of tests", ""},
		{"test null", `{"score":1,"tests":[null]}`, "/tests/0 must be an object, found null", ""},
		{"test text", `{"score":1,"tests":[{"name":"a","points":1,"max_points":1},"b"]}`, `/tests/1 must be an object, found "b"`, ""},
		{"points text", `{"score":1,"tests":[{"name":"a","points":"1","max_points":1}]}`, "/tests/0/points must be a number", ""},
		{"max_points array", `{"score":1,"tests":[{"name":"a","points":1,"max_points":[1]}]}`, "/tests/0/max_points must be a number", ""},
		{"points text, not gradable", `{"gradable":false,"tests":[{"name":"a","points":"1","max_points":1}]}`, "/tests/0/points must be a number", ""},

		// What the element drops or shows otherwise.
		{"no tests", `{"score":1,"tests":[]}`, "", ""},
		{"tests null", `{"score":1,"tests":null}`, "", ""},
		{"tests empty text", `{"score":1,"tests":""}`, "", "/tests must be an array of tests, found text; no tests are shown"},
		{"tests empty object", `{"score":1,"tests":{}}`, "", "no tests are shown"},
		{"points missing in one", `{"score":1,"tests":[{"name":"a","points":1,"max_points":1},{"name":"b","max_points":1}]}`, "", "/tests/1/points is missing; therefore no points are shown for any test"},
		{"points null", `{"score":1,"tests":[{"name":"a","points":null,"max_points":1}]}`, "", "/tests/0/points is missing"},
		{"points text, but hidden", `{"score":1,"tests":[{"name":"a","points":"1","max_points":1},{"name":"b"}]}`, "", "/tests/1/points is missing"},
		{"points true", `{"score":1,"tests":[{"name":"a","points":true,"max_points":1}]}`, "", "/tests/0/points must be a number, found true"},
		{"score against points", `{"score":1,"tests":[{"name":"a","points":1,"max_points":4}]}`, "", "/score is 1 but the tests' points are 1 of 4"},
		{"score with points", `{"score":0.25,"tests":[{"name":"a","points":1,"max_points":4}]}`, "", ""},
		{"thirds", `{"score":0.3333333333333333,"tests":[{"name":"a","points":1,"max_points":3}]}`, "", ""},
		{"points of 0", `{"score":1,"tests":[{"name":"a","points":0,"max_points":0}]}`, "", ""},
		{"no name", `{"score":1,"tests":[{"points":1,"max_points":1}]}`, "", "/tests/0/name is missing"},
		{"name number", `{"score":1,"tests":[{"name":7,"points":1,"max_points":1}]}`, "", "/tests/0/name must be text, found 7"},
		{"message object", `{"score":1,"message":{"a":1}}`, "", "/message must be text, found an object of 1 key"},
		{"message null", `{"score":1,"message":null,"output":null}`, "", ""},
		{"output array", `{"score":1,"output":["a"]}`, "", "/output must be text, found an array of 1 item"},
		{"test output number", `{"score":1,"tests":[{"name":"a","points":1,"max_points":1,"output":3}]}`, "", "/tests/0/output must be text, found 3"},
		{"images object", `{"score":1,"images":{"url":"data:,"}}`, "", "/images must be an array of images, found an object of 1 key"},
		{"image number", `{"score":1,"images":[3]}`, "", "/images/0 must be an object with a url"},
		{"image without url", `{"score":1,"images":[{"label":"a"}]}`, "", "/images/0/url must be text, found null"},
		{"image elsewhere", `{"score":1,"images":["https://example.org/a.png"]}`, "", `/images/0 should begin with data:, found "https://example.org/a.png"`},
		{"image script", `{"score":1,"tests":[{"name":"a","points":1,"max_points":1,"images":[{"url":"javascript:alert(1)"}]}]}`, "", "/tests/0/images/0/url should begin with data:"},
		{"image label number", `{"score":1,"images":[{"url":"data:,","label":3}]}`, "", "/images/0/label must be text"},
		{"key in other case", `{"score":1,"Gradable":false}`, "", "/Gradable is ignored: the key is written gradable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			warnings, err := schemas.ValidateResults(decode(t, test.results))
			if got := fmt.Sprint(err); (err == nil) != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("error %s, want %q", got, test.want)
			}
			got := strings.Join(warnings, "\n")
			if (got == "") != (test.warning == "") || !strings.Contains(got, test.warning) {
				t.Errorf("warnings %q, want %q", got, test.warning)
			}
		})
	}
}

// 1e999 and what is no JSON never reaches the schema: "score is not a number." and "Could not parse the grading results.".
func TestResultsThatNeverReachTheSchema(t *testing.T) {
	for _, results := range []string{`{"score":1e999}`, `{"score":NaN}`, `{"score":-Infinity}`, `{"score":1`, ``} {
		var malformed *schemas.Malformed
		if _, err := schemas.Decode([]byte(results)); !errors.As(err, &malformed) {
			t.Errorf("%s: error %v, want a *Malformed", results, err)
		}
	}
}

func TestValidateResultsOrder(t *testing.T) {
	value := decode(t, `{"score":"x","gradable":3,"tests":[`+strings.Repeat(`{"name":"a","points":1,"max_points":1},`, 10)+`1,"a",{"points":[],"max_points":{}}]}`)
	want := []string{"/gradable", "/score", "/tests/10", "/tests/11", "/tests/12/max_points", "/tests/12/points"}
	for range 5 {
		_, err := schemas.ValidateResults(value)
		var invalid *schemas.Invalid
		if !errors.As(err, &invalid) {
			t.Fatalf("error %v", err)
		}
		var got []string
		for _, violation := range invalid.Violations {
			got = append(got, violation.Pointer)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pointers (-want +got):\n%s", diff)
		}
	}
}

// Results as a grader gone wild leaves them: at most 1 MiB, and every item wrong. All violations are counted, few are kept, and the
// check takes little memory beside the document.
func TestValidateResultsBounds(t *testing.T) {
	for _, test := range []struct {
		name, item string
		count      int
		violations int // 0: valid, with more warnings than are shown
	}{
		{"numbers", `1`, 500_000, 500_000},
		{"empty tests", `{}`, 340_000, 0},
		{"wrong points", `{"points":"","max_points":{}}`, 34_000, 68_000},
		{"wrong images", `{"images":[1,2,3]}`, 50_000, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			value := decode(t, `{"score":1,"tests":[`+strings.Repeat(test.item+",", test.count-1)+test.item+`]}`)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			warnings, err := schemas.ValidateResults(value)
			runtime.ReadMemStats(&after)
			if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 192 {
				t.Errorf("the check allocated %d MB in all", grown)
			}
			if test.violations == 0 {
				if err != nil || len(warnings) != schemas.MaxShown+1 {
					t.Errorf("error %v, %d warnings", err, len(warnings))
				}
				return
			}
			var invalid *schemas.Invalid
			if !errors.As(err, &invalid) || invalid.Total != test.violations || len(invalid.Violations) != schemas.MaxShown {
				t.Fatalf("error %.300v", err)
			}
			if len(invalid.Error()) > 16<<10 {
				t.Errorf("the error has %d bytes", len(invalid.Error()))
			}
		})
	}
}

func TestViolationTextIsShortAndPrintable(t *testing.T) {
	value := decode(t, `{"score":"`+strings.Repeat(`\u001b[31m\u202e\n`, 50_000)+`"}`)
	_, err := schemas.ValidateResults(value)
	if err == nil || len(err.Error()) > 800 || strings.ContainsAny(err.Error(), "\x1b\n\u202e") {
		t.Errorf("error %.2000q", err)
	}
}

func decode(tb testing.TB, data string) any {
	tb.Helper()
	document, err := schemas.Decode([]byte(data))
	if err != nil {
		tb.Fatal(err)
	}
	return document.Value
}

// documented has everything that a grader may write, in the shape in which platforms document it.
const documented = `{
  "gradable": true, "score": 0.25, "message": "Done.", "output": "Running\n...",
  "images": [{"label": "One", "url": "data:image/png;base64,AAAA"}, "data:image/jpeg;base64,AAAA"],
  "tests": [
    {"name": "Test 1", "description": "A thing.", "points": 1, "max_points": 1, "message": "Well.", "output": "Fine."},
    {"name": "Test 2", "description": "Harder.", "points": 0, "max_points": 3, "message": "Look again.", "output": "No.",
     "images": [{"url": "data:image/gif;base64,AAAA"}]}
  ]
}`
