package schemas_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/schemas"
)

func ExampleValidateOptions() {
	document, _ := schemas.Decode([]byte(`{"entrypoint": 7, "timeout": 2.5, "files": []}`))
	if invalid, ok := errors.AsType[*schemas.Invalid](schemas.ValidateOptions(document.Value)); ok {
		for _, violation := range invalid.Violations {
			fmt.Println(violation)
		}
	}
	// Output:
	// /entrypoint must be a string or an array, found 7
	// /files is not a known key (known are comment, enableNetworking, enabled, entrypoint, environment, image, serverFilesCourse, timeout), found an array of 0 items
	// /image must be present, found nothing
	// /timeout must be a whole number, found 2.5
}

func ExampleValidateJobMessage() {
	document, _ := schemas.Decode([]byte(`{"jobId": 17, "image": "debian", "entrypoint": null, "s3Bucket": "b", "s3RootKey": "r",
		"timeout": "30", "enableNetworking": false, "environment": {"A": null, "B": 1}}`))
	fmt.Println(schemas.ValidateJobMessage(document.Value))
	// Output:
	// the job message: /environment/B must be a string or null, found 1; /jobId must be a string, found 17; /timeout must be a number, found "30"
}

func ExampleValidateReport() {
	document, _ := schemas.Decode([]byte(`{"job_id": "1", "succeeded": "yes", "outcome": "lost", "timestamps": {}}`))
	if invalid, ok := errors.AsType[*schemas.Invalid](schemas.ValidateReport(document.Value)); ok {
		fmt.Println(invalid.Total, invalid.Violations[1])
	}
	// Output:
	// 7 /succeeded must be true or false, found "yes"
}

func TestValidateOptions(t *testing.T) {
	for _, test := range []struct{ name, options, want string }{
		{"least", `{"image":"a"}`, ""},
		{"all", `{"image":"a","entrypoint":["b","c"],"serverFilesCourse":["d/"],"timeout":600,"enableNetworking":true,"environment":{"A":"b","C":null},"comment":["x"],"enabled":true}`, ""},
		{"long timeout", `{"image":"a","timeout":100000}`, ""},
		{"whole number as fraction", `{"image":"a","timeout":30.0}`, ""},
		{"no object", `[]`, "the document must be an object"},
		{"no image", `{}`, "/image must be present"},
		{"empty image", `{"image":""}`, "/image must not be empty"},
		{"image in other case", `{"Image":"a"}`, "/Image is not a known key"},
		{"old key", `{"image":"a","files":["x"]}`, "/files is not a known key"},
		{"timeout 0", `{"image":"a","timeout":0}`, "/timeout must be at least 1, found 0"},
		{"timeout negative", `{"image":"a","timeout":-5}`, "/timeout must be at least 1, found -5"},
		{"timeout fraction", `{"image":"a","timeout":0.5}`, "/timeout must be a whole number, found 0.5"},
		{"timeout text", `{"image":"a","timeout":"30"}`, `/timeout must be a whole number, found "30"`},
		{"empty entrypoint", `{"image":"a","entrypoint":[]}`, "/entrypoint must not be empty"},
		{"number in entrypoint", `{"image":"a","entrypoint":["a",1]}`, "/entrypoint/1 must be a string, found 1"},
		{"entrypoint null", `{"image":"a","entrypoint":null}`, "/entrypoint must be a string or an array"},
		{"one course file", `{"image":"a","serverFilesCourse":"x"}`, "/serverFilesCourse must be an array"},
		{"environment number", `{"image":"a","environment":{"a/b":1}}`, "/environment/a~1b must be a string or null, found 1"},
		{"environment array", `{"image":"a","environment":[]}`, "/environment must be an object"},
		{"networking text", `{"image":"a","enableNetworking":"false"}`, "/enableNetworking must be true or false"},
		{"many variables", `{"image":"a","environment":{` + variables(1001) + `}}`, "/environment must have at most 1000 keys"},
		{"many course files", `{"image":"a","serverFilesCourse":[` + strings.Repeat(`"x",`, 1000) + `"x"]}`, "/serverFilesCourse must have at most 1000 items"},
	} {
		t.Run(test.name, func(t *testing.T) {
			matches(t, schemas.ValidateOptions(decode(t, test.options)), test.want)
		})
	}
}

func TestValidateJobMessageNeedsAllKeys(t *testing.T) {
	keys := []string{"enableNetworking", "entrypoint", "environment", "image", "jobId", "s3Bucket", "s3RootKey", "timeout"}
	var invalid *schemas.Invalid
	if !errors.As(schemas.ValidateJobMessage(map[string]any{"other": 1.0}), &invalid) {
		t.Fatal("an empty message is valid")
	}
	var got []string
	for _, violation := range invalid.Violations {
		got = append(got, strings.TrimPrefix(violation.Pointer, "/"))
	}
	if diff := cmp.Diff(keys, got); diff != "" {
		t.Errorf("missing keys (-want +got):\n%s", diff)
	}
}

func TestValidateReport(t *testing.T) {
	const stamps = `"timestamps":{"grading_requested_at":null,"grading_submitted_at":null,"grading_received_at":"2026-11-22T15:03:51.285Z","grading_started_at":null,"grading_finished_at":null}`
	for _, test := range []struct{ name, report, want string }{
		{"least", `{"job_id":"1","succeeded":false,"outcome":"job_invalid",` + stamps + `}`, ""},
		{"results null", `{"job_id":"1","succeeded":false,"outcome":"timed_out","timedOut":true,"results":null,` + stamps + `}`, ""},
		// "results did not contain 'succeeded' field."
		{"no succeeded", `{"job_id":"1","outcome":"graded",` + stamps + `}`, "/succeeded must be present"},
		{"succeeded text", `{"job_id":"1","succeeded":"true","outcome":"graded",` + stamps + `}`, "/succeeded must be true or false"},
		{"outcome", `{"job_id":"1","succeeded":true,"outcome":"fine",` + stamps + `}`, `/outcome must be "graded", "timed_out"`},
		{"time", `{"job_id":"1","succeeded":true,"outcome":"graded","end_time":"yesterday",` + stamps + `}`, "/end_time must"},
		{"stamps", `{"job_id":"1","succeeded":true,"outcome":"graded","timestamps":{}}`, "/timestamps/grading_finished_at must be present"},
		{"exit", `{"job_id":"1","succeeded":true,"outcome":"graded","exit":{"status":256},` + stamps + `}`, "/exit/status must be at most 255"},
		{"problem", `{"job_id":"1","succeeded":true,"outcome":"graded","problems":[{"pointer":""}],` + stamps + `}`, "/problems/0/found must be present"},
	} {
		t.Run(test.name, func(t *testing.T) {
			matches(t, schemas.ValidateReport(decode(t, test.report)), test.want)
		})
	}
}

// matches fails unless the error has want in it; "" wants none.
func matches(t *testing.T, err error, want string) {
	t.Helper()
	if got := fmt.Sprint(err); (err == nil) != (want == "") || !strings.Contains(got, want) {
		t.Errorf("error %s, want %q", got, want)
	}
}

func variables(n int) string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf(`"V%d":"x"`, i)
	}
	return strings.Join(texts, ",")
}
