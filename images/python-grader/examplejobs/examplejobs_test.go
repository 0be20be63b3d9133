// Package examplejobs_test grades whole example jobs in the real image under the real runner, and holds what comes of each to what the
// contract of PrairieLearn's Python grader says. jobs/ has one file a job (job_test.go tells its format); the submissions of the course
// in examples/python-course are graded too (course_test.go).
package examplejobs_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testengine"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
)

const (
	// image is what every job runs in.
	image = "slashgrade/python-grader:dev"
	// atOnce is how many jobs run at a time. Limits of a second or two are part of some jobs, so the machine must not be crowded.
	atOnce = 2
)

func TestJobs(t *testing.T) {
	b := newBench(t)
	files, err := filepath.Glob("jobs/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no jobs: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			j := parseJob(t, text)
			t.Parallel()
			first := b.grade(t, j)
			j.compare(t, first)
			for range j.settings.Runs - 1 {
				again := b.grade(t, j)
				if !bytes.Equal(again.Results, first.Results) {
					t.Errorf("another run has other results: %s\nthe first had: %s", again.Results, first.Results)
				}
			}
		})
	}
}

// bench grades jobs in a real engine, with containers of its own that are all gone when the test ends.
type bench struct {
	engine *dockerengine.Engine
	id     string
	slots  chan struct{}
}

func newBench(t *testing.T) *bench {
	t.Helper()
	testenv.NeedsImage(t, image, "make images")
	engine, id := testengine.New(t)
	return &bench{engine: engine, id: id, slots: make(chan struct{}, atOnce)}
}

// graded is a report and the log beside it.
type graded struct {
	*jobspec.Report
	Log string
}

// grade runs the job when a slot is free.
func (b *bench) grade(t *testing.T, j *job) *graded {
	t.Helper()
	b.slots <- struct{}{}
	defer func() { <-b.slots }()
	profile := sandbox.Profiles()[sandbox.PrairieLearn]
	if j.settings.MemoryMiB > 0 {
		profile.MemoryBytes = j.settings.MemoryMiB << 20
		profile.GradeBytes, profile.ScratchBytes, profile.SharedBytes = 32<<20, 16<<20, 8<<20
	}
	grader := runner.New(b.engine, archive(j.archive), &runner.Options{ID: b.id, Version: "test", Profile: profile})
	grading, err := grader.Grade(t.Context(), j.spec())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := grading.Close(t.Context()); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	log, err := io.ReadAll(grading.Log.Reader())
	if err != nil {
		t.Fatal(err)
	}
	return &graded{Report: grading.Report, Log: string(log)}
}

// archive is a Files with one file.
type archive []byte

func (a archive) Open(context.Context, jobspec.Location, string) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(a)), nil
}
