package sandbox

import (
	"context"
	"errors"
	"slices"
	"time"
)

// next is the kind that a container is to be started of now, nil if none is; wait is after what time to ask again, 0 for the next event.
func (p *Pool) next(ctx context.Context) (found *kind, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if found = p.neediest(now); found == nil {
		p.wanting = time.Time{}
		return nil, 0
	}
	if p.wanting.IsZero() {
		p.wanting = now
	}
	if wait = p.untilQuiet(now); wait > 0 {
		return nil, wait
	}
	if !p.makeRoom(ctx, found, now) {
		return nil, 0
	}
	p.wanting = now
	return found, 0
}

// neediest is the kind that lacks a container and was used last, nil if none lacks one.
func (p *Pool) neediest(now time.Time) *kind {
	var found *kind
	for _, k := range p.kinds {
		lacks := len(k.waiting) < k.demand(now, p.opts.MaxDemand) && now.After(k.restsTo) && !k.tooLarge
		if lacks && (found == nil || k.lastUse().After(found.lastUse())) {
			found = k
		}
	}
	return found
}

// untilQuiet is how long jobs are left alone: a start costs as much CPU as many of them.
func (p *Pool) untilQuiet(now time.Time) time.Duration {
	patience := fillPatience - now.Sub(p.wanting)
	switch {
	case p.busy == 0:
		return 0
	case p.busy < p.opts.Processors:
		return min(fillDelay-now.Sub(p.opened), patience)
	default:
		return patience
	}
}

// makeRoom says whether one more container of the kind may wait. It removes others for it, whose kind was not used for longer.
func (p *Pool) makeRoom(ctx context.Context, wants *kind, now time.Time) bool {
	for {
		count, bytes := p.holdings()
		need := wants.need()
		if p.opts.MemoryBytes > 0 && need > p.opts.MemoryBytes {
			wants.tooLarge = true
			p.opts.Log.WarnContext(ctx, "a waiting container of an image would hold more memory than all may; its jobs start their own",
				"image", wants.spec.Image.Name, "bytes", need, "limit", p.opts.MemoryBytes)
			return false
		}
		if count < p.opts.Places && (p.opts.MemoryBytes == 0 || bytes+need <= p.opts.MemoryBytes) {
			return true
		}
		oldest := p.leastUsed()
		if oldest == nil || !oldest.lastUse().Before(wants.lastUse()) { // or two kinds would drive each other out for ever
			return false
		}
		if len(oldest.waiting) == 1 && now.Sub(oldest.lastUse()) < demandWindow {
			return false
		}
		p.discard(oldest.keep(len(oldest.waiting) - 1))
	}
}

// leastUsed is the kind with waiting containers that was used longest ago, nil without one.
func (p *Pool) leastUsed() *kind {
	var oldest *kind
	for _, k := range p.kinds {
		if len(k.waiting) > 0 && (oldest == nil || k.lastUse().Before(oldest.lastUse())) {
			oldest = k
		}
	}
	return oldest
}

func (p *Pool) fillOne(ctx context.Context, k *kind) {
	spec := k.spec
	session, err := Open(ctx, p.engine, &spec)
	warms := err == nil && p.startWarmup(ctx, k, session)
	if p.place(ctx, k, session, err) && warms {
		p.awaitWarmup(ctx, k, session)
	}
}

// place lets a session wait that was opened, or notes that none could be.
func (p *Pool) place(ctx context.Context, k *kind, session *Session, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil:
		k.restsTo = time.Now().Add(fillRest)
		if !errors.Is(err, context.Canceled) {
			p.opts.Log.WarnContext(ctx, "no container could be started to wait for jobs; they start their own",
				"image", k.spec.Image.Name, "err", err)
		}
		return false
	case p.isClosed || p.kinds[keyOf(&k.spec)] != k:
		p.discard([]*Session{session})
		return false
	default:
		k.waiting = append(k.waiting, session)
		return true
	}
}

// startWarmup starts the image's warm-up, if it has one that did not fail lately and that the last job could have been, and says whether
// it has: jobs that name an entrypoint of their own would have it load for nothing.
func (p *Pool) startWarmup(ctx context.Context, k *kind, session *Session) bool {
	p.mu.Lock()
	cold := k.spec.Image.Warmup == "" || !k.suits || time.Now().Before(k.coldTo)
	p.mu.Unlock()
	if cold {
		return false
	}
	session.whenWarmupFails(func() { p.restWarmups(k) })
	err := session.Warm(ctx)
	if err != nil {
		p.restWarmups(k)
		p.warnOfWarmup(ctx, k, err.Error())
	}
	return err == nil
}

func (p *Pool) restWarmups(k *kind) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k.coldTo = time.Now().Add(warmupRest)
}

// awaitWarmup leaves the processor to a warm-up for a while.
func (p *Pool) awaitWarmup(ctx context.Context, k *kind, session *Session) {
	limit := time.NewTimer(warmupPatience)
	defer limit.Stop()
	select {
	case <-session.warmupSettled():
		p.tellWarmupFailures(ctx, k)
	case <-session.gone:
	case <-limit.C:
	case <-ctx.Done():
	}
}

// tellWarmupFailures logs what became of the warm-ups of containers that still wait; those of jobs are logged with the job.
func (p *Pool) tellWarmupFailures(ctx context.Context, k *kind) {
	p.mu.Lock()
	waiting := slices.Clone(k.waiting)
	p.mu.Unlock()
	for _, session := range waiting {
		if why := session.WarmupFailure(); why != "" {
			p.warnOfWarmup(ctx, k, why)
		}
	}
}

func (p *Pool) warnOfWarmup(ctx context.Context, k *kind, why string) {
	p.opts.Log.WarnContext(ctx, "an image's warm-up failed while it waited for a job; for a while there is none",
		"image", k.spec.Image.Name, "err", why)
}

// look removes what should not wait any more: kinds that nobody uses, more containers than are needed, dead ones, and too much memory.
func (p *Pool) look(ctx context.Context) {
	p.mu.Lock()
	now := time.Now()
	var kinds []*kind
	for key, k := range p.kinds {
		if now.Sub(k.lastUse()) > p.opts.Idle {
			p.drop(key)
			continue
		}
		kinds = append(kinds, k)
		p.discard(k.removeUnhealthy(now))
		if now.Sub(k.lastUse()) > surplusRest {
			p.discard(k.keep(k.demand(now, p.opts.MaxDemand)))
		}
	}
	p.shrink()
	p.mu.Unlock()
	for _, k := range kinds {
		p.tellWarmupFailures(ctx, k)
	}
}

// shrink removes containers until what waits holds no more than it may: they may have grown.
func (p *Pool) shrink() {
	for p.opts.MemoryBytes > 0 {
		_, bytes := p.holdings()
		oldest := p.leastUsed()
		if bytes <= p.opts.MemoryBytes || oldest == nil {
			return
		}
		p.discard(oldest.keep(len(oldest.waiting) - 1))
	}
}
