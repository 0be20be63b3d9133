package runner_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/slashgrade/slashgrade/internal/testengine"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/schemas"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const (
	// script is the entrypoint of every job that names no other.
	script = "/grade/tests/run.sh"
	// leave is the shell command that leaves a job's results.
	leave = "mkdir /grade/results && cp /grade/tests/results.json /grade/results/"
	// absent is the Results of a report that has none; null is those of one that says so.
	absent, null = "absent", "null"
)

// bench grades jobs in a real engine, with containers of its own that are all gone when the test ends.
type bench struct {
	engine  *dockerengine.Engine
	id      string
	profile *sandbox.Profile // nil is the default
}

func newBench(t *testing.T) *bench {
	t.Helper()
	engine, id := testengine.New(t)
	return &bench{engine: engine, id: id}
}

// job is a job as tests write it. The zero value of each field is a good one.
type job struct {
	script     string // of tests/run.sh
	results    string // tests/results.json
	files      []testenv.Entry
	archive    []byte // in place of the three above
	image      string
	entrypoint []string // nil is script
	imagesOwn  bool     // the image's own entrypoint
	timeout    time.Duration
	env        map[string]*string
}

func (j *job) pack(t *testing.T) []byte {
	t.Helper()
	if j.archive != nil {
		return j.archive
	}
	files := []testenv.Entry{{Name: "./tests/run.sh", Content: "#!/bin/sh\n" + j.script}}
	if j.results != "" {
		files = append(files, testenv.Entry{Name: "./tests/results.json", Content: j.results})
	}
	return testenv.Archive(t, append(files, j.files...)...)
}

func (j *job) spec() *jobspec.Job {
	now := time.Now()
	spec := &jobspec.Job{
		ID: "17", Image: testenv.Image, Entrypoint: []string{script}, Timeout: 20 * time.Second, Environment: j.env,
		Files:       jobspec.Location{Bucket: "bucket", Root: "job_17"},
		RequestedAt: now.Add(-2 * time.Second), SubmittedAt: now.Add(-time.Second), ReceivedAt: now, DeliveryID: "d",
	}
	if j.image != "" {
		spec.Image = j.image
	}
	if j.entrypoint != nil || j.imagesOwn {
		spec.Entrypoint = j.entrypoint
	}
	if j.timeout != 0 {
		spec.Timeout = j.timeout
	}
	return spec
}

// content is a Files with one file.
type content []byte

func (c content) Open(context.Context, jobspec.Location, string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(c)), nil
}

// broken is a Files on which every Open fails.
type broken struct{ err error }

func (b broken) Open(context.Context, jobspec.Location, string) (io.ReadCloser, error) {
	return nil, b.err
}

// graded is what a test looks at of a job that was graded.
type graded struct {
	*jobspec.Report
	Log  string
	Text string // the report's JSON
}

func (b *bench) newRunner(files runner.Files) *runner.Runner {
	return runner.New(b.engine, files, &runner.Options{ID: b.id, Version: "test", Profile: b.profile})
}

// grade grades the job and checks what holds for every report.
func (b *bench) grade(t *testing.T, j *job) *graded {
	t.Helper()
	return b.gradeFrom(t, content(j.pack(t)), j.spec())
}

func (b *bench) gradeFrom(t *testing.T, files runner.Files, spec *jobspec.Job) *graded {
	t.Helper()
	grading, err := b.newRunner(files).Grade(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := grading.Close(t.Context()); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	checkStamps(t, grading.Report, spec)
	return &graded{Report: grading.Report, Log: readLog(t, grading.Log), Text: checkJSON(t, grading.Report)}
}

// checkStamps holds every report to the order of the timestamps and to PrairieLearn's names for them.
func checkStamps(t *testing.T, report *jobspec.Report, spec *jobspec.Job) {
	t.Helper()
	times := report.Timestamps
	order := []time.Time{times.RequestedAt, times.SubmittedAt, times.ReceivedAt, times.StartedAt, times.FinishedAt}
	if !slices.IsSortedFunc(order, time.Time.Compare) || slices.ContainsFunc(order, time.Time.IsZero) {
		t.Errorf("timestamps are missing or not in order: %v", order)
	}
	if !times.GradedAt.IsZero() {
		t.Errorf("graded_at is %v in the answer that it times", times.GradedAt)
	}
	if times.FinishedAt.Sub(times.ReceivedAt) < time.Millisecond {
		t.Errorf("finished %v is less than 1 ms after received %v", times.FinishedAt, times.ReceivedAt)
	}
	for _, stamp := range order {
		if stamp.Location() != time.UTC || stamp.Nanosecond()%int(time.Millisecond) != 0 {
			t.Errorf("the stamp %v is not in UTC and whole milliseconds", stamp)
		}
	}
	got := []string{report.ReceivedTime, report.StartTime, report.EndTime}
	want := []string{jobspec.FormatTime(spec.ReceivedAt), jobspec.FormatTime(times.StartedAt), jobspec.FormatTime(times.FinishedAt)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("PrairieLearn's times differ (-want +got):\n%s", diff)
	}
}

// checkJSON holds every report to its schema.
func checkJSON(t *testing.T, report *jobspec.Report) string {
	t.Helper()
	text, err := report.Encode("")
	if err != nil {
		t.Fatal(err)
	}
	document, err := schemas.Decode(text)
	if err != nil {
		t.Fatalf("the report is not JSON: %v", err)
	}
	if err := schemas.ValidateReport(document.Value); err != nil {
		t.Errorf("the report breaks its schema: %v", err)
	}
	return string(text)
}

func readLog(t *testing.T, log *runner.OutputLog) string {
	t.Helper()
	text, err := io.ReadAll(log.Reader())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// verdict is what PrairieLearn reads of a report.
type verdict struct {
	Outcome             jobspec.Outcome
	Succeeded, TimedOut bool
	Message             string
	Results             string // JSON, or absent
}

func (g *graded) verdict() verdict {
	v := verdict{Outcome: g.Outcome, Succeeded: g.Succeeded, TimedOut: g.TimedOut, Message: g.Message, Results: absent}
	if g.Results != nil {
		v.Results = string(g.Results)
	}
	return v
}

// goodVerdict is that of a job that got these results.
func goodVerdict(results string) verdict {
	return verdict{Outcome: jobspec.Graded, Succeeded: true, Results: results}
}

// row is a line of a table: a job and what must come of it.
type row struct {
	name     string
	job      job
	want     verdict
	log      string   // what the log must hold beside the message
	warnings []string // all of the report's
}

// rows runs each job in a container of its own.
func (b *bench) rows(t *testing.T, table []row) {
	t.Helper()
	for _, r := range table {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			got := b.grade(t, &r.job)
			if diff := cmp.Diff(r.want, got.verdict()); diff != "" {
				t.Errorf("the verdict differs (-want +got):\n%.2000s", diff)
			}
			if diff := cmp.Diff(r.warnings, got.Warnings); diff != "" {
				t.Errorf("the warnings differ (-want +got):\n%.2000s", diff)
			}
			if !strings.Contains(got.Log, r.log) {
				t.Errorf("the log lacks %q:\n%.3000s", r.log, got.Log)
			}
		})
	}
}

var (
	errDown    = errors.New("the store is down")
	errMissing = fmt.Errorf("no such object: %w", fs.ErrNotExist)
)
