package queue

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Leases are looked at six times in their length, and a message is extended when its last beat is a quarter of a lease old. So no beat is
// older than 5/12 of a lease, two may fail in a row, and a job that is over sooner costs no call.
const (
	looksPerLease = 6
	duePerLease   = 4
)

// heartbeats keep a worker's messages ours. All beat at the same looks, so that a queue can put their beats into one call.
type heartbeats struct {
	driver Driver
	lease  time.Duration
	told   func(age time.Duration)

	mu   sync.Mutex
	held map[*pulse]struct{}
}

// pulse is one message's.
type pulse struct {
	message *Message
	log     *slog.Logger
	send    func() // a beat, beside
	sending sync.WaitGroup

	last    time.Time // when the last beat was sent that was heard; guarded as held is
	beating bool      // one is under way; guarded as held is
}

func newHeartbeats(driver Driver, told func(time.Duration)) *heartbeats {
	return &heartbeats{driver: driver, lease: driver.Lease(), told: told, held: map[*pulse]struct{}{}}
}

// run beats until ctx ends.
func (h *heartbeats) run(ctx context.Context) {
	if h.lease <= 0 {
		return
	}
	looks := time.NewTicker(h.lease / looksPerLease)
	defer looks.Stop()
	for {
		select {
		case <-looks.C:
			h.look(time.Now())
		case <-ctx.Done():
			return
		}
	}
}

// look sends the beats that are due.
func (h *heartbeats) look(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for p := range h.held {
		if !p.beating && now.Sub(p.last) >= h.lease/duePerLease {
			p.beating = true
			p.send()
		}
	}
}

// keep extends the message until the returned function is called. No beat is under way when that returns.
func (h *heartbeats) keep(ctx context.Context, m *Message, log *slog.Logger) (stop func()) {
	if h.lease <= 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	p := &pulse{message: m, log: log, last: time.Now()}
	p.send = func() { p.sending.Go(func() { h.beat(ctx, p) }) }
	h.mu.Lock()
	h.held[p] = struct{}{}
	h.mu.Unlock()
	return func() {
		h.mu.Lock()
		delete(h.held, p)
		h.mu.Unlock()
		cancel()
		p.sending.Wait()
		h.told(time.Since(p.last))
	}
}

// beat extends one message.
func (h *heartbeats) beat(ctx context.Context, p *pulse) {
	call, cancel := context.WithTimeout(ctx, h.lease/2)
	defer cancel()
	sent := time.Now()
	err := h.driver.Extend(call, p.message)
	if err != nil && ctx.Err() == nil {
		p.log.WarnContext(ctx, "lease could not be extended; trying again", "phase", "heartbeat", "err", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	p.beating = false
	if err == nil {
		h.told(time.Since(p.last))
		p.last = sent
	}
}

// oldest is the age of the beat that is longest ago among the messages that are held; 0 without one.
func (h *heartbeats) oldest(now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	var oldest time.Duration
	for p := range h.held {
		oldest = max(oldest, now.Sub(p.last))
	}
	return oldest
}
