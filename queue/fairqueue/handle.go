package fairqueue

import (
	"context"
	"errors"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
)

// handle is this driver's Handle: the message as the queue behind gave it, and the share that it runs in.
type handle struct {
	behind *queue.Message
	share  string
	ended  bool // guarded by Driver.mu
}

// errForeign is about a message that did not come from this driver.
var errForeign = errors.New("the message did not come from this queue")

// inner is the message as the queue behind gave it.
func inner(m *queue.Message) (*queue.Message, *handle, error) {
	h, ok := m.Handle.(*handle)
	if !ok {
		return nil, nil, errForeign
	}
	return h.behind, h, nil
}

// Extend implements queue.Driver, for messages that were received and for those that wait.
func (d *Driver) Extend(ctx context.Context, m *queue.Message) error {
	if behind, _, err := inner(m); err == nil {
		m = behind
	}
	return d.Driver.Extend(ctx, m)
}

// Complete implements queue.Driver.
func (d *Driver) Complete(ctx context.Context, m *queue.Message, r *jobspec.Report) (time.Time, error) {
	behind, h, err := inner(m)
	if err != nil {
		return time.Time{}, err
	}
	at, err := d.Driver.Complete(ctx, behind, r)
	if !at.IsZero() {
		d.ended(h)
	}
	return at, err
}

// Release implements queue.Driver.
func (d *Driver) Release(ctx context.Context, m *queue.Message, after time.Duration) error {
	behind, h, err := inner(m)
	if err != nil {
		return err
	}
	d.ended(h)
	return d.Driver.Release(ctx, behind, after)
}

// ended frees the message's place in its share, once.
func (d *Driver) ended(h *handle) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !h.ended {
		h.ended = true
		d.line.ended(h.share)
	}
}

// Announce implements queue.Announcer.
func (d *Driver) Announce(ctx context.Context, m *queue.Message) error {
	announcer, ok := d.Driver.(queue.Announcer)
	behind, _, err := inner(m)
	if !ok || err != nil {
		return err
	}
	return announcer.Announce(ctx, behind)
}

// Record implements queue.Recorder.
func (d *Driver) Record(ctx context.Context, m *queue.Message, gradedAt time.Time) error {
	recorder, ok := d.Driver.(queue.Recorder)
	behind, _, err := inner(m)
	if !ok || err != nil {
		return err
	}
	return recorder.Record(ctx, behind, gradedAt)
}
