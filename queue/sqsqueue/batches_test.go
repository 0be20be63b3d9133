package sqsqueue_test

import (
	"sync"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/queue"
)

// changeAll does something to every message at the same time, while both lanes of such calls are held, and returns how often each call was made.
func (b *bench) changeAll(t *testing.T, messages []*queue.Message, change func(i int, m *queue.Message) error) map[string]int {
	t.Helper()
	g := newGate("ChangeMessageVisibility", nil)
	b.proxy.Break(g.fault)
	defer b.proxy.Break(nil)
	before := len(b.proxy.Calls())
	var working sync.WaitGroup
	for i, m := range messages {
		working.Go(func() {
			if err := change(i, m); err != nil {
				t.Errorf("job %s: %v", m.Job.ID, err)
			}
		})
		if i < 2 {
			<-g.held // it has its lane
		}
	}
	time.AfterFunc(500*time.Millisecond, func() { close(g.open) }) // by then the others wait; what does not is batched later
	working.Wait()
	calls := map[string]int{}
	for _, call := range b.proxy.Calls()[before:] {
		calls[call]++
	}
	return calls
}

func TestHeartbeatsAreBatched(t *testing.T) {
	b := newBench(t, setup{lease: time.Minute})
	b.send(t, ids(10)...)
	messages := b.receiveAll(t, 10)
	calls := b.changeAll(t, messages, func(_ int, m *queue.Message) error { return b.Extend(t.Context(), m) })
	if calls["ChangeMessageVisibility"] != 2 || calls["ChangeMessageVisibilityBatch"] < 1 || calls["ChangeMessageVisibilityBatch"] > 2 {
		t.Errorf("ten heartbeats took %v, want 2 sent alone and the rest in a batch", calls)
	}
	if _, taken := b.services.Count(t, b.jobs); taken != "10" {
		t.Errorf("%s messages are ours after a heartbeat each, want 10", taken)
	}
}

// What goes together keeps a time of its own: half are given back at once, half rest.
func TestReleasesAreBatched(t *testing.T) {
	b := newBench(t, setup{lease: time.Minute})
	b.send(t, ids(8)...)
	messages := b.receiveAll(t, 8)
	want := map[string]bool{}
	calls := b.changeAll(t, messages, func(i int, m *queue.Message) error {
		return b.Release(t.Context(), m, time.Duration(i%2)*time.Hour)
	})
	for i, m := range messages {
		want[m.Job.ID] = i%2 == 0
	}
	if calls["ChangeMessageVisibilityBatch"] < 1 {
		t.Errorf("eight releases took %v, want a batch among them", calls)
	}
	if waiting, taken := b.services.Count(t, b.jobs); waiting != "4" || taken != "4" {
		t.Errorf("%s messages wait and %s rest, want 4 and 4", waiting, taken)
	}
	for _, m := range b.receiveAll(t, 4) {
		if !want[m.Job.ID] {
			t.Errorf("job %s came, which rests for an hour", m.Job.ID)
		}
	}
}
