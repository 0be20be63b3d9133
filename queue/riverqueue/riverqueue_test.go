package riverqueue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue/riverqueue"
)

func TestInsertKeepsEverything(t *testing.T) {
	path := newPath(t)
	q, other := open(t, path), open(t, path)
	value, empty := "a=b\x00<\n", ""
	jobs := []*jobspec.Job{
		{ID: "plain", Image: "debian:trixie-slim", Timeout: 30 * time.Second},
		{
			ID: "every field/ü?", Image: "a@sha256:00", Entrypoint: []string{"/grade/x y", ""},
			Timeout: 2500 * time.Millisecond, EnableNetworking: true,
			Environment: map[string]*string{"A": &value, "EMPTY": &empty, "UNSET": nil},
			Files:       jobspec.Location{Bucket: "b", Root: "../r"},
			RequestedAt: time.Date(2026, 2, 3, 4, 5, 6, 789_000_000, time.UTC), Warnings: []string{"odd"},
		},
		{ID: "empty entrypoint", Image: "x", Entrypoint: []string{}},
	}
	for _, job := range jobs {
		t.Run(job.ID, func(t *testing.T) {
			before := time.Now().Truncate(time.Millisecond)
			if id := insert(t, q, job); id != job.ID {
				t.Errorf("the id is %q", id)
			}
			r := record(t, other, job.ID)
			if diff := cmp.Diff(job, r.Job, cmpopts.IgnoreFields(jobspec.Job{}, "SubmittedAt", "DeliveryID")); diff != "" {
				t.Errorf("the job came back changed (-want +got):\n%s", diff)
			}
			if at := r.Job.SubmittedAt; at.Before(before) || at.After(time.Now()) || r.Job.DeliveryID == "" {
				t.Errorf("submitted at %v, delivery %q", at, r.Job.DeliveryID)
			}
			if r.Report != nil || r.Deliveries != 0 || r.Runner != "" || !r.GradedAt.IsZero() {
				t.Errorf("a job that waits has the record %+v", r)
			}
		})
	}
}

func TestInsertMakesIDs(t *testing.T) {
	q := open(t, newPath(t))
	job := &jobspec.Job{Image: "x"}
	ids := []string{insert(t, q, job), insert(t, q, job), riverqueue.NewID()}
	if job.ID != "" {
		t.Errorf("the caller's job was given the id %q", job.ID)
	}
	if !slices.IsSorted(ids) || len(slices.Compact(ids)) != 3 || ids[0] == "" {
		t.Errorf("ids are %q", ids)
	}
}

func TestInsertRefuses(t *testing.T) {
	q := open(t, newPath(t))
	insert(t, q, &jobspec.Job{ID: "taken"})
	bad := "\xff"
	for _, c := range []struct {
		name string
		job  *jobspec.Job
		want string
	}{
		{"duplicate", &jobspec.Job{ID: "taken"}, riverqueue.ErrDuplicate.Error()},
		{"id", &jobspec.Job{ID: bad}, "UTF-8"},
		{"root", &jobspec.Job{Files: jobspec.Location{Root: bad}}, "UTF-8"},
		{"argument", &jobspec.Job{Entrypoint: []string{"x", bad}}, "UTF-8"},
		{"variable", &jobspec.Job{Environment: map[string]*string{"A": &bad}}, "UTF-8"},
		{"variable's name", &jobspec.Job{Environment: map[string]*string{bad: nil}}, "UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := q.Insert(bounded(t), c.job); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
			wantDepth(t, q, 1, 0)
		})
	}
	if _, err := q.Insert(bounded(t), &jobspec.Job{ID: "taken"}); !errors.Is(err, riverqueue.ErrDuplicate) {
		t.Errorf("got %v, want ErrDuplicate", err)
	}
}

func TestReportReachesOtherHandles(t *testing.T) {
	path := newPath(t)
	platform, runner := open(t, path), open(t, path)
	id := insert(t, platform, &jobspec.Job{Image: "x"})
	driver := newDriver(t, runner, "runner", 1)
	m := receive(t, driver)
	report := &jobspec.Report{
		JobID: id, TimedOut: true, Results: json.RawMessage("null"), Message: "<too slow>",
		Outcome: jobspec.TimedOut, Exit: &jobspec.Exit{Status: 137},
	}
	report.Stamp(jobspec.Timestamps{SubmittedAt: m.Job.SubmittedAt, ReceivedAt: m.Job.ReceivedAt, FinishedAt: time.Now()})
	before := time.Now()
	at, err := driver.Complete(bounded(t), m, report)
	if err != nil || at.Before(before) || at.After(time.Now()) {
		t.Fatalf("completed at %v, %v", at, err)
	}
	if err := driver.Record(bounded(t), m, at); err != nil {
		t.Fatal(err)
	}
	got, err := platform.Wait(bounded(t), id)
	if err != nil {
		t.Fatal(err)
	}
	report.Timestamps.GradedAt = at.UTC().Truncate(time.Millisecond)
	if diff := cmp.Diff(report, got.Report); diff != "" {
		t.Errorf("the report came back changed (-want +got):\n%s", diff)
	}
	if got.Runner != "runner" || got.Deliveries != 1 || got.Job.ReceivedAt.IsZero() ||
		!got.GradedAt.Equal(report.Timestamps.GradedAt) {
		t.Errorf("the record is %+v", got)
	}
	wantDepth(t, platform, 0, 0)
}

func TestWait(t *testing.T) {
	q := open(t, newPath(t))
	id := insert(t, q, &jobspec.Job{})
	if _, err := q.Wait(bounded(t), "unknown"); !errors.Is(err, riverqueue.ErrNotFound) {
		t.Errorf("unknown id: got %v, want ErrNotFound", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := q.Wait(ctx, id); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("no answer: got %v, want the context's error", err)
	}
	driver := newDriver(t, q, "runner", 1)
	complete(t, driver, receive(t, driver)) // and it is never recorded when
	got, err := q.Wait(bounded(t), id)
	if err != nil || got.Report == nil || !got.GradedAt.IsZero() {
		t.Errorf("without graded_at: got %+v, %v", got, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, path string)
		want    string
	}{
		{"not a database", func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "not a database"},
		{"newer", func(t *testing.T, path string) {
			t.Helper()
			q, err := riverqueue.Open(bounded(t), path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
			execute(bounded(t), t, path, "PRAGMA user_version = 99")
		}, "version 99"},
		{"a folder", func(t *testing.T, path string) {
			t.Helper()
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is a directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "queue.db")
			c.prepare(t, path)
			if q, err := riverqueue.Open(bounded(t), path, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v, want an error with %q", q, err, c.want)
			}
		})
	}
}

func TestOpenWaitsForTheLock(t *testing.T) {
	path := newPath(t)
	open(t, path)
	unlock := lock(t, path+".lock")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := riverqueue.Open(ctx, path, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
	unlock()
	open(t, path)
}

func TestOpenOddNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a ?b=c#%41&_txlock=x")
	q := open(t, filepath.Join(dir, "q u é.db"))
	id := insert(t, q, &jobspec.Job{})
	record(t, open(t, filepath.Join(dir, "q u é.db")), id)
	for name, want := range map[string]fs.FileMode{
		".": fs.ModeDir | 0o700, "q u é.db": 0o600, "q u é.db-wal": 0o600, "q u é.db-shm": 0o600, "q u é.db.lock": 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
}

// TestOpenTogether opens a file that does not exist yet from several processes at the same time, and from several
// handles in this one.
func TestOpenTogether(t *testing.T) {
	path := newPath(t)
	var children []*process
	for range 3 {
		children = append(children, start(t, "open", path, 0))
	}
	failures := make(chan error)
	const handles = 4
	for i := range handles {
		go func() {
			q, err := riverqueue.Open(bounded(t), path, nil)
			if err == nil {
				_, err = q.Insert(bounded(t), &jobspec.Job{ID: fmt.Sprint(i)})
				err = errors.Join(err, q.Close())
			}
			failures <- err
		}()
	}
	for range handles {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
	for _, c := range children {
		c.waitDone(t)
		c.finish(t)
	}
	wantDepth(t, open(t, path), handles, 0)
}

// TestServeInAnotherProcess inserts and waits here while another process answers.
func TestServeInAnotherProcess(t *testing.T) {
	path := newPath(t)
	q := open(t, path)
	const jobs = 20
	server := start(t, "answer", path, jobs)
	var ids []string
	for range jobs {
		ids = append(ids, insert(t, q, &jobspec.Job{Image: "x"}))
	}
	for _, id := range ids {
		got, err := q.Wait(bounded(t), id)
		if err != nil {
			t.Fatal(err)
		}
		if got.Report.JobID != id || got.Report.Runner != "child" || got.GradedAt.Before(got.Job.SubmittedAt) {
			t.Errorf("the record of %s is %+v", id, got)
		}
	}
	server.waitDone(t)
	server.finish(t)
}
