package queuetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
)

// clockSlack is by how much the queue's clock may differ from ours, and its stamps be rounded.
const clockSlack = 2 * time.Second

func testReceived(t *testing.T, f *fixture) {
	value, empty := "a=b \"c\"\n\uFFFF", ""
	jobs := []*jobspec.Job{
		{
			ID: "full", Image: "registry.example:5000/a/b@sha256:" + fmt.Sprintf("%064d", 1),
			Entrypoint: []string{"/grade/tests/run it.sh", "", `--x="y"`, "käse", "$HOME"},
			Timeout:    2500 * time.Millisecond, EnableNetworking: true,
			Environment: map[string]*string{"VALUE": &value, "EMPTY": &empty, "UNSET": nil},
			Files:       jobspec.Location{Bucket: "bucket", Root: "a/../b?c d/é"},
			RequestedAt: time.Date(2026, 11, 22, 15, 3, 51, 285e6, time.UTC),
		},
		{ID: "bare", Image: "x", Timeout: time.Second, Files: jobspec.Location{Bucket: "bucket", Root: "r"}},
	}
	for _, job := range jobs {
		if err := f.Send(bounded(t), job); err != nil {
			t.Fatalf("send job %q: %v", job.ID, err)
		}
		m := f.receiveOne(t)
		ours := cmpopts.IgnoreFields(jobspec.Job{}, "SubmittedAt", "ReceivedAt", "DeliveryID")
		if diff := cmp.Diff(job, m.Job, ours, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the job changed on its way (-sent +received):\n%s", diff)
		}
		if (job.Entrypoint == nil) != (m.Job.Entrypoint == nil) {
			t.Errorf("entrypoint %#v became %#v: nil is the image's own", job.Entrypoint, m.Job.Entrypoint)
		}
		if m.Refusal != nil || m.Redelivered() {
			t.Errorf("job %q: refusal %v, redelivered %v, want neither", job.ID, m.Refusal, m.Redelivered())
		}
		f.complete(t, m)
	}
}

func testStamps(t *testing.T, f *fixture) {
	before := time.Now()
	f.send(t, "1")
	sent := time.Now()
	first := f.receiveOne(t)
	received := time.Now()
	if at := first.Job.SubmittedAt; at.Before(before.Add(-clockSlack)) || at.After(sent.Add(clockSlack)) {
		t.Errorf("submitted at %s, want %s to %s", at, before, sent)
	}
	if at := first.Job.ReceivedAt; at.Before(sent) || at.After(received) {
		t.Errorf("received at %s, want %s to %s", at, sent, received)
	}
	if first.Job.DeliveryID == "" {
		t.Error("there is no delivery ID")
	}
	if err := f.driver.Release(bounded(t), first, 0); err != nil {
		t.Fatalf("release: %v", err)
	}
	second := f.receiveOne(t)
	if second.Job.DeliveryID != first.Job.DeliveryID || !second.Job.SubmittedAt.Equal(first.Job.SubmittedAt) {
		t.Errorf("the second delivery is %q of %s, the first was %q of %s: want the same",
			second.Job.DeliveryID, second.Job.SubmittedAt, first.Job.DeliveryID, first.Job.SubmittedAt)
	}
	if at := second.Job.ReceivedAt; at.Before(received) {
		t.Errorf("the second delivery was received at %s, want a time after %s", at, received)
	}
	f.send(t, "2")
	if other := f.receiveOne(t); other.Job.DeliveryID == first.Job.DeliveryID {
		t.Errorf("two messages have the delivery ID %q", other.Job.DeliveryID)
	}
}

func testLimit(t *testing.T, f *fixture) {
	f.send(t, "1", "2", "3", "4", "5")
	ctx, seen := bounded(t), map[string]int{}
	for total, limit := 0, 1; total < 5; limit = 2 {
		messages, err := f.driver.Receive(ctx, limit)
		if err != nil {
			t.Fatalf("receive: %v", err)
		}
		if len(messages) > limit {
			t.Errorf("received %d messages, want at most %d", len(messages), limit)
		}
		for _, m := range messages {
			seen[m.Job.ID]++
		}
		total += len(messages)
	}
	if want := map[string]int{"1": 1, "2": 1, "3": 1, "4": 1, "5": 1}; !cmp.Equal(seen, want) {
		t.Errorf("received %v, want each job once", seen)
	}
}

// testEmpty allows a poll that ends by itself and one that lasts as long as its context.
func testEmpty(t *testing.T, f *fixture) {
	ctx, cancel := context.WithTimeout(t.Context(), silence)
	defer cancel()
	messages, err := f.driver.Receive(ctx, 1)
	if len(messages) > 0 || (err != nil && !errors.Is(err, context.DeadlineExceeded)) {
		t.Errorf("received %v, %v from an empty queue", messages, err)
	}
	f.send(t, "1") // the queue still works
	f.complete(t, f.receiveOne(t))
}

func testContextEnd(t *testing.T, f *fixture) {
	ctx, cancel := context.WithTimeout(t.Context(), silence/4)
	defer cancel()
	for {
		messages, err := f.driver.Receive(ctx, 1)
		if err == nil && len(messages) == 0 && ctx.Err() == nil {
			continue
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("received %v, %v when the context ended, want its error", messages, err)
		}
		break
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	f.send(t, "1")
	if messages, err := f.driver.Receive(cancelled, 1); !errors.Is(err, context.Canceled) || len(messages) > 0 {
		t.Errorf("received %v, %v under a cancelled context, want its error", messages, err)
	}
	if id := f.receiveOne(t).Job.ID; id != "1" {
		t.Errorf("received job %q, want 1", id)
	}
}

func testManyReceivers(t *testing.T, f *fixture) {
	const jobs, receivers = 30, 4
	var ids []string
	for i := range jobs {
		ids = append(ids, strconv.Itoa(i))
	}
	f.send(t, ids...)
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	c := &counter{left: jobs, seen: map[string]int{}, done: cancel}
	var group sync.WaitGroup
	for range receivers {
		group.Go(func() { f.answerAll(ctx, t, c) })
	}
	group.Wait()
	for _, id := range ids {
		if c.seen[id] != 1 {
			t.Errorf("job %s was received %d times, want once", id, c.seen[id])
		}
	}
	answered := map[string]int{}
	for _, r := range f.answers(t, jobs) {
		answered[r.JobID]++
	}
	if diff := cmp.Diff(c.seen, answered); diff != "" {
		t.Errorf("answers differ from deliveries (-received +answered):\n%s", diff)
	}
}

// answerAll is one of many receivers. It ends with ctx, which the counter ends.
func (f *fixture) answerAll(ctx context.Context, t *testing.T, c *counter) {
	t.Helper()
	for ctx.Err() == nil {
		messages, err := f.driver.Receive(ctx, 2)
		if err != nil && ctx.Err() == nil {
			t.Errorf("receive: %v", err)
			return
		}
		for _, m := range messages {
			at, err := f.driver.Complete(context.WithoutCancel(ctx), m, newReport(m.Job.ID))
			if err != nil || at.IsZero() {
				t.Errorf("complete job %q: %v, %v", m.Job.ID, at, err)
			}
			c.add(m)
		}
	}
}

// counter counts deliveries by job.
type counter struct {
	done func() // called at the last

	mu   sync.Mutex // guards the fields below
	left int
	seen map[string]int
}

func (c *counter) add(m *queue.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[m.Job.ID]++
	if c.left--; c.left == 0 {
		c.done()
	}
}

func testRefused(t *testing.T, f *fixture) {
	bad, ok := f.Queue.(BadSender)
	if !ok {
		t.Skip("the harness sends no bad messages")
	}
	if err := bad.SendRefused(bounded(t), "bad"); err != nil {
		t.Fatal(err)
	}
	m := f.receiveOne(t)
	if m.Refusal == nil || m.Refusal.Reason == "" || m.Job == nil || m.Job.ID != "bad" {
		t.Fatalf("received %+v, want job \"bad\" with a refusal that gives a reason", m)
	}
	if m.Job.ReceivedAt.IsZero() || m.Job.SubmittedAt.IsZero() || m.Job.DeliveryID == "" {
		t.Errorf("the refused job lacks a stamp or its delivery ID: %+v", m.Job)
	}
	f.complete(t, m)
	if got := f.answers(t, 1); got[0].JobID != "bad" {
		t.Errorf("the answer is for job %q, want bad", got[0].JobID)
	}
}

func testUnreadable(t *testing.T, f *fixture) {
	bad, ok := f.Queue.(BadSender)
	if !ok {
		t.Skip("the harness sends no bad messages")
	}
	for _, id := range []string{"1", "2"} {
		if err := bad.SendUnreadable(bounded(t)); err != nil {
			t.Fatal(err)
		}
		f.send(t, id)
	}
	seen := map[string]int{}
	for _, m := range f.receive(t, 2) {
		seen[m.Job.ID]++
		f.complete(t, m)
	}
	if want := map[string]int{"1": 1, "2": 1}; !cmp.Equal(seen, want) {
		t.Errorf("received %v, want the two good jobs", seen)
	}
	f.wantNothing(t, silence)
}
