// Package fairqueue puts a fair order in front of any queue, for the hour before a deadline: messages are taken ahead of free slots, and
// handed out by turns between courses, new submissions before regrades.
//
// A queue hands messages out in an order of its own. To choose among them, some must be here: at most [Options.Ahead]. Among more than
// that the order is the queue's. They are kept ours like running ones, and given back when the runner takes no more. Each such return
// counts as a delivery with the queue, and what is held here cannot be taken by another host: on many hosts keep Ahead small.
package fairqueue

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/slashgrade/slashgrade/queue"
)

const (
	// DefaultMostPassed is how often a message may be passed by later ones. At two jobs a second it is a quarter of a minute.
	DefaultMostPassed = 30
	// MaxAhead bounds Options.Ahead: a burst before a deadline, at some kilobytes a message and one heartbeat each.
	MaxAhead = 1000
	// releaseTimeout bounds giving back what is held.
	releaseTimeout = 30 * time.Second
	// failurePause is the rest after a poll that failed.
	failurePause = time.Second
)

// Options are the order. The zero value of each is its default.
type Options struct {
	// Ahead is how many messages may wait here; less than 1 is 1, more than MaxAhead is MaxAhead.
	Ahead int
	// Share is what courses are told apart by; "" is all in one share.
	Share Key
	// Student names the student, of whose waiting messages in one share the newest goes first; "" is nobody.
	Student Key
	// Regrade marks jobs that wait for all others where its text is not empty; "" marks none.
	Regrade Key
	// MostPassed is how often a message may be passed by ones that came later. Those passed more often have every second turn, the oldest
	// first. 0 is DefaultMostPassed.
	MostPassed int
	// Log takes what fails about messages that wait; nil discards it.
	Log *slog.Logger
}

// Driver is a queue.Driver and queue.Holder, and a queue.Announcer and queue.Recorder where the queue behind it is one. The caller calls
// Close before it closes the queue behind.
type Driver struct {
	queue.Driver
	opts Options

	mu     sync.Mutex // guards line and failed
	line   *line
	failed error // of the last poll, handed to one Receive

	room, news chan struct{} // of capacity 1: the line has become shorter, or longer
	stop       context.CancelFunc
	working    sync.WaitGroup
}

// New takes messages from the driver, ahead of Receive, until GiveBack or Close. ctx gives values only.
func New(ctx context.Context, driver queue.Driver, opts *Options) *Driver {
	d := &Driver{Driver: driver, opts: *opts, room: make(chan struct{}, 1), news: make(chan struct{}, 1)}
	d.opts.Ahead = min(max(1, d.opts.Ahead), MaxAhead)
	if d.opts.MostPassed <= 0 {
		d.opts.MostPassed = DefaultMostPassed
	}
	if d.opts.Log == nil {
		d.opts.Log = slog.New(slog.DiscardHandler)
	}
	d.line = newLine(&d.opts)
	ctx, d.stop = context.WithCancel(context.WithoutCancel(ctx))
	d.working.Go(func() { d.fill(ctx) })
	if driver.Lease() > 0 {
		d.working.Go(func() { d.keep(ctx) })
	}
	return d
}

// fill takes messages while there is room.
func (d *Driver) fill(ctx context.Context) {
	for ctx.Err() == nil {
		room := d.free()
		if room == 0 {
			wait(ctx, d.room, 0)
			continue
		}
		messages, err := d.Driver.Receive(ctx, room)
		d.mu.Lock()
		for _, m := range messages {
			d.line.add(m).ours = d.leaseFrom(time.Now())
		}
		if ctx.Err() == nil {
			d.failed = err
		}
		d.mu.Unlock()
		if err != nil || len(messages) > 0 {
			signal(d.news)
		}
		if err != nil {
			wait(ctx, nil, failurePause)
		}
	}
}

func (d *Driver) free() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.opts.Ahead - len(d.line.waiting)
}

// Receive implements queue.Driver: the messages whose turn it is.
func (d *Driver) Receive(ctx context.Context, limit int) ([]*queue.Message, error) {
	for ctx.Err() == nil {
		messages, err := d.take(limit)
		if len(messages) > 0 || err != nil {
			return messages, err
		}
		wait(ctx, d.news, 0)
	}
	return nil, ctx.Err()
}

func (d *Driver) take(limit int) (messages []*queue.Message, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dropLost()
	for len(messages) < limit {
		w := d.line.next()
		if w == nil {
			break
		}
		// What waited here was still in the queue: a platform bills and shows from here on.
		w.message.Job.ReceivedAt = time.Now()
		outer := *w.message
		outer.Handle = &handle{behind: w.message, share: w.share}
		messages = append(messages, &outer)
	}
	if len(d.line.waiting) > 0 {
		signal(d.news) // for another receiver
	}
	if len(messages) > 0 {
		signal(d.room)
		return messages, nil
	}
	err, d.failed = d.failed, nil
	return nil, err
}

// GiveBack implements queue.Holder: it takes no more and gives back what waits, before ctx ends. Messages that were received stay good.
func (d *Driver) GiveBack(ctx context.Context) error {
	d.stop()
	d.working.Wait()
	d.mu.Lock()
	left := d.line.waiting
	d.line.waiting = nil
	d.mu.Unlock()
	errs := make([]error, len(left))
	var releasing sync.WaitGroup
	for i, w := range left {
		releasing.Go(func() { errs[i] = d.Driver.Release(ctx, w.message, 0) })
	}
	releasing.Wait()
	return errors.Join(errs...)
}

// Close is GiveBack with a time of its own, for whoever ends without a worker's having done so.
func (d *Driver) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	return d.GiveBack(ctx)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// wait returns after a signal, after the time if that is not 0, or when ctx ends.
func wait(ctx context.Context, c <-chan struct{}, limit time.Duration) {
	var timeout <-chan time.Time
	if limit > 0 {
		timeout = time.After(limit)
	}
	select {
	case <-c:
	case <-timeout:
	case <-ctx.Done():
	}
}
