package sandbox

import (
	"cmp"
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"
)

// Times of a pool.
const (
	// DefaultIdle is after how long without a job of their kind waiting containers are removed: a waiting guest holds some 10 MB, and
	// between two deadlines nobody needs it.
	DefaultIdle = 10 * time.Minute
	// demandWindow is over what time the jobs of a kind are counted to tell how many containers wait for the next.
	demandWindow = 20 * time.Second
	// surplusRest is how long a kind keeps more containers than it needs: students come in waves.
	surplusRest = time.Minute
	// lookInterval is how often a pool looks at what waits.
	lookInterval = 10 * time.Second
	// fillRest is how long a pool leaves a kind alone whose container could not be started.
	fillRest = 10 * time.Second
	// fillDelay is what a job that runs beside gets for itself before a container is started: most are over by then.
	fillDelay = 250 * time.Millisecond
	// fillPatience is after what time a container is started although jobs take every processor.
	fillPatience = 5 * time.Second
	// warmupRest is how long an image gets no warm-up after one that failed.
	warmupRest = 10 * time.Minute
	// warmupPatience is how long the next container waits for the last one's warm-up: two at a time would take two processors.
	warmupPatience = 30 * time.Second
)

// Pool keeps containers of recently used kinds started, with their guest waiting, so that a job costs a stream in place of a container
// start. Each serves one job. A kind is an image ID, a profile, a network and a runtime; everything else comes with the job. A job that
// finds none goes cold at once. It is safe for concurrent use.
//
// The pool follows demand: of a kind it keeps as many as jobs came lately, at least one, while the kind is used at all. It is bounded by
// count and by the memory that waits. It fills one at a time, off the path of the jobs, and only while a processor is free, or every
// fillPatience.
type Pool struct {
	engine Engine
	opts   PoolOptions

	mu       sync.Mutex
	kinds    map[kindKey]*kind
	busy     int        // jobs that run
	opened   time.Time  // when the last job came
	wanting  time.Time  // since when a container is to be started and none was; zero if none is
	dropped  []*Session // to be removed by Run
	isClosed bool

	wake chan struct{} // has room for one
}

// PoolOptions are what a Pool may be told.
type PoolOptions struct {
	// Places is how many containers may wait in all; 0 keeps none.
	Places int
	// MemoryBytes is what they may hold together; 0 bounds nothing.
	MemoryBytes int64
	// MaxDemand is how many may wait of one kind: as many as jobs run at once. 0 is Places.
	MaxDemand int
	// Processors is how many jobs run before a container is started only every fillPatience; 0 is this machine's number.
	Processors int
	// Idle is after how long without a job a kind's containers are removed; 0 is DefaultIdle.
	Idle time.Duration
	// Log takes what failed off the path; nil discards it.
	Log *slog.Logger
}

// NewPool returns a pool that is filled by use and by Warm while Run runs.
func NewPool(engine Engine, opts *PoolOptions) *Pool {
	p := &Pool{engine: engine, opts: *opts, kinds: map[kindKey]*kind{}, wake: make(chan struct{}, 1)}
	p.opts.Idle = cmp.Or(p.opts.Idle, DefaultIdle)
	p.opts.MaxDemand = cmp.Or(p.opts.MaxDemand, p.opts.Places)
	p.opts.Processors = cmp.Or(p.opts.Processors, runtime.NumCPU())
	if p.opts.Log == nil {
		p.opts.Log = slog.New(slog.DiscardHandler)
	}
	return p
}

// Run fills the pool until ctx ends, and then removes everything that waits. Sessions that were taken are not the pool's any more.
func (p *Pool) Run(ctx context.Context) {
	looks := time.NewTicker(lookInterval)
	defer looks.Stop()
	again := time.NewTimer(0)
	defer again.Stop()
	for ctx.Err() == nil {
		select {
		case <-p.wake:
		case <-again.C:
		case <-looks.C:
			p.look(ctx)
		case <-ctx.Done():
		}
		for ctx.Err() == nil {
			k, wait := p.next(ctx)
			if wait > 0 {
				again.Reset(wait)
			}
			if k == nil {
				break
			}
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
	if session != nil {
		session.whenDone(p.done)
		if spec.Warmup {
			session.UseWarmup()
		}
		return session, nil
	}
	session, err := Open(ctx, p.engine, spec)
	if err != nil {
		p.done()
		return nil, err
	}
	session.whenDone(p.done)
	return session, nil
}

// Warm makes the pool keep a container of the spec's kind ready before the first job asks for one, with the image's warm-up if the spec
// says that a job may be it.
func (p *Pool) Warm(spec *Spec) {
	p.mu.Lock()
	p.use(spec)
	p.mu.Unlock()
	p.nudge()
}

// Waiting says how many containers wait now.
func (p *Pool) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	count, _ := p.holdings()
	return count
}

// take counts a job and returns a container for it, nil where none waits.
func (p *Pool) take(spec *Spec) *Session {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy++
	p.opened = time.Now()
	defer p.nudge()
	k := p.use(spec)
	if k == nil {
		return nil
	}
	p.discard(k.removeUnhealthy(p.opened))
	return k.take()
}

// done counts a job's end.
func (p *Pool) done() {
	p.mu.Lock()
	p.busy--
	p.mu.Unlock()
	p.nudge()
}

// nudge has Run look again.
func (p *Pool) nudge() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// discard leaves containers to Run to remove.
func (p *Pool) discard(sessions []*Session) {
	p.dropped = append(p.dropped, sessions...)
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

func (p *Pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.isClosed = true
	for key := range p.kinds {
		p.drop(key)
	}
}
