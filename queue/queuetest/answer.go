package queuetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
	"github.com/slashgrade/slashgrade/schemas"
)

// fullReport has every field set, and text that a queue may stumble over.
func fullReport(id string) *jobspec.Report {
	r := &jobspec.Report{
		JobID: id, TimedOut: true,
		Results:  []byte("{\"output\":\"<b>&amp;</b> \u2028 \uFFFE\uFFFF \\u0000 \\ud83c\\udf93 🎓 \\u001b[31m\x7f\",\"score\":1e-7}"),
		Message:  "first line\nsecond: <script> & \uFFFF \x01",
		Outcome:  jobspec.TimedOut,
		Problems: []schemas.Violation{{Pointer: "/score", Rule: "must be at most 1", Found: "2"}}, ProblemCount: 70,
		Warnings: []string{"a warning"},
		Image:    &jobspec.ImageRef{Name: "x", Digest: "x@sha256:0"},
		Exit:     &jobspec.Exit{Status: 137, Signal: "SIGKILL", OutOfMemory: true},
		Runner:   "suite", DeliveryID: "delivery",
	}
	start := time.Date(2026, 11, 22, 15, 3, 51, 0, time.UTC)
	r.Stamp(jobspec.Timestamps{
		RequestedAt: start, SubmittedAt: start.Add(time.Second), ReceivedAt: start.Add(2 * time.Second),
		StartedAt: start.Add(3 * time.Second), FinishedAt: start.Add(4 * time.Second),
	})
	return r
}

func testAnswer(t *testing.T, f *fixture) {
	f.send(t, "1")
	m, want := f.receiveOne(t), fullReport("1")
	before := time.Now()
	at, err := f.driver.Complete(bounded(t), m, want)
	if err != nil || at.Before(before.Add(-time.Millisecond)) || at.After(time.Now()) { // a driver may round
		t.Errorf("completed at %s (%v), want a time after %s", at, err, before)
	}
	got := f.answers(t, 1)
	if len(got) != 1 {
		t.Fatalf("there are %d answers, want 1", len(got))
	}
	if diff := cmp.Diff(want, got[0], cmp.Comparer(sameJSON)); diff != "" {
		t.Errorf("the report changed on its way (-given +answered):\n%s", diff)
	}
}

func testCompleteCancelled(t *testing.T, f *fixture) {
	f.send(t, "1")
	m := f.receiveOne(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if at, err := f.driver.Complete(ctx, m, newReport("1")); !errors.Is(err, context.Canceled) || !at.IsZero() {
		t.Errorf("got %v, %v, want the context's error and no time", at, err)
	}
	f.complete(t, m)
	if n := len(f.answers(t, 1)); n != 1 {
		t.Errorf("there are %d answers, want 1", n)
	}
}

func testRelease(t *testing.T, f *fixture) {
	f.send(t, "1")
	m := f.receiveOne(t)
	for range 3 {
		if err := f.driver.Release(bounded(t), m, 0); err != nil {
			t.Fatalf("release: %v", err)
		}
		if m = f.receiveOne(t); m.Job.ID != "1" || !m.Redelivered() {
			t.Errorf("received job %q, redelivered %v, want job 1 again", m.Job.ID, m.Redelivered())
		}
	}
	f.complete(t, m)
	f.wantNothing(t, silence)
	if n := len(f.answers(t, 1)); n != 1 {
		t.Errorf("there are %d answers, want 1", n)
	}
}

// testReleaseRests gives a message back for later.
func testReleaseRests(t *testing.T, f *fixture) {
	const rest = 3 * time.Second
	f.send(t, "1")
	m := f.receiveOne(t)
	released := time.Now()
	if err := f.driver.Release(bounded(t), m, rest); err != nil {
		t.Fatalf("release: %v", err)
	}
	again := f.receiveOne(t)
	// A second less: queues count whole seconds.
	if waited := time.Since(released); waited < rest-time.Second || again.Job.ID != "1" {
		t.Errorf("received job %q after %s, want job 1 after %s", again.Job.ID, waited, rest)
	}
	f.complete(t, again)
}

// testCompleteRemoves waits until a message that was not removed would have come back.
func testCompleteRemoves(t *testing.T, f *fixture) {
	f.send(t, "1")
	f.complete(t, f.receiveOne(t))
	f.wantNothing(t, f.lease+silence)
}

func testLeaseEnds(t *testing.T, f *fixture) {
	f.send(t, "1")
	first := f.receiveOne(t)
	again := f.receiveOne(t)
	if again.Job.ID != "1" || !again.Redelivered() || again.Job.DeliveryID != first.Job.DeliveryID {
		t.Errorf("received job %q as %q, redelivered %v, want job 1 again as %q",
			again.Job.ID, again.Job.DeliveryID, again.Redelivered(), first.Job.DeliveryID)
	}
}

// testExtend holds a message for longer than its lease and then lets go.
func testExtend(t *testing.T, f *fixture) {
	f.send(t, "1")
	m := f.receiveOne(t)
	if f.lease == 0 {
		if err := f.driver.Extend(bounded(t), m); err != nil {
			t.Errorf("extend: %v", err)
		}
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*f.lease)
	defer cancel()
	held := make(chan error, 1)
	go func() { held <- f.hold(ctx, m) }()
	f.wantNothing(t, 2*f.lease)
	if err := <-held; err != nil {
		t.Errorf("extend: %v", err)
	}
	if again := f.receiveOne(t); !again.Redelivered() {
		t.Error("the message that was not extended any more came back as a new one")
	}
}

// hold extends the message until ctx ends, late enough that half a lease would not do.
func (f *fixture) hold(ctx context.Context, m *queue.Message) error {
	tick := time.NewTicker(f.lease * 2 / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := f.driver.Extend(ctx, m); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// testCompleteAfterLease answers for two who hold one message: the platform gets the report, and the message is gone at the end.
func testCompleteAfterLease(t *testing.T, f *fixture) {
	f.send(t, "1")
	late := f.receiveOne(t)
	current := f.receiveOne(t)
	at, err := f.driver.Complete(bounded(t), late, newReport("1"))
	if at.IsZero() && err == nil {
		t.Error("complete after the lease gave neither a time nor an error")
	}
	if at, err := f.driver.Complete(bounded(t), current, newReport("1")); at.IsZero() {
		t.Errorf("complete by the current holder: %v", err)
	}
	for _, r := range f.answers(t, 1) {
		if r.JobID != "1" {
			t.Errorf("an answer is for job %q", r.JobID)
		}
	}
	f.wantNothing(t, f.lease+silence)
}
