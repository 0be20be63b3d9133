package fairqueue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
	"github.com/slashgrade/slashgrade/queue/fairqueue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// leased is a queue in memory with leases: what is not extended in time comes again.
type leased struct {
	mu       sync.Mutex
	lease    time.Duration
	waiting  []*queue.Message
	until    map[*queue.Message]time.Time
	answered map[string]int
	most     int  // held at once
	polls    int  // that fail before one works
	deaf     bool // refuses to extend
	came     chan struct{}
}

func newLeased(lease time.Duration) *leased {
	return &leased{lease: lease, until: map[*queue.Message]time.Time{}, answered: map[string]int{}, came: make(chan struct{}, 1)}
}

func (l *leased) send(ids ...string) {
	l.mu.Lock()
	for _, id := range ids {
		l.waiting = append(l.waiting, &queue.Message{Job: &jobspec.Job{ID: id, Image: "image-" + id[:1]}})
	}
	l.mu.Unlock()
	select {
	case l.came <- struct{}{}:
	default:
	}
}

var errBroken = errors.New("broken")

func (l *leased) Receive(ctx context.Context, limit int) ([]*queue.Message, error) {
	for {
		l.mu.Lock()
		if l.polls > 0 {
			l.polls--
			l.mu.Unlock()
			return nil, errBroken
		}
		n := min(limit, len(l.waiting))
		got := append([]*queue.Message(nil), l.waiting[:n]...)
		l.waiting = l.waiting[n:]
		for _, m := range got {
			m.Deliveries++
			l.until[m] = time.Now().Add(l.lease)
		}
		l.most = max(l.most, len(l.until))
		l.mu.Unlock()
		if n > 0 {
			return got, nil
		}
		select {
		case <-l.came:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// ours fails for a message whose lease has ended.
func (l *leased) ours(m *queue.Message) error {
	if end, held := l.until[m]; !held || time.Now().After(end) {
		return fmt.Errorf("the lease of %s has ended", m.Job.ID)
	}
	return nil
}

func (l *leased) Extend(_ context.Context, m *queue.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ours(m); err != nil {
		return err
	}
	if l.deaf {
		return errBroken
	}
	l.until[m] = time.Now().Add(l.lease)
	return nil
}

func (l *leased) Complete(_ context.Context, m *queue.Message, _ *jobspec.Report) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.ours(m); err != nil {
		return time.Time{}, err
	}
	delete(l.until, m)
	l.answered[m.Job.ID]++
	return time.Now(), nil
}

func (l *leased) Release(_ context.Context, m *queue.Message, _ time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.until, m)
	l.waiting = append(l.waiting, m)
	return nil
}

func (l *leased) Lease() time.Duration { return l.lease }

// work receives and answers until ctx ends; a job takes a minute, with the worker's own heartbeats.
func work(ctx context.Context, t *testing.T, d *fairqueue.Driver) {
	t.Helper()
	for ctx.Err() == nil {
		messages, err := d.Receive(ctx, 1)
		if err != nil && ctx.Err() == nil && !errors.Is(err, errBroken) {
			t.Errorf("receive: %v", err)
		}
		for _, m := range messages {
			for range 2 {
				time.Sleep(d.Lease() / 2)
				if err := d.Extend(ctx, m); err != nil && ctx.Err() == nil {
					t.Errorf("extend %s: %v", m.Job.ID, err)
				}
			}
			if _, err := d.Complete(context.WithoutCancel(ctx), m, nil); err != nil {
				t.Errorf("complete %s: %v", m.Job.ID, err)
			}
		}
	}
}

// Jobs that wait here for many leases stay ours, are bounded in number, and each is answered once.
func TestWaitingIsHeldAndBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ahead, workers := rapid.IntRange(1, 12).Draw(rt, "ahead"), rapid.IntRange(1, 3).Draw(rt, "workers")
		jobs := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 40).Draw(rt, "jobs")
		synctest.Test(t, func(t *testing.T) {
			l := newLeased(time.Minute)
			l.polls = 2
			d := fairqueue.New(t.Context(), l, &fairqueue.Options{Ahead: ahead, Share: fairqueue.ShareByImage})
			ctx, cancel := context.WithCancel(t.Context())
			var working sync.WaitGroup
			for range workers {
				working.Go(func() { work(ctx, t, d) })
			}
			for i, kind := range jobs {
				l.send(fmt.Sprint(kind, i))
			}
			time.Sleep(time.Duration(len(jobs)+2) * time.Minute)
			cancel()
			working.Wait()
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			for i, kind := range jobs {
				if n := l.answered[fmt.Sprint(kind, i)]; n != 1 {
					t.Errorf("job %d was answered %d times", i, n)
				}
			}
			if l.most > ahead+workers || len(l.until) > 0 || len(l.waiting) > 0 {
				t.Errorf("at most %d were held, %d are, and %d wait; want at most %d, and none", l.most, len(l.until), len(l.waiting), ahead+workers)
			}
		})
	})
}

// What waits when the runner stops goes back at once, and what was received can still be answered.
func TestCloseGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeased(time.Minute)
		d := fairqueue.New(t.Context(), l, &fairqueue.Options{Ahead: 3})
		l.send("a1", "a2", "a3", "a4", "a5")
		messages, err := d.Receive(t.Context(), 1)
		if err != nil || len(messages) != 1 {
			t.Fatalf("received %v, %v", messages, err)
		}
		synctest.Wait()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if len(l.waiting) != 4 || len(l.until) != 1 {
			t.Errorf("%d wait and %d are held, want 4 and the one that was received", len(l.waiting), len(l.until))
		}
		if _, err := d.Complete(t.Context(), messages[0], nil); err != nil || l.answered["a1"] != 1 {
			t.Errorf("complete: %v", err)
		}
	})
}

// What could not be kept is not handed out: another host may have it.
func TestLostLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeased(time.Minute)
		var log bytes.Buffer
		d := fairqueue.New(t.Context(), l, &fairqueue.Options{Ahead: 2, Log: slog.New(slog.NewTextHandler(&log, nil))})
		l.send("a1", "a2")
		synctest.Wait()
		l.mu.Lock()
		l.deaf = true
		l.mu.Unlock()
		time.Sleep(5 * time.Minute)
		l.mu.Lock()
		l.deaf = false
		l.mu.Unlock()
		l.send("a3")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		messages, err := d.Receive(ctx, 10)
		if err != nil || len(messages) != 1 || messages[0].Job.ID != "a3" {
			t.Errorf("received %v, %v; want a3 alone, which came later", messages, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		for _, want := range []string{"lease could not be extended", `its turn; it comes again" job_id=a1`, `its turn; it comes again" job_id=a2`} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not say %q:\n%s", want, log.String())
			}
		}
	})
}

// Messages that came together reach every receiver that waits.
func TestReceiversWakeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeased(time.Minute)
		d := fairqueue.New(t.Context(), l, &fairqueue.Options{Ahead: 5})
		var receiving sync.WaitGroup
		for range 5 {
			receiving.Go(func() {
				if messages, err := d.Receive(t.Context(), 1); err != nil || len(messages) != 1 {
					t.Errorf("received %v, %v", messages, err)
				}
			})
		}
		synctest.Wait()
		l.send("a1", "a2", "a3", "a4", "a5")
		receiving.Wait()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestForeignMessage(t *testing.T) {
	l := newLeased(time.Minute)
	d := fairqueue.New(t.Context(), l, &fairqueue.Options{})
	defer func() { _ = d.Close() }()
	m := &queue.Message{Job: &jobspec.Job{}}
	if _, err := d.Complete(t.Context(), m, nil); err == nil {
		t.Error("a foreign message was completed")
	}
	if err := d.Release(t.Context(), m, 0); err == nil {
		t.Error("a foreign message was released")
	}
}
