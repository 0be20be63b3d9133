package jobspec_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/schemas"
)

func ExampleParseMessage() {
	job, err := jobspec.ParseMessage([]byte(`{"jobId":"17","image":"debian:trixie-slim","entrypoint":"/bin/sh '/grade/tests/run all.sh'",
		"s3Bucket":"grading","s3RootKey":"job_17","timeout":2.5,"enableNetworking":false,"environment":{"LANG":null}}`))
	fmt.Printf("%q %s %v\n", job.Entrypoint, job.Timeout, err)

	_, err = jobspec.ParseMessage([]byte(`{"jobId":"18","image":"--privileged","entrypoint":"'","timeout":0,"environment":null}`))
	if bad, ok := errors.AsType[*jobspec.MessageError](err); ok {
		fmt.Println("job", bad.Job.ID, "has", bad.ProblemCount, "problems, the first:", bad.Problems[0])
	}
	// Output:
	// ["/bin/sh" "/grade/tests/run all.sh"] 2.5s <nil>
	// job 18 has 7 problems, the first: /enableNetworking must be present, found nothing
}

func ExampleMarshalMessage() {
	body, _ := jobspec.MarshalMessage(&jobspec.Job{
		ID: "17", Image: "debian:trixie-slim", Entrypoint: []string{"/grade/tests/run.sh", "a b"}, Timeout: 2500 * time.Millisecond,
		Files: jobspec.Location{Bucket: "grading", Root: "job_17"},
	})
	fmt.Println(string(body))
	// Output:
	// {"jobId":"17","image":"debian:trixie-slim","entrypoint":"/grade/tests/run.sh 'a b'","s3Bucket":"grading","s3RootKey":"job_17","timeout":2.5,"enableNetworking":false,"environment":{}}
}

func ExampleFormatSeconds() {
	fmt.Println(jobspec.FormatSeconds(30*time.Second), jobspec.FormatSeconds(2500*time.Millisecond))
	// Output: 30 2.5
}

// messageWith is a good message with some keys replaced; a nil value removes the key, and json.RawMessage stands for itself.
func messageWith(tb testing.TB, changes map[string]any) []byte {
	tb.Helper()
	object := map[string]any{
		"jobId": "17", "image": "debian:trixie-slim", "entrypoint": json.RawMessage("null"), "s3Bucket": "grading",
		"s3RootKey": "job_17", "timeout": 30, "enableNetworking": false, "environment": map[string]any{},
	}
	for key, value := range changes {
		if object[key] = value; value == nil {
			delete(object, key)
		}
	}
	body, err := json.Marshal(object)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func TestParseMessage(t *testing.T) {
	good := jobspec.Job{
		ID: "17", Image: "debian:trixie-slim", Timeout: 30 * time.Second, Environment: map[string]*string{},
		Files: jobspec.Location{Bucket: "grading", Root: "job_17"},
	}
	for _, test := range []struct {
		name    string
		changes map[string]any
		want    func(*jobspec.Job)
		warning string
	}{
		{"least", nil, func(*jobspec.Job) {}, ""},
		{"unknown keys", map[string]any{"priority": 3, "JobId": "18", "IMAGE": "other"}, func(*jobspec.Job) {}, ""},
		{"entrypoint", map[string]any{"entrypoint": `/grade/a\ b "c d"  'e'f`}, func(j *jobspec.Job) { j.Entrypoint = []string{"/grade/a b", "c d", "ef"} }, ""},
		{"no comment in entrypoint", map[string]any{"entrypoint": "a #b"}, func(j *jobspec.Job) { j.Entrypoint = []string{"a", "#b"} }, ""},
		{"empty argument", map[string]any{"entrypoint": "a ''"}, func(j *jobspec.Job) { j.Entrypoint = []string{"a", ""} }, ""},
		{"backslash in double quotes", map[string]any{"entrypoint": `a "\n"`}, func(j *jobspec.Job) { j.Entrypoint = []string{"a", `\n`} }, ""},
		{"nothing is expanded", map[string]any{"entrypoint": "a $HOME *;b"}, func(j *jobspec.Job) { j.Entrypoint = []string{"a", "$HOME", "*;b"} }, ""},
		{"environment", map[string]any{"environment": map[string]any{"A": "x=y", "B": json.RawMessage("null"), "c d": ""}}, func(j *jobspec.Job) {
			j.Environment = map[string]*string{"A": new("x=y"), "B": nil, "c d": new("")}
		}, ""},
		{"digest", map[string]any{"image": "ghcr.io/a/b@sha256:" + strings.Repeat("0", 64)}, func(j *jobspec.Job) { j.Image = "ghcr.io/a/b@sha256:" + strings.Repeat("0", 64) }, ""},
		{"registry with port", map[string]any{"image": "localhost:5000/a:B"}, func(j *jobspec.Job) { j.Image = "localhost:5000/a:B" }, ""},
		{"fraction", map[string]any{"timeout": 2.5}, func(j *jobspec.Job) { j.Timeout = 2500 * time.Millisecond }, ""},
		{"tiny", map[string]any{"timeout": 1e-12}, func(j *jobspec.Job) { j.Timeout = time.Millisecond }, ""},
		{"highest", map[string]any{"timeout": 600}, func(j *jobspec.Job) { j.Timeout = 600 * time.Second }, ""},
		{"too high", map[string]any{"timeout": 600.5}, func(j *jobspec.Job) { j.Timeout = 600 * time.Second }, "the timeout of 600.5 seconds is above the limit and was lowered to 600 seconds"},
		{"far too high", map[string]any{"timeout": 1e300}, func(j *jobspec.Job) { j.Timeout = 600 * time.Second }, "1e+300"},
		{"networking", map[string]any{"enableNetworking": true}, func(j *jobspec.Job) { j.EnableNetworking = true }, ""},
		{"odd files", map[string]any{"s3RootKey": "../a b/?ü"}, func(j *jobspec.Job) { j.Files.Root = "../a b/?ü" }, ""},
		{"odd id", map[string]any{"jobId": "../../x\n"}, func(j *jobspec.Job) { j.ID = "../../x\n" }, ""},
		{"longest id", map[string]any{"jobId": strings.Repeat("1", 256)}, func(j *jobspec.Job) { j.ID = strings.Repeat("1", 256) }, ""},
		{"requested at", map[string]any{"gradingRequestedAt": "2026-01-02T04:04:05.123456+01:00"}, func(j *jobspec.Job) {
			j.RequestedAt = time.Date(2026, time.January, 2, 3, 4, 5, 123_456_000, time.UTC)
		}, ""},
		{"requested null", map[string]any{"gradingRequestedAt": json.RawMessage("null")}, func(*jobspec.Job) {}, ""},
		{"requested some time", map[string]any{"gradingRequestedAt": "yesterday"}, func(*jobspec.Job) {}, `gradingRequestedAt is left out: it must be a time in RFC 3339, found "yesterday"`},
		{"requested as number", map[string]any{"gradingRequestedAt": 1767323045}, func(*jobspec.Job) {}, "gradingRequestedAt is left out"},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := good
			test.want(&want)
			got, err := jobspec.ParseMessage(messageWith(t, test.changes))
			if err != nil {
				t.Fatal(err)
			}
			warnings := strings.Join(got.Warnings, "\n")
			if (warnings == "") != (test.warning == "") || !strings.Contains(warnings, test.warning) {
				t.Errorf("warnings %q, want %q", warnings, test.warning)
			}
			got.Warnings = nil
			if diff := cmp.Diff(&want, got); diff != "" {
				t.Errorf("job (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseMessageRefuses(t *testing.T) {
	null := json.RawMessage("null")
	for _, test := range []struct {
		name    string
		changes map[string]any
		want    string // in the reason
		id      string // that an answer can use
	}{
		{"no id", map[string]any{"jobId": nil}, "/jobId must be present", ""},
		{"id as number", map[string]any{"jobId": 17}, "/jobId must be a string, found 17", ""},
		{"empty id", map[string]any{"jobId": ""}, "/jobId must not be empty", ""},
		{"long id", map[string]any{"jobId": strings.Repeat("1", 10_000)}, "/jobId must have at most 256 bytes", ""},
		{"no image", map[string]any{"image": nil}, "/image must be present", "17"},
		{"image null", map[string]any{"image": null}, "/image must be a string, found null", "17"},
		{"image empty", map[string]any{"image": ""}, "/image must not be empty", "17"},
		{"image as option", map[string]any{"image": "--privileged"}, `/image must be an image's name such as debian:trixie-slim or python@sha256:…, found "--privileged"`, "17"},
		{"image as command", map[string]any{"image": ";touch /tmp/x"}, "/image must be an image's name", "17"},
		{"image in upper case", map[string]any{"image": "Debian"}, "/image must be in lower case", "17"},
		{"image as path", map[string]any{"image": "../../etc/passwd"}, "/image must be an image's name", "17"},
		{"image as id", map[string]any{"image": strings.Repeat("a", 64)}, "/image must be an image's name", "17"},
		{"image with bad digest", map[string]any{"image": "a@sha256:12"}, "/image must be an image's name", "17"},
		{"long image", map[string]any{"image": strings.Repeat("a", 500_000)}, "/image must be an image's name", "17"},
		{"no entrypoint", map[string]any{"entrypoint": nil}, "/entrypoint must be present", "17"},
		{"entrypoint empty", map[string]any{"entrypoint": ""}, "/entrypoint must not be empty", "17"},
		{"entrypoint blank", map[string]any{"entrypoint": "  \n"}, "/entrypoint must name a program", "17"},
		{"entrypoint of quotes", map[string]any{"entrypoint": `"" a`}, "/entrypoint must name a program", "17"},
		{"entrypoint array", map[string]any{"entrypoint": []string{"a"}}, "/entrypoint must be a string or null", "17"},
		{"open quote", map[string]any{"entrypoint": `a "b`}, "/entrypoint must close its quotes", "17"},
		{"open single quote", map[string]any{"entrypoint": `it's`}, "/entrypoint must close its quotes", "17"},
		{"backslash at end", map[string]any{"entrypoint": `a \`}, "/entrypoint must close its quotes and not end in a backslash", "17"},
		{"long entrypoint", map[string]any{"entrypoint": strings.Repeat("a ", 100_000)}, "/entrypoint must have less than 131072 bytes", "17"},
		{"no timeout", map[string]any{"timeout": nil}, "/timeout must be present", "17"},
		{"timeout 0", map[string]any{"timeout": 0}, "/timeout must be more than 0, found 0", "17"},
		{"timeout negative", map[string]any{"timeout": -5}, "/timeout must be more than 0, found -5", "17"},
		{"timeout text", map[string]any{"timeout": "30"}, `/timeout must be a number, found "30"`, "17"},
		{"timeout null", map[string]any{"timeout": null}, "/timeout must be a number, found null", "17"},
		{"timeout true", map[string]any{"timeout": true}, "/timeout must be a number, found true", "17"},
		{"networking text", map[string]any{"enableNetworking": "false"}, "/enableNetworking must be true or false", "17"},
		{"environment null", map[string]any{"environment": null}, "/environment must be an object, found null", "17"},
		{"environment number", map[string]any{"environment": map[string]any{"A": 1}}, "/environment/A must be a string or null, found 1", "17"},
		{"variable without name", map[string]any{"environment": map[string]any{"": "a"}}, "/environment/ must have a name", "17"},
		{"variable with =", map[string]any{"environment": map[string]any{"A=B": null}}, `/environment/A=B must not have "=" in its name`, "17"},
		{"long variable", map[string]any{"environment": map[string]any{"A": strings.Repeat("x", 131_070)}}, "/environment/A must take at most 131072 bytes with its name", "17"},
		{"many variables", map[string]any{"environment": environment(10_000, 1)}, "/environment must have at most 1000 keys", "17"},
		{"much environment", map[string]any{"environment": environment(990, 600)}, "/environment must take at most 524288 bytes in all", "17"},
		{"no bucket", map[string]any{"s3Bucket": nil}, "/s3Bucket must be present", "17"},
		{"empty root", map[string]any{"s3RootKey": ""}, "/s3RootKey must not be empty", "17"},
		{"long root", map[string]any{"s3RootKey": strings.Repeat("a", 1001)}, "/s3RootKey must have at most 1000 characters", "17"},
	} {
		t.Run(test.name, func(t *testing.T) {
			job, err := jobspec.ParseMessage(messageWith(t, test.changes))
			var bad *jobspec.MessageError
			if !errors.As(err, &bad) {
				t.Fatalf("job %v, error %v", job, err)
			}
			if !strings.Contains(bad.Reason, test.want) || len(bad.Reason) > 20_000 {
				t.Errorf("reason %.500q, want %q", bad.Reason, test.want)
			}
			if bad.Job.ID != test.id {
				t.Errorf("id %.20q, want %q", bad.Job.ID, test.id)
			}
			if len(bad.Problems) == 0 || bad.ProblemCount < len(bad.Problems) {
				t.Errorf("%d of %d problems", len(bad.Problems), bad.ProblemCount)
			}
		})
	}
}

func TestParseMessageThatIsNoDocument(t *testing.T) {
	files := jobspec.Location{Bucket: "b", Root: "r"}
	for _, test := range []struct {
		name, body string
		want       string
		id         string
		files      jobspec.Location
	}{
		{"empty", "", "the job message is not JSON: line 1, column 1: the file is empty", "", jobspec.Location{}},
		{"junk", strings.Repeat("junk", 1<<16), "is not JSON", "", jobspec.Location{}},
		{"array", `["17"]`, "the document must be an object", "", jobspec.Location{}},
		{"too large", `{"jobId":"17","x":"` + strings.Repeat("x", 1<<20) + `"}`, "at most 1048576 are allowed", "17", jobspec.Location{}},
		{"NaN", `{"jobId":"17","s3Bucket":"b","s3RootKey":"r","timeout":NaN}`, "NaN and Infinity are not JSON", "17", files},
		{"too large a number", `{"timeout":1e999,"jobId":"17","s3Bucket":"b","s3RootKey":"r"}`, "the number 1e999 is too large", "17", files},
		{"BOM", "\xef\xbb\xbf" + `{"jobId":"17","s3Bucket":"b","s3RootKey":"r"}`, "byte order mark", "17", files},
		{"truncated", `{"jobId":"17","s3Bucket":"b","s3Ro`, "ends in the middle", "17", jobspec.Location{Bucket: "b"}},
		{"trailing bytes", `{"jobId":"17","s3Bucket":"b","s3RootKey":"r"} x`, "there is more after the end", "17", files},
		{"truncated id", `{"jobId":"17`, "ends in the middle", "", jobspec.Location{}},
		{"deep", `{"jobId":"17","x":` + strings.Repeat("[", 100_000), "nest deeper", "17", jobspec.Location{}},
		{"id null", `{"jobId":null,"timeout":NaN}`, "NaN", "", jobspec.Location{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := jobspec.ParseMessage([]byte(test.body))
			var bad *jobspec.MessageError
			if !errors.As(err, &bad) || !strings.Contains(bad.Error(), test.want) {
				t.Fatalf("error %v, want %q", err, test.want)
			}
			if bad.Job.ID != test.id || bad.Job.Files != test.files {
				t.Errorf("job %q in %v, want %q in %v", bad.Job.ID, bad.Job.Files, test.id, test.files)
			}
		})
	}
}

func TestParseMessageWithin(t *testing.T) {
	job, err := jobspec.ParseMessageWithin(messageWith(t, map[string]any{"timeout": 900}), 1200*time.Second)
	if err != nil || job.Timeout != 900*time.Second || len(job.Warnings) > 0 {
		t.Errorf("job %+v, error %v", job, err)
	}
}

func TestParseMessageWarnsOfDuplicates(t *testing.T) {
	body := strings.Replace(string(messageWith(t, nil)), "{", `{"jobId":"1",`, 1)
	job, err := jobspec.ParseMessage([]byte(body))
	if err != nil || job.ID != "17" || len(job.Warnings) != 1 {
		t.Errorf("job %+v, error %v", job, err)
	}
}

// What a platform writes with MarshalMessage is the job that ParseMessage reads.
func TestMarshalMessage(t *testing.T) {
	word := rapid.OneOf(rapid.StringMatching(`[ -~]{1,8}`), rapid.StringN(1, 6, -1)).Filter(func(s string) bool { return !strings.ContainsRune(s, 0) })
	rapid.Check(t, func(t *rapid.T) {
		want := &jobspec.Job{
			ID: word.Draw(t, "id"), Image: "debian:trixie-slim", Entrypoint: rapid.SliceOfN(word, 1, 4).Draw(t, "entrypoint"),
			Timeout:          time.Duration(rapid.IntRange(1, 600_000).Draw(t, "ms")) * time.Millisecond,
			EnableNetworking: rapid.Bool().Draw(t, "networking"),
			Environment:      map[string]*string{"A": new(word.Draw(t, "a")), "B": nil},
			Files:            jobspec.Location{Bucket: word.Draw(t, "bucket"), Root: word.Draw(t, "root")},
			RequestedAt:      time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "requested")).UTC(),
		}
		body, err := jobspec.MarshalMessage(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := jobspec.ParseMessage(body)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", body, diff)
		}
	})
}

func FuzzParseMessage(f *testing.F) {
	f.Add(messageWith(f, nil))
	f.Add(messageWith(f, map[string]any{"entrypoint": `a "b c" \d`, "environment": map[string]any{"A": "b"}}))
	f.Add([]byte(`{"jobId":"17","timeout":NaN}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		job, err := jobspec.ParseMessage(body)
		var bad *jobspec.MessageError
		switch {
		case errors.As(err, &bad):
			if bad.Job == nil || bad.Reason == "" || len(bad.Problems) > schemas.MaxShown || len(bad.Job.ID) > jobspec.MaxIDBytes {
				t.Fatalf("%+v", bad)
			}
		case err != nil:
			t.Fatalf("error %v is no *MessageError", err)
		default:
			checkJob(t, job)
		}
	})
}

// checkJob fails unless the job keeps what Job's documentation promises, also after it was sent once more.
func checkJob(t *testing.T, job *jobspec.Job) {
	t.Helper()
	if job.ID == "" || job.Timeout <= 0 || job.Timeout > jobspec.MaxTimeout || job.Entrypoint != nil && job.Entrypoint[0] == "" {
		t.Fatalf("%+v", job)
	}
	body, err := jobspec.MarshalMessage(job)
	if err != nil {
		t.Fatal(err)
	}
	again, err := jobspec.ParseMessage(body)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if diff := cmp.Diff(job.Entrypoint, again.Entrypoint); diff != "" {
		t.Fatalf("entrypoint (-first +again):\n%s", diff)
	}
}

// environment has n variables of so many bytes each.
func environment(n, bytes int) map[string]any {
	object := make(map[string]any, n)
	for i := range n {
		object[fmt.Sprintf("V%05d", i)] = strings.Repeat("x", bytes)
	}
	return object
}
