// Package queuetest is the suite that every [queue.Driver] passes: what is sent is received once, what is answered is answered in full and
// gone, what is given back or lost comes again.
package queuetest

import (
	"context"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
)

const (
	// Held is how many messages a driver under test must let be ours at once.
	Held = 10
	// patience is far above what anything here takes: it ends a test that hangs.
	patience = time.Minute
	// longLease is for queues whose leases must not end within a test.
	longLease = 2 * patience
	// silence is how long a queue is watched that should give nothing, where no lease is involved.
	silence = 2 * time.Second
)

// Harness makes the queues that the suite tests.
type Harness interface {
	// ShortestLease is the shortest lease that NewQueue can give, 0 where the driver has no leases: the tests of leases are then
	// left out. It should be a few seconds at most, as the suite waits for leases to end.
	ShortestLease() time.Duration
	// NewQueue makes an empty queue with a driver whose Lease is the given one, and has the end of t remove both. Subtests run in
	// parallel, each with one queue.
	NewQueue(t *testing.T, lease time.Duration) Queue
}

// Queue is one queue, seen by the platform.
type Queue interface {
	// Driver is the driver under test. It is the only one on the queue and always the same.
	Driver() queue.Driver
	// Send puts the job on the queue as the platform does.
	Send(ctx context.Context, job *jobspec.Job) error
	// Answers returns the reports that came back so far, in the order in which they came. The suite asks again until it has what
	// it waits for, so Answers should wait a little where it would else be busy.
	Answers(ctx context.Context) ([]*jobspec.Report, error)
}

// BadSender is a Queue into which a platform can put what is no job. The tests of refusals are for these only.
type BadSender interface {
	// SendRefused puts a message from which the job's ID can be read and that breaks a rule.
	SendRefused(ctx context.Context, id string) error
	// SendUnreadable puts a message that does not say whom to answer.
	SendUnreadable(ctx context.Context) error
}

// Run runs the whole suite. With leases it takes about five times the shortest one and some seconds.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range []struct {
		name  string
		lease int // in shortest leases; 0 is longLease
		test  func(*testing.T, *fixture)
	}{
		{"received is what was sent", 0, testReceived},
		{"stamps", 0, testStamps},
		{"limit", 0, testLimit},
		// A queue may not notice that a poll was cut off and give a message to nobody: it is back when its lease ends.
		{"empty queue", 1, testEmpty},
		{"end of the context", 1, testContextEnd},
		{"answer is what was given", 0, testAnswer},
		{"complete under a cancelled context", 0, testCompleteCancelled},
		{"release", 0, testRelease},
		{"release with a rest", 0, testReleaseRests},
		{"many receivers", 0, testManyReceivers},
		{"refused message", 0, testRefused},
		{"unreadable message", 0, testUnreadable},
		{"complete removes", 1, testCompleteRemoves},
		{"extend", 3, testExtend},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, newFixture(t, h, time.Duration(c.lease)*h.ShortestLease()))
		})
	}
	if h.ShortestLease() > 0 {
		runLeases(t, h)
	}
}

// runLeases runs the cases of messages that come back by themselves.
func runLeases(t *testing.T, h Harness) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *fixture){
		"lease ends":               testLeaseEnds,
		"complete after the lease": testCompleteAfterLease,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, newFixture(t, h, h.ShortestLease()))
		})
	}
}

// fixture is one subtest's queue.
type fixture struct {
	Queue
	driver queue.Driver
	lease  time.Duration // 0 for a driver without leases
}

func newFixture(t *testing.T, h Harness, lease time.Duration) *fixture {
	t.Helper()
	if h.ShortestLease() > 0 && lease == 0 {
		lease = longLease
	}
	q := h.NewQueue(t, lease)
	f := &fixture{Queue: q, driver: q.Driver(), lease: lease}
	if got := f.driver.Lease(); got != lease {
		t.Fatalf("the driver's lease is %s, want %s", got, lease)
	}
	return f
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func newJob(id string) *jobspec.Job {
	return &jobspec.Job{
		ID: id, Image: "example/grader:1", Entrypoint: []string{"/grade/tests/run.sh"}, Timeout: 30 * time.Second,
		Environment: map[string]*string{}, Files: jobspec.Location{Bucket: "grading", Root: "job_" + id},
	}
}

func (f *fixture) send(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := f.Send(bounded(t), newJob(id)); err != nil {
			t.Fatalf("send job %q: %v", id, err)
		}
	}
}

// receive waits for n messages.
func (f *fixture) receive(t *testing.T, n int) []*queue.Message {
	t.Helper()
	ctx := bounded(t)
	var all []*queue.Message
	for len(all) < n {
		messages, err := f.driver.Receive(ctx, n-len(all))
		if err != nil {
			t.Fatalf("receive message %d of %d: %v", len(all)+1, n, err)
		}
		all = append(all, messages...)
	}
	return all
}

func (f *fixture) receiveOne(t *testing.T) *queue.Message {
	t.Helper()
	return f.receive(t, 1)[0]
}

// wantNothing fails t if a message comes within the time.
func (f *fixture) wantNothing(t *testing.T, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for {
		messages, err := f.driver.Receive(ctx, Held)
		for _, m := range messages {
			t.Errorf("received job %q (redelivered: %v), want nothing", m.Job.ID, m.Redelivered())
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.Fatalf("receive: %v", err)
		}
	}
}

func newReport(id string) *jobspec.Report {
	return &jobspec.Report{JobID: id, Succeeded: true, Results: []byte(`{"score":0.5}`), Outcome: jobspec.Graded}
}

// complete answers the message and fails t unless that works.
func (f *fixture) complete(t *testing.T, m *queue.Message) {
	t.Helper()
	if at, err := f.driver.Complete(bounded(t), m, newReport(m.Job.ID)); err != nil || at.IsZero() {
		t.Errorf("complete job %q: %v, %v", m.Job.ID, at, err)
	}
}

// answers waits for n reports.
func (f *fixture) answers(t *testing.T, n int) []*jobspec.Report {
	t.Helper()
	ctx := bounded(t)
	for {
		reports, err := f.Answers(ctx)
		if err != nil {
			t.Fatalf("%d of %d answers came: %v", len(reports), n, err)
		}
		if len(reports) >= n {
			return reports
		}
	}
}
