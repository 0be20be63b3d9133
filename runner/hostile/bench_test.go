package hostile_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/store/dirstore"
)

// bench grades cases by one runner, whose containers are all gone when the test ends.
type bench struct {
	engine *watchedEngine
	files  *dirstore.Dir
	host   *host
	id     string
	place  *place
	weaken func(*sandbox.Profile) // nil but in tests of the suite itself
}

// newBench returns a bench in the environment's place.
func newBench(t *testing.T) *bench {
	t.Helper()
	testenv.NeedsDocker(t)
	return newBenchOn(t, environmentsPlace(t), "")
}

// newBenchOn returns a bench on the Docker engine of the address, or on what makes containers beside it.
func newBenchOn(t *testing.T, at *place, address string) *bench {
	t.Helper()
	files, err := dirstore.Open(filepath.Join(t.TempDir(), "jobs"))
	if err != nil {
		t.Fatal(err)
	}
	engine := at.engine(t, address)
	b := &bench{
		engine: &watchedEngine{Engine: engine, containers: map[string]string{}}, files: files, id: "hostile-" + strings.ToLower(rand.Text()), place: at,
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if left, err := engine.Sweep(ctx, b.id); err != nil || left > 0 {
			t.Errorf("%d containers were left behind (%v)", left, err)
		}
		_ = files.Close()
	})
	b.host = newHost(t, b)
	return b
}

// watchedEngine remembers which container served which job.
type watchedEngine struct {
	sandbox.Engine
	mu         sync.Mutex
	containers map[string]string // by job
}

// Start implements [sandbox.Engine].
func (w *watchedEngine) Start(ctx context.Context, spec *sandbox.Spec) (sandbox.Container, error) {
	container, err := w.Engine.Start(ctx, spec)
	if err == nil {
		w.mu.Lock()
		w.containers[spec.Job] = container.ID()
		w.mu.Unlock()
	}
	return container, err
}

func (w *watchedEngine) of(job string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.containers[job]
}

// graded is what came of a case.
type graded struct {
	*jobspec.Report
	job  *jobspec.Job
	log  string
	took time.Duration // from the message to the report
}

// grade takes the case's message as a queue does and returns the report, nil where nobody could be answered.
func (b *bench) grade(t *testing.T, judge judge, c *hostileCase) *graded {
	t.Helper()
	id := strings.ToLower(rand.Text())
	job, refusal := readMessage(t, c.message(t, id, b.host.environment()))
	if refusal != "" && job.ID == "" {
		return nil
	}
	began := time.Now()
	job.ReceivedAt, job.SubmittedAt, job.DeliveryID = began, began, "delivery"
	if refusal != "" {
		return newGraded(t, runner.Refused(job, refusal), job, time.Since(began))
	}
	if err := b.files.Put(t.Context(), job.Files, jobspec.ArchiveName, bytes.NewReader(c.archive(t))); err != nil {
		t.Fatal(err)
	}
	grader := runner.New(b.engine, b.files, &runner.Options{ID: b.id, Version: "test", Profile: b.policy(t, c)})
	grading, err := grader.Grade(t.Context(), job)
	if err != nil {
		t.Fatalf("the job would go back to its queue: %v", err)
	}
	got := newGraded(t, grading, job, time.Since(began))
	b.keep(t, judge, grading, job.ID)
	return got
}

// readMessage returns the job, or with it why it is refused.
func readMessage(t *testing.T, body []byte) (*jobspec.Job, string) {
	t.Helper()
	job, err := jobspec.ParseMessage(body)
	if err == nil {
		return job, ""
	}
	bad, ok := errors.AsType[*jobspec.MessageError](err)
	if !ok {
		t.Fatalf("the message's error is of no known kind: %v", err)
	}
	return bad.Job, bad.Reason
}

func newGraded(t *testing.T, grading *runner.Grading, job *jobspec.Job, took time.Duration) *graded {
	t.Helper()
	log, err := io.ReadAll(grading.Log.Reader())
	if err != nil {
		t.Fatal(err)
	}
	return &graded{Report: grading.Report, job: job, log: string(log), took: took}
}

// keep does what a worker does when the job has been answered, and compares the host.
func (b *bench) keep(t *testing.T, judge judge, grading *runner.Grading, job string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	if grading.HasArchive() {
		b.host.checkArchive(judge, func(w io.Writer) error { return grading.Archive(ctx, w) })
	}
	container := b.engine.of(job)
	traces := b.host.traces(t, b, container)
	if err := grading.Close(ctx); err != nil {
		judge.Errorf("the container could not be removed: %v", err)
	}
	b.host.compare(judge, traces)
}

// policy is the profile of the case: the bench's, with limits that are reached soon.
func (b *bench) policy(t *testing.T, c *hostileCase) *sandbox.Profile {
	t.Helper()
	profile, err := sandbox.FindProfile(b.place.profile, nil)
	if err != nil {
		t.Fatal(err)
	}
	profile.Runtime = b.place.runtime
	if c.settings.Profile != "default" {
		shrink(profile)
	}
	if b.weaken != nil {
		b.weaken(profile)
	}
	return profile
}

// shrink lowers the figures and no rule. CPU time stays, since it decides how long cases take.
func shrink(profile *sandbox.Profile) {
	const mib = 1 << 20
	profile.MemoryBytes, profile.Processes = 128*mib, 128
	profile.GradeBytes, profile.GradeInodes = 64*mib, 20_000
	profile.ScratchBytes, profile.SharedBytes, profile.DiskBytes = 32*mib, 16*mib, 64*mib
	profile.CPUs = 0.9
}
