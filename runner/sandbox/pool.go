package sandbox

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Defaults of PoolOptions.
const (
	// DefaultIdle is after how long without a job of their kind waiting containers are removed: a waiting guest holds some 10 MB, and
	// between two deadlines nobody needs it.
	DefaultIdle = 10 * time.Minute
	// demandWindow is over what time the jobs of a kind are counted to tell how many containers wait for the next.
	demandWindow = 20 * time.Second
	// fillRest is how long a pool leaves a kind alone whose container could not be started.
	fillRest = 10 * time.Second
)

// Pool keeps containers of recently used kinds started, with their guest waiting, so that a job costs a stream in place of a container
// start. Each serves one job. A kind is an image ID, a profile, a network and a runtime; everything else comes with the job. A job that
// finds none goes cold at once. It is safe for concurrent use.
//
// The pool follows demand: of a kind it keeps as many as jobs came lately, at least one, while the kind is used at all. It fills one
// at a time, off the path of the jobs, so that starting containers never takes more than one processor from them.
type Pool struct {
	engine Engine
	opts   PoolOptions

	mu      sync.Mutex
	kinds   map[kindKey]*kind
	dropped []*Session // to be removed by Run
	closed  bool

	wake chan struct{} // has room for one
}

// PoolOptions are what a Pool may be told.
type PoolOptions struct {
	// Places is how many containers may wait in all; 0 keeps none.
	Places int
	// MaxDemand is how many may wait of one kind: as many as jobs run at once. 0 is Places.
	MaxDemand int
	// Idle is after how long without a job a kind's containers are removed; 0 is DefaultIdle.
	Idle time.Duration
	// Log takes what failed off the path; nil discards it.
	Log *slog.Logger
}

type kindKey struct {
	image, profile, runtime string
	networking              bool
}

func keyOf(spec *Spec) kindKey {
	return kindKey{spec.Image.ID, spec.Profile.Name, spec.Profile.Runtime, spec.Networking}
}

// kind is one kind of container. All fields are guarded by the pool's lock.
type kind struct {
	spec    Spec
	waiting []*Session
	used    []time.Time // within demandWindow, and the last one always
	restsTo time.Time   // after a start that failed
}

// NewPool returns a pool that is filled by use and by Warm while Run runs.
func NewPool(engine Engine, opts *PoolOptions) *Pool {
	p := &Pool{engine: engine, opts: *opts, kinds: map[kindKey]*kind{}, wake: make(chan struct{}, 1)}
	p.opts.Idle = cmp.Or(p.opts.Idle, DefaultIdle)
	p.opts.MaxDemand = cmp.Or(p.opts.MaxDemand, p.opts.Places)
	if p.opts.Log == nil {
		p.opts.Log = slog.New(slog.DiscardHandler)
	}
	return p
}

// Run fills the pool until ctx ends, and then removes everything that waits. Sessions that were taken are not the pool's any more.
func (p *Pool) Run(ctx context.Context) {
	looks := time.NewTicker(fillRest)
	defer looks.Stop()
	for ctx.Err() == nil {
		select {
		case <-p.wake:
		case <-looks.C:
			p.removeIdle()
		case <-ctx.Done():
		}
		for k := p.neediest(); k != nil && ctx.Err() == nil; k = p.neediest() {
			p.fillOne(ctx, k)
		}
		p.removeDropped(ctx)
	}
	p.close()
	p.removeDropped(ctx)
}

// Open returns a session of the spec's kind: one that waits, else a new one.
func (p *Pool) Open(ctx context.Context, spec *Spec) (*Session, error) {
	session := p.take(spec)
	p.nudge()
	if session != nil {
		return session, nil
	}
	return Open(ctx, p.engine, spec)
}

// Warm makes the pool keep a container of the spec's kind ready before the first job asks for one.
func (p *Pool) Warm(spec *Spec) {
	p.mu.Lock()
	p.use(spec)
	p.mu.Unlock()
	p.nudge()
}

// take returns the container that has waited longest, and forgets those whose guest has gone.
func (p *Pool) take(spec *Spec) *Session {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := p.use(spec)
	for k != nil && len(k.waiting) > 0 {
		session := k.waiting[0]
		k.waiting = k.waiting[1:]
		if !session.silent() {
			return session
		}
		p.discard(session)
	}
	return nil
}

// use counts a job. It drops what waits of an older image of the same name. It returns nil where there is no pool.
func (p *Pool) use(spec *Spec) *kind {
	if p.opts.Places == 0 || p.closed {
		return nil
	}
	key := keyOf(spec)
	k, ok := p.kinds[key]
	if !ok {
		k = &kind{spec: *spec}
		k.spec.Job = ""
		p.kinds[key] = k
		for other, old := range p.kinds {
			if old.spec.Image.Name == spec.Image.Name && other.image != key.image {
				p.drop(other)
			}
		}
	}
	now := time.Now()
	k.used = slices.DeleteFunc(append(k.used, now), func(at time.Time) bool { return now.Sub(at) > demandWindow })
	return k
}

// drop forgets a kind and removes what waits of it.
func (p *Pool) drop(key kindKey) {
	for _, session := range p.kinds[key].waiting {
		p.discard(session)
	}
	delete(p.kinds, key)
}

// discard leaves a container to Run to remove.
func (p *Pool) discard(session *Session) {
	p.dropped = append(p.dropped, session)
}

// removeDropped removes what was discarded. What cannot be removed is left to the sweep.
func (p *Pool) removeDropped(ctx context.Context) {
	p.mu.Lock()
	dropped := p.dropped
	p.dropped = nil
	p.mu.Unlock()
	for _, session := range dropped {
		if err := session.Close(context.WithoutCancel(ctx)); err != nil {
			p.opts.Log.WarnContext(ctx, "a waiting container could not be removed; the sweep will", "container", session.Container(), "err", err)
		}
	}
}

// nudge has Run look again.
func (p *Pool) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// neediest is the kind that lacks a container and was used last, nil if none lacks one or there is no room.
func (p *Pool) neediest() *kind {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found *kind
	waiting := 0
	now := time.Now()
	for _, k := range p.kinds {
		waiting += len(k.waiting)
		lacks := len(k.waiting) < p.demand(k, now) && now.After(k.restsTo)
		if lacks && (found == nil || k.lastUse().After(found.lastUse())) {
			found = k
		}
	}
	if found != nil && waiting >= p.opts.Places && !p.makeRoom(found) {
		return nil
	}
	return found
}

// demand is how many containers of the kind should wait.
func (p *Pool) demand(k *kind, now time.Time) int {
	lately := 0
	for _, at := range k.used {
		if now.Sub(at) <= demandWindow {
			lately++
		}
	}
	return min(max(1, lately), p.opts.MaxDemand)
}

func (k *kind) lastUse() time.Time { return k.used[len(k.used)-1] }

// makeRoom removes one container of the kind that was used longest ago, unless that is the kind that wants the room.
func (p *Pool) makeRoom(wants *kind) bool {
	var oldest *kind
	for _, k := range p.kinds {
		if len(k.waiting) > 0 && (oldest == nil || k.lastUse().Before(oldest.lastUse())) {
			oldest = k
		}
	}
	if oldest == nil || oldest == wants {
		return false
	}
	p.discard(oldest.waiting[0])
	oldest.waiting = oldest.waiting[1:]
	return true
}

func (p *Pool) fillOne(ctx context.Context, k *kind) {
	spec := k.spec
	session, err := Open(ctx, p.engine, &spec)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case err != nil:
		k.restsTo = time.Now().Add(fillRest)
		if !errors.Is(err, context.Canceled) {
			p.opts.Log.WarnContext(ctx, "no container could be started to wait for jobs; they start their own", "image", spec.Image.Name, "err", err)
		}
	case p.closed || p.kinds[keyOf(&spec)] != k:
		p.discard(session)
	default:
		k.waiting = append(k.waiting, session)
	}
}

// removeIdle forgets the kinds that nobody uses any more, and waiting containers whose guest has gone.
func (p *Pool) removeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, k := range p.kinds {
		if time.Since(k.lastUse()) > p.opts.Idle {
			p.drop(key)
			continue
		}
		k.waiting = slices.DeleteFunc(k.waiting, func(session *Session) bool {
			gone := session.silent()
			if gone {
				p.discard(session)
			}
			return gone
		})
	}
}

// Waiting says how many containers wait now.
func (p *Pool) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := 0
	for _, k := range p.kinds {
		sum += len(k.waiting)
	}
	return sum
}

func (p *Pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for key := range p.kinds {
		p.drop(key)
	}
}
