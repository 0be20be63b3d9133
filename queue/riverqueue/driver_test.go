package riverqueue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
	"github.com/slashgrade/slashgrade/queue/riverqueue"
)

func TestReleaseAndComplete(t *testing.T) {
	q := open(t, newPath(t))
	id := insert(t, q, &jobspec.Job{Image: "x", Timeout: time.Second})
	driver := newDriver(t, q, "runner", 1)
	first := receive(t, driver)
	if first.Redelivered() || first.Job.ID != id || first.Job.ReceivedAt.IsZero() || first.Job.Image != "x" {
		t.Errorf("first delivery: %+v of %+v", first, first.Job)
	}
	wantDepth(t, q, 0, 1)
	if err := driver.Release(bounded(t), first, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := driver.Complete(bounded(t), first, &jobspec.Report{}); !errors.Is(err, riverqueue.ErrNotOurs) {
		t.Errorf("complete after release: got %v, want ErrNotOurs", err)
	}
	second := receive(t, driver)
	if !second.Redelivered() || second.Job.DeliveryID != first.Job.DeliveryID || !second.Job.SubmittedAt.Equal(first.Job.SubmittedAt) {
		t.Errorf("second delivery: %+v of %+v", second, second.Job)
	}
	complete(t, driver, second)
	if at, err := driver.Complete(bounded(t), second, &jobspec.Report{}); !errors.Is(err, riverqueue.ErrNotOurs) || !at.IsZero() {
		t.Errorf("complete twice: got %v, %v, want ErrNotOurs", at, err)
	}
	if err := driver.Release(bounded(t), second, 0); !errors.Is(err, riverqueue.ErrNotOurs) {
		t.Errorf("release after complete: got %v, want ErrNotOurs", err)
	}
	if got := record(t, q, id); got.Deliveries != 2 || got.Report.JobID != id {
		t.Errorf("the record is %+v", got)
	}
	wantNothing(t, driver)
}

func TestForeignMessage(t *testing.T) {
	q := open(t, newPath(t))
	insert(t, q, &jobspec.Job{})
	holder := newDriver(t, q, "holder", 1)
	m := receive(t, holder)
	other := newDriver(t, q, "other", 1)
	for _, foreign := range []*queue.Message{m, {Job: m.Job}, {Job: m.Job, Handle: "x"}} {
		if err := other.Release(bounded(t), foreign, 0); !errors.Is(err, riverqueue.ErrNotOurs) {
			t.Errorf("release: got %v, want ErrNotOurs", err)
		}
		if at, err := other.Complete(bounded(t), foreign, &jobspec.Report{}); !errors.Is(err, riverqueue.ErrNotOurs) || !at.IsZero() {
			t.Errorf("complete: got %v, %v, want ErrNotOurs", at, err)
		}
	}
	complete(t, holder, m)
}

// TestFailedCompleteKeepsTheMessage has the transaction fail, and then succeed.
func TestFailedCompleteKeepsTheMessage(t *testing.T) {
	path := newPath(t)
	q := open(t, path)
	id := insert(t, q, &jobspec.Job{})
	driver := newDriver(t, q, "runner", 1)
	m := receive(t, driver)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if at, err := driver.Complete(ctx, m, &jobspec.Report{}); !errors.Is(err, context.Canceled) || !at.IsZero() {
		t.Errorf("under a cancelled context: got %v, %v", at, err)
	}
	execute(bounded(t), t, path, `CREATE TRIGGER full BEFORE UPDATE OF report ON submission
		BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`)
	at, err := driver.Complete(bounded(t), m, &jobspec.Report{})
	if err == nil || !strings.Contains(err.Error(), "the disk is full") || !at.IsZero() {
		t.Errorf("on a full disk: got %v, %v", at, err)
	}
	if got := record(t, q, id); got.Report != nil {
		t.Errorf("the record has the report %+v", got.Report)
	}
	wantDepth(t, q, 0, 1)
	execute(bounded(t), t, path, "DROP TRIGGER full")
	complete(t, driver, m)
	wantDepth(t, q, 0, 0)
}

// TestCompleteNeedsTheJob covers a file in which the job was taken from the runner: the report is not stored, as the
// job will be graded again.
func TestCompleteNeedsTheJob(t *testing.T) {
	path := newPath(t)
	q := open(t, path)
	id := insert(t, q, &jobspec.Job{})
	driver := newDriver(t, q, "runner", 1)
	m := receive(t, driver)
	execute(bounded(t), t, path, "UPDATE river_job SET state = 'available'")
	if at, err := driver.Complete(bounded(t), m, &jobspec.Report{}); !errors.Is(err, riverqueue.ErrNotOurs) || !at.IsZero() {
		t.Errorf("got %v, %v, want ErrNotOurs", at, err)
	}
	if got := record(t, q, id); got.Report != nil {
		t.Errorf("the record has the report %+v", got.Report)
	}
}

func TestStopWaitsForWhatRuns(t *testing.T) {
	path := newPath(t)
	q := open(t, path)
	driver := newDriver(t, q, "runner", 3)
	insert(t, q, &jobspec.Job{ID: "taken"})
	m := receive(t, driver)
	blocked := make(chan error, 1)
	go func() {
		_, err := driver.Receive(bounded(t), 1)
		blocked <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := driver.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stop with a message that runs: got %v, want the context's error", err)
	}
	if err := <-blocked; !errors.Is(err, riverqueue.ErrStopped) {
		t.Errorf("a Receive that waits: got %v, want ErrStopped", err)
	}
	insert(t, q, &jobspec.Job{ID: "late"})
	if _, err := driver.Receive(bounded(t), 1); !errors.Is(err, riverqueue.ErrStopped) {
		t.Errorf("receive after stop: got %v, want ErrStopped", err)
	}
	complete(t, driver, m)
	stop(t, driver)
	stop(t, driver) // again is harmless
	wantDepth(t, q, 1, 0)
	next := newDriver(t, q, "runner", 1) // the id is free again
	if m := receive(t, next); m.Job.ID != "late" || m.Redelivered() {
		t.Errorf("the next driver received %+v of %+v", m, m.Job)
	}
}

// TestStopGivesBackWhatWasNotTaken: River has the job, Receive never took it.
func TestStopGivesBackWhatWasNotTaken(t *testing.T) {
	q := open(t, newPath(t))
	driver := newDriver(t, q, "runner", 2)
	insert(t, q, &jobspec.Job{})
	waitDepth(t, q, riverqueue.Depth{Running: 1})
	stop(t, driver)
	wantDepth(t, q, 1, 0)
	if m := receive(t, newDriver(t, q, "other", 1)); m.Redelivered() {
		t.Error("the job counts as delivered although no runner took it")
	}
}

func TestCloseGivesBackWhatRuns(t *testing.T) {
	q := open(t, newPath(t))
	driver := newDriver(t, q, "runner", 2)
	insert(t, q, &jobspec.Job{})
	m := receive(t, driver)
	if err := driver.Close(); err != nil {
		t.Fatal(err)
	}
	wantDepth(t, q, 1, 0)
	if _, err := driver.Complete(bounded(t), m, &jobspec.Report{}); !errors.Is(err, riverqueue.ErrNotOurs) {
		t.Errorf("complete after close: got %v, want ErrNotOurs", err)
	}
	if !receive(t, newDriver(t, q, "other", 1)).Redelivered() {
		t.Error("the job does not count as delivered before")
	}
}

// TestKilledRunner kills a process that holds jobs: they come back when the runner starts again, and not to others before.
func TestKilledRunner(t *testing.T) {
	path := newPath(t)
	q := open(t, path)
	deliveries := map[string]bool{}
	for range 3 {
		id := insert(t, q, &jobspec.Job{Image: "x"})
		deliveries[record(t, q, id).Job.DeliveryID] = true
	}
	runner := start(t, "hold", path, 3)
	runner.waitDone(t)
	insert(t, q, &jobspec.Job{ID: "after"})
	runner.kill(t)

	other := newDriver(t, q, "other", 4)
	if m := receive(t, other); m.Job.ID != "after" || m.Redelivered() {
		t.Errorf("another runner received %+v of %+v", m, m.Job)
	}
	wantNothing(t, other)
	again := newDriver(t, q, "runner", 4)
	for range 3 {
		m := receiveFromEither(t, other, again)
		if !m.Redelivered() || !deliveries[m.Job.DeliveryID] {
			t.Errorf("received %+v of %+v, want a job that was delivered before", m, m.Job)
		}
		delete(deliveries, m.Job.DeliveryID)
	}
	wantDepth(t, q, 0, 4)
}

// TestLongJobsAreLeftAlone puts a job into the file that another runner has been working on for three days, and waits
// until River's maintenance has run.
func TestLongJobsAreLeftAlone(t *testing.T) {
	path := newPath(t)
	q := open(t, path)
	insert(t, q, &jobspec.Job{ID: "long"})
	execute(bounded(t), t, path, `UPDATE river_job SET state = 'running', attempt = 1,
		attempted_by = jsonb('["other"]'), attempted_at = datetime('now', '-3 days')`)
	insert(t, q, &jobspec.Job{ID: "scheduled"})
	execute(bounded(t), t, path, `UPDATE river_job SET state = 'scheduled' WHERE state = 'available'`)
	// River's scheduler brings this one, and starts after its rescuer.
	if m := receive(t, newDriver(t, q, "runner", 2)); m.Job.ID != "scheduled" {
		t.Errorf("received %q", m.Job.ID)
	}
	wantDepth(t, q, 0, 2)
}

// TestExactlyOnce runs jobs through four receivers: of one runner, and of two runners on two handles, where SQLite
// keeps one waiting for the other.
func TestExactlyOnce(t *testing.T) {
	for _, c := range []struct{ handles, receivers, jobs int }{{1, 4, 300}, {2, 2, 30}} {
		t.Run(fmt.Sprint(c.handles, " runners"), func(t *testing.T) {
			path := newPath(t)
			platform := open(t, path)
			ctx, cancel := context.WithCancel(bounded(t))
			seen := make(chan string, 2*c.jobs)
			var receivers sync.WaitGroup
			handle := platform
			for i := range c.handles {
				driver := newDriver(t, handle, fmt.Sprint("runner-", i), 4)
				for range c.receivers {
					receivers.Go(func() { answerAll(ctx, t, driver, seen) })
				}
				handle = open(t, path)
			}
			want := map[string]bool{}
			for range c.jobs {
				want[insert(t, platform, &jobspec.Job{Image: "x"})] = true
			}
			wantEach(ctx, t, seen, want)
			wantDepth(t, platform, 0, 0)
			cancel()
			receivers.Wait()
			if len(seen) != 0 {
				t.Errorf("%d jobs came again", len(seen))
			}
		})
	}
}

// wantEach waits until each of the jobs was seen, and fails t if one comes twice on the way.
func wantEach(ctx context.Context, t *testing.T, seen <-chan string, want map[string]bool) {
	t.Helper()
	for range len(want) {
		select {
		case id := <-seen:
			if !want[id] {
				t.Errorf("%s came twice", id)
			}
			delete(want, id)
		case <-ctx.Done():
			t.Fatalf("%d jobs did not come", len(want))
		}
	}
}

// answerAll completes what the driver receives until ctx ends.
func answerAll(ctx context.Context, t *testing.T, driver *riverqueue.Driver, seen chan<- string) {
	t.Helper()
	for {
		messages, err := driver.Receive(ctx, 2)
		if err != nil {
			if ctx.Err() == nil {
				t.Errorf("receive: %v", err)
			}
			return
		}
		for _, m := range messages {
			if _, err := driver.Complete(context.WithoutCancel(ctx), m, &jobspec.Report{JobID: m.Job.ID}); err != nil || m.Redelivered() {
				t.Errorf("complete %s (redelivered: %v): %v", m.Job.ID, m.Redelivered(), err)
			}
			seen <- m.Job.ID
		}
	}
}

func TestConcurrencyBounds(t *testing.T) {
	q := open(t, newPath(t))
	for range 3 {
		insert(t, q, &jobspec.Job{})
	}
	driver := newDriver(t, q, "runner", 2)
	held := []*queue.Message{receive(t, driver), receive(t, driver)}
	wantNothing(t, driver)
	wantDepth(t, q, 1, 2)
	complete(t, driver, held[0])
	complete(t, driver, receive(t, driver))
	complete(t, driver, held[1])
}

func TestDriverRefuses(t *testing.T) {
	q := open(t, newPath(t))
	newDriver(t, q, "taken", 1)
	for _, c := range []struct {
		name, runner string
		concurrency  int
		want         string
	}{
		{"no id", "", 1, "must be 1 to 100 bytes"},
		{"long id", strings.Repeat("x", 101), 1, "must be 1 to 100 bytes"},
		{"taken id", "taken", 1, "running already"},
		{"no worker", "idle", 0, "number of workers"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := q.Driver(bounded(t), c.runner, c.concurrency); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
	newDriver(t, q, "idle", 1) // a start that failed leaves the id free
}

func TestDamagedRows(t *testing.T) {
	path := newPath(t)
	q := open(t, path)
	insert(t, q, &jobspec.Job{ID: "gone"})
	insert(t, q, &jobspec.Job{ID: "damaged"})
	execute(bounded(t), t, path, "DELETE FROM submission WHERE job_id = 'gone'")
	execute(bounded(t), t, path, "UPDATE submission SET job = '{\"image\": 7}' WHERE job_id = 'damaged'")
	driver := newDriver(t, q, "runner", 1)
	m := receive(t, driver)
	if m.Job.ID != "damaged" || m.Refusal == nil || !strings.Contains(m.Refusal.Reason, "cannot be read") || m.Job.DeliveryID == "" {
		t.Errorf("received %+v of %+v, want the damaged one with a refusal", m, m.Job)
	}
	complete(t, driver, m)
	waitDepth(t, q, riverqueue.Depth{}) // River drops the other in its own time
}

// TestLogIsQuiet: starting, working and stopping is nothing to tell an operator; River's own words are at debug.
func TestLogIsQuiet(t *testing.T) {
	for _, c := range []struct {
		level slog.Level
		want  bool
	}{{slog.LevelInfo, false}, {slog.LevelDebug, true}} {
		t.Run(c.level.String(), func(t *testing.T) {
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: c.level}))
			q, err := riverqueue.Open(bounded(t), newPath(t), &riverqueue.Options{Logger: logger})
			if err != nil {
				t.Fatal(err)
			}
			insert(t, q, &jobspec.Job{})
			driver := newDriver(t, q, "runner", 1)
			complete(t, driver, receive(t, driver))
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(log.String(), "River client started"); got != c.want || !c.want && log.Len() > 0 {
				t.Errorf("the log is\n%s", log.String())
			}
		})
	}
}
