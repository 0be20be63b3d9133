package riverqueue_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
	"github.com/slashgrade/slashgrade/queue/riverqueue"
)

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func newPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "queue", "queue.db")
}

func open(t *testing.T, path string) *riverqueue.Queue {
	t.Helper()
	q, err := riverqueue.Open(bounded(t), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Close(); err != nil {
			t.Errorf("close the queue: %v", err)
		}
	})
	return q
}

func newDriver(t *testing.T, q *riverqueue.Queue, runner string, concurrency int) *riverqueue.Driver {
	t.Helper()
	driver, err := q.Driver(bounded(t), runner, concurrency)
	if err != nil {
		t.Fatal(err)
	}
	return driver
}

func insert(t *testing.T, q *riverqueue.Queue, job *jobspec.Job) string {
	t.Helper()
	id, err := q.Insert(bounded(t), job)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func receive(t *testing.T, driver *riverqueue.Driver) *queue.Message {
	t.Helper()
	messages, err := driver.Receive(bounded(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(messages) != 1 {
		t.Fatalf("received %d messages, want 1", len(messages))
	}
	return messages[0]
}

// wantNothing fails t if the driver hands a message out within a time in which it would otherwise have come many times over.
func wantNothing(t *testing.T, driver *riverqueue.Driver) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if messages, err := driver.Receive(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("received %v, %v, want nothing", messages, err)
	}
}

func complete(t *testing.T, driver *riverqueue.Driver, m *queue.Message) time.Time {
	t.Helper()
	report := &jobspec.Report{JobID: m.Job.ID, Succeeded: true, Results: json.RawMessage(`{"score":1}`)}
	at, err := driver.Complete(bounded(t), m, report)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func stop(t *testing.T, driver *riverqueue.Driver) {
	t.Helper()
	if err := driver.Stop(bounded(t)); err != nil {
		t.Fatal(err)
	}
}

func record(t *testing.T, q *riverqueue.Queue, id string) *riverqueue.Record {
	t.Helper()
	r, err := q.Record(bounded(t), id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantDepth(t *testing.T, q *riverqueue.Queue, waiting, running int) {
	t.Helper()
	got, err := q.Depth(bounded(t))
	if want := (riverqueue.Depth{Waiting: waiting, Running: running}); err != nil || got != want {
		t.Errorf("depth is %+v, %v, want %+v", got, err, want)
	}
}

// execute runs a statement on the queue's file, beside the package.
func execute(ctx context.Context, t *testing.T, path, statement string, values ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_busy_timeout=10000")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, statement, values...); err != nil {
		t.Fatal(err)
	}
}

// waitDepth waits until the queue has the depth.
func waitDepth(t *testing.T, q *riverqueue.Queue, want riverqueue.Depth) {
	t.Helper()
	ctx := bounded(t)
	for {
		got, err := q.Depth(ctx)
		if err != nil {
			t.Fatalf("want depth %+v: %v", want, err)
		}
		if got == want {
			return
		}
	}
}

// receiveFromEither receives one message from whichever driver gets it.
func receiveFromEither(t *testing.T, drivers ...*riverqueue.Driver) *queue.Message {
	t.Helper()
	for ctx := bounded(t); ctx.Err() == nil; {
		for _, driver := range drivers {
			short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			messages, err := driver.Receive(short, 1)
			cancel()
			if err == nil {
				return messages[0]
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatal(err)
			}
		}
	}
	t.Fatal("no message came")
	return nil
}

// lock holds the lock file as another process would.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	return func() { _ = file.Close() }
}

// openBench is a queue of its own with one driver, for benchmarks.
func openBench(b *testing.B) (*riverqueue.Queue, *riverqueue.Driver) {
	b.Helper()
	q, err := riverqueue.Open(b.Context(), filepath.Join(b.TempDir(), "queue.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = q.Close() })
	driver, err := q.Driver(b.Context(), "runner", 1)
	if err != nil {
		b.Fatal(err)
	}
	return q, driver
}
