package regrading_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/internal/awstest"
	"github.com/slashgrade/slashgrade/internal/testengine"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/regrading"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/store"
	"github.com/slashgrade/slashgrade/store/s3store"
)

// newDesk is a desk on the real engine. What it leaves there at the end fails the test.
func newDesk(t *testing.T) *desk.Desk {
	t.Helper()
	engine, id := testengine.New(t)
	return desk.New(engine, &runner.Options{ID: id, Version: "test"})
}

// today is the question's grader of today: right is 4, and the variant's parameter stands in the message.
const today = `#!/bin/sh
mkdir /grade/results
score=0
[ "$(cat /grade/student/answer.txt)" = 4 ] && score=1
grep -q '"base":2' /grade/data/data.json || score=0.25
[ -e /grade/tests/old.txt ] && score=0.75
echo "{\"score\": $score}" > /grade/results/results.json
`

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func openQuestion(t *testing.T) *desk.Question {
	t.Helper()
	course := t.TempDir()
	write(t, filepath.Join(course, "infoCourse.json"), "{}")
	folder := filepath.Join(course, "questions/sum")
	write(t, filepath.Join(folder, "info.json"), `{"gradingMethod": "External", "externalGradingOptions":
		{"image": "debian:trixie-slim", "entrypoint": "/grade/tests/run.sh", "timeout": 20}}`)
	write(t, filepath.Join(folder, "tests/run.sh"), today)
	question, err := desk.OpenQuestion(folder, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = question.Close() })
	return question
}

// job is a job's archive as a platform stored it, with the grader of then.
func job(t *testing.T, answer string) []byte {
	t.Helper()
	return testenv.Archive(t,
		testenv.Entry{Name: "./tests/run.sh", Content: "#!/bin/sh\nexit 1\n", Mode: 0o755},
		testenv.Entry{Name: "./tests/old.txt", Content: "of then"},
		testenv.Entry{Name: "./student/answer.txt", Content: answer},
		testenv.Entry{Name: "./data/data.json", Content: `{"params": {"base":2}, "variant_seed": 7, "submitted_answers": {"a": 1}}`})
}

// jobs are stored jobs: the answer, and the report of before, "" for none.
func jobs() map[string][2]string {
	return map[string][2]string{
		"job_1": {"4", `{"succeeded": true, "outcome": "graded", "results": {"score": 0}}`},
		"job_2": {"5", `{"succeeded": true, "results": {"score": 0}}`},
		"job_3": {"4", ""},
		"job_4": {"4", `{"succeeded": false, "timedOut": true, "results": null}`},
	}
}

// want is what must come of jobs: before, after, changed.
func want() map[string]string {
	return map[string]string{
		"job_1": "0% 100% true", "job_2": "0% 0% false", "job_3": "not known 100% false", "job_4": "no grade: timed_out 100% true",
	}
}

func compare(t *testing.T, results []*regrading.Result, want map[string]string) {
	t.Helper()
	if len(results) != len(want) {
		t.Errorf("%d results, want %d", len(results), len(want))
	}
	for _, r := range results {
		got := fmt.Sprint(r.Before, " ", r.After, " ", r.Changed)
		if r.Err != nil {
			got = r.Error
		}
		if name := filepath.Base(r.Name); want[name] == "" || !strings.Contains(got, want[name]) {
			t.Errorf("%s: %s, want %s", r.Name, got, want[name])
		}
	}
}

func TestFolderOfJobs(t *testing.T) {
	grader, question, folder := newDesk(t), openQuestion(t), t.TempDir()
	for name, j := range jobs() {
		write(t, filepath.Join(folder, "2026", name, jobspec.ArchiveName), string(job(t, j[0])))
		if j[1] != "" {
			write(t, filepath.Join(folder, "2026", name, jobspec.ResultsName), j[1])
		}
	}
	write(t, filepath.Join(folder, "broken", jobspec.ArchiveName), "no archive")
	write(t, filepath.Join(folder, "no-report", jobspec.ArchiveName), string(job(t, "4")))
	write(t, filepath.Join(folder, "no-report", jobspec.ResultsName), "no JSON")
	items, err := regrading.Folder(folder)
	if err != nil {
		t.Fatal(err)
	}
	expected := want()
	expected["broken"], expected["no-report"] = "not a gzip'd tar", "it is no report"
	compare(t, regrading.Run(t.Context(), question, grader, items, &regrading.Options{Parallel: 3}), expected)
}

func TestFolderOfSubmissions(t *testing.T) {
	grader, question, folder := newDesk(t), openQuestion(t), t.TempDir()
	write(t, filepath.Join(folder, "ada/answer.txt"), "4")
	items, err := regrading.Folder(folder)
	if err != nil {
		t.Fatal(err)
	}
	// A submission by itself has no variant, so the grader finds no parameter.
	compare(t, regrading.Run(t.Context(), question, grader, items, &regrading.Options{}), map[string]string{"ada": "not known 25% false"})
	if _, err := regrading.Folder(t.TempDir()); err == nil {
		t.Error("an empty folder is taken")
	}
}

func TestJobsInS3(t *testing.T) {
	services := awstest.NewServices(t)
	grader, question, bucket := newDesk(t), openQuestion(t), services.Bucket(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	files, err := s3store.New(t.Context(), &s3store.Options{Endpoint: testenv.NeedsLocalStack(t), Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(files.Close)
	list := "# jobs of the exam\n\nno-such-job\n" + putJobs(t, files, bucket)
	items, err := regrading.Jobs(strings.NewReader(list), bucket, files, func(err error) bool { return errors.Is(err, store.ErrNotExist) })
	if err != nil {
		t.Fatal(err)
	}
	expected := want()
	expected["no-such-job"] = "no-such-job"
	compare(t, regrading.Run(t.Context(), question, grader, items, &regrading.Options{Parallel: 3}), expected)
	// Nothing was written.
	report, err := io.ReadAll(services.Object(t, bucket, "exam/job_1/"+jobspec.ResultsName).Body)
	if err != nil || string(report) != jobs()["job_1"][1] {
		t.Errorf("job_1 has another report now: %s, %v", report, err)
	}
	none := jobspec.Location{Bucket: bucket, Root: "exam/job_3"}
	if _, err := files.Open(t.Context(), none, jobspec.ResultsName); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("job_3 has a report now: %v", err)
	}
}

// putJobs stores the jobs under exam/, and returns a list of them.
func putJobs(t *testing.T, files *s3store.Store, bucket string) string {
	t.Helper()
	list := ""
	for name, j := range jobs() {
		at := jobspec.Location{Bucket: bucket, Root: "exam/" + name}
		if err := files.Put(t.Context(), at, jobspec.ArchiveName, bytes.NewReader(job(t, j[0]))); err != nil {
			t.Fatal(err)
		}
		if j[1] != "" {
			if err := files.Put(t.Context(), at, jobspec.ResultsName, strings.NewReader(j[1])); err != nil {
				t.Fatal(err)
			}
		}
		list += map[string]string{
			"job_1": "s3://" + bucket + "/exam/job_1/job.tar.gz", "job_2": "s3://" + bucket + "/exam/job_2/",
			"job_3": "exam/job_3", "job_4": "exam/job_4",
		}[name] + "\n"
	}
	return list
}

func TestListOfJobs(t *testing.T) {
	for list, reason := range map[string]string{
		"": "names no job", "# a\n": "names no job", "ok\ns3://bucket\n": "line 2", "/root": "line 1", strings.Repeat("x", 1<<17): "too long",
	} {
		if _, err := regrading.Jobs(strings.NewReader(list), "bucket", nil, nil); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%.30q: %v, want %q", list, err, reason)
		}
	}
	if _, err := regrading.Jobs(strings.NewReader("root"), "", nil, nil); err == nil {
		t.Error("a root without a bucket is taken")
	}
}

func TestHostileArchives(t *testing.T) {
	for name, c := range map[string]struct {
		entries []testenv.Entry
		reason  string
	}{
		"a link":       {[]testenv.Entry{{Name: "student/a", Type: '2', Link: "/etc/passwd"}}, "not a plain file"},
		"a pipe":       {[]testenv.Entry{{Name: "student/a", Type: '6'}}, "not a plain file"},
		"bad data":     {[]testenv.Entry{{Name: "data/data.json", Content: "{"}}, "data/data.json"},
		"much":         {[]testenv.Entry{{Name: "student/a", Content: strings.Repeat("x", jobspec.MaxSubmissionBytes+1)}}, "more than"},
		"ways outside": {[]testenv.Entry{{Name: "student/../../../etc/x", Content: "x"}, {Name: "../student/y", Content: "y"}}, ""},
	} {
		submission, err := regrading.ReadArchive(bytes.NewReader(testenv.Archive(t, c.entries...)))
		if c.reason != "" && (err == nil || !strings.Contains(err.Error(), c.reason)) || c.reason == "" && err != nil {
			t.Errorf("%s: %v, want %q", name, err, c.reason)
		}
		if c.reason == "" && (len(submission.Files) != 1 || submission.Files[0].Name != "y") {
			t.Errorf("%s: %+v", name, submission.Files)
		}
	}
}
