package fairqueue

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// beatsPerLease is how often what waits is extended: the worker's first beat for what is handed out comes up to 5/12 of a lease later.
const beatsPerLease = 4

// keep extends what waits until ctx ends.
func (d *Driver) keep(ctx context.Context) {
	beat := d.Lease() / beatsPerLease
	beats := time.NewTicker(beat)
	defer beats.Stop()
	for {
		select {
		case <-beats.C:
		case <-ctx.Done():
			return
		}
		limited, cancel := context.WithTimeout(ctx, beat)
		var beating sync.WaitGroup
		for _, w := range d.held() {
			beating.Go(func() { d.extend(limited, w) })
		}
		beating.Wait()
		cancel()
	}
}

// held is what waits now.
func (d *Driver) held() []*waiting {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dropLost()
	return slices.Clone(d.line.waiting)
}

// extend is one beat of one message. One that was handed out meanwhile is the worker's, which may have ended it.
func (d *Driver) extend(ctx context.Context, w *waiting) {
	began := time.Now()
	err := d.Driver.Extend(ctx, w.message)
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err == nil:
		w.ours = d.leaseFrom(began)
	case !errors.Is(ctx.Err(), context.Canceled) && slices.Contains(d.line.waiting, w):
		d.opts.Log.WarnContext(ctx, "lease could not be extended; trying again", "phase", "wait", "job_id", w.message.Job.ID, "err", err)
	}
}

// leaseFrom is the end of a lease that begins now; zero is never.
func (d *Driver) leaseFrom(now time.Time) time.Time {
	if lease := d.Lease(); lease > 0 {
		return now.Add(lease)
	}
	return time.Time{}
}

// dropLost takes out of the line what is not ours any more: another host may have it, or it comes again. Driver.mu is held.
func (d *Driver) dropLost() {
	now := time.Now()
	before := len(d.line.waiting)
	d.line.waiting = slices.DeleteFunc(d.line.waiting, func(w *waiting) bool {
		lost := !w.ours.IsZero() && now.After(w.ours)
		if lost {
			d.opts.Log.Warn("a job's lease ended before its turn; it comes again", "job_id", w.message.Job.ID)
		}
		return lost
	})
	if len(d.line.waiting) < before {
		signal(d.room)
	}
}
