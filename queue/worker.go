package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/store"
)

// maxReceive is the most that one Receive asks for: SQS gives no more at a time.
const maxReceive = 10

// ErrGivenBack is the cause with which the work context is cancelled when jobs must be given back.
var ErrGivenBack = errors.New("the runner is stopping; the job is given back")

// Worker is the loop that every queue shares: receive into a free slot, keep the message ours, grade, answer, free the slot, clean up.
type Worker struct {
	driver Driver
	grader runner.Grader
	files  store.Files
	opts   WorkerOptions

	slots    chan struct{}
	cleaning chan struct{}  // a place for each clean-up that goes on
	jobs     sync.WaitGroup // and their clean-ups
	beats    *heartbeats
	pause    backoff // after jobs that failed on our side
	polls    backoff // after polls that failed
}

// WorkerOptions are what a Worker may be told.
type WorkerOptions struct {
	// Concurrency is how many jobs run at once; at least 1. As many more may be in their clean-up after the answer.
	Concurrency int
	// NoArchive leaves archive.tar.gz, /grade after the run, out of the store.
	NoArchive bool
	// Log takes a line for each job and each failure; nil discards them.
	Log *slog.Logger
	// Answered is called after each answer, for progress and tests; nil is nothing.
	Answered func(*jobspec.Report)
	// HeartbeatAge is called with the age that a heartbeat had reached when the next one was heard, and when its job was answered or
	// given back; with a queue that has leases only. It must be quick. Nil is nothing.
	HeartbeatAge func(time.Duration)
}

// NewWorker returns a worker that takes jobs from the driver and stores what came of them in files.
func NewWorker(driver Driver, grader runner.Grader, files store.Files, opts *WorkerOptions) *Worker {
	w := &Worker{driver: driver, grader: grader, files: files, opts: *opts}
	w.opts.Concurrency = max(1, w.opts.Concurrency)
	if w.opts.Log == nil {
		w.opts.Log = slog.New(slog.DiscardHandler)
	}
	if w.opts.Answered == nil {
		w.opts.Answered = func(*jobspec.Report) {}
	}
	if w.opts.HeartbeatAge == nil {
		w.opts.HeartbeatAge = func(time.Duration) {}
	}
	w.beats = newHeartbeats(driver, w.opts.HeartbeatAge)
	w.slots = make(chan struct{}, w.opts.Concurrency)
	w.cleaning = make(chan struct{}, w.opts.Concurrency)
	return w
}

// Run receives and grades until fetch ends, and then returns when every job that was received is finished and cleaned up after: answered, or,
// once work ends too, given back to the queue. What a [Holder] holds goes back as soon as fetch ends. Heartbeats and clean-up go on after both have ended.
func (w *Worker) Run(fetch, work context.Context) {
	defer w.startBeating(work)()
	for fetch.Err() == nil {
		free := w.waitForSlots(fetch)
		if free == 0 || !w.pause.wait(fetch) || !w.polls.wait(fetch) {
			w.releaseSlots(free)
			break
		}
		messages, err := w.driver.Receive(fetch, free)
		if err != nil && fetch.Err() == nil {
			w.opts.Log.ErrorContext(fetch, "the queue could not be asked for jobs; trying again", "phase", "receive", "err", err)
			w.polls.failed()
		} else {
			w.polls.over()
		}
		w.releaseSlots(free - len(messages))
		for _, m := range messages {
			w.jobs.Go(func() {
				defer w.releaseSlots(1)
				w.handle(work, m)
			})
		}
	}
	w.giveBackHeld(context.WithoutCancel(fetch))
	w.jobs.Wait()
}

// startBeating lets the heartbeats beat until the returned function is called.
func (w *Worker) startBeating(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var beating sync.WaitGroup
	beating.Go(func() { w.beats.run(ctx) })
	return func() {
		cancel()
		beating.Wait()
	}
}

// OldestHeartbeat is how long ago the oldest of the last heartbeats of the jobs that run was sent; 0 without jobs or leases. A job whose
// heartbeat becomes as old as the lease may run elsewhere too.
func (w *Worker) OldestHeartbeat() time.Duration { return w.beats.oldest(time.Now()) }

// giveBackHeld leaves to other runners what waits here, before the jobs that run are waited for: that may take as long as they do.
func (w *Worker) giveBackHeld(ctx context.Context) {
	holder, ok := w.driver.(Holder)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := holder.GiveBack(ctx); err != nil {
		w.opts.Log.WarnContext(ctx, "jobs that waited for their turn could not be given back; they come back when their leases end", "err", err)
	}
}

// waitForSlots takes at least one slot and as many more as are free now; 0 when ctx has ended.
func (w *Worker) waitForSlots(ctx context.Context) int {
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	taken := 1
	for taken < maxReceive {
		select {
		case w.slots <- struct{}{}:
			taken++
		default:
			return taken
		}
	}
	return taken
}

func (w *Worker) releaseSlots(n int) {
	for range n {
		<-w.slots
	}
}

// handle is one message from its receipt until it is answered and its clean-up goes on beside.
func (w *Worker) handle(work context.Context, m *Message) {
	task := &delivery{Worker: w, message: m, log: w.opts.Log.With("job_id", m.Job.ID, "delivery_id", m.Job.DeliveryID)}
	lasting := context.WithoutCancel(work)
	stop := w.beats.keep(lasting, m, task.log)
	grading, err := task.grade(work)
	if err == nil {
		err = task.answer(lasting, grading)
	}
	stop()
	if err != nil {
		task.giveBack(lasting, err)
	}
	if grading != nil {
		task.leave(lasting, grading)
	}
}

// grade returns what came of the job, without running it where that is known already.
func (d *delivery) grade(work context.Context) (*runner.Grading, error) {
	if d.message.Refusal != nil {
		grading := runner.Refused(d.message.Job, d.message.Refusal.Reason)
		grading.Report.Problems, grading.Report.ProblemCount = d.message.Refusal.Problems, d.message.Refusal.ProblemCount
		return grading, nil
	}
	if d.message.Redelivered() {
		if report := d.storedReport(work); report != nil {
			d.log.InfoContext(work, "the job came again and is answered from its stored report")
			d.stored = true
			return runner.NewGrading(report, nil), nil
		}
	}
	d.announce(work)
	grading, err := d.grader.Grade(work, d.message.Job)
	if err != nil {
		return nil, fmt.Errorf("grade: %w", err)
	}
	d.pause.over()
	return grading, nil
}

// giveBack leaves the job to another try. A failure of ours also slows this worker down: one whose engine is broken must not
// empty the queue.
func (d *delivery) giveBack(ctx context.Context, why error) {
	d.telling.Wait() // a job_received must not follow the next worker's result
	var rest time.Duration
	if errors.Is(why, ErrGivenBack) {
		d.log.InfoContext(ctx, "job given back to the queue", "err", why)
	} else {
		rest = restAfter(d.message.Deliveries)
		d.log.ErrorContext(ctx, "job failed on our side and goes back to the queue", "next_try_in", rest.String(), "err", why)
		d.pause.failed()
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := d.driver.Release(ctx, d.message, rest); err != nil {
		d.log.WarnContext(ctx, "job could not be given back; it comes back when its lease ends", "err", err)
	}
}

// restAfter is how long a job waits for another try after so many that failed on our side: 10, 20, 40 and then 60 seconds. A queue that
// gives a message up after three deliveries keeps it through an outage of half a minute, and a job that no engine can run does not
// crowd out the others.
func restAfter(deliveries int) time.Duration {
	const first, most = 10 * time.Second, time.Minute
	rest := first
	for ; deliveries > 1 && rest < most; deliveries-- {
		rest *= 2
	}
	return min(rest, most)
}

// backoff slows down after failures of ours in a row: 1, 2, 4, … 30 seconds.
type backoff struct {
	mu    sync.Mutex
	until time.Time
	delay time.Duration
}

const (
	firstDelay = time.Second
	maxDelay   = 30 * time.Second
)

func (b *backoff) failed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.delay = min(max(firstDelay, 2*b.delay), maxDelay)
	b.until = time.Now().Add(b.delay)
}

// over ends the slowness: something worked again.
func (b *backoff) over() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.delay, b.until = 0, time.Time{}
}

// wait waits until the delay is over and says whether ctx is still alive.
func (b *backoff) wait(ctx context.Context) bool {
	b.mu.Lock()
	left := time.Until(b.until)
	b.mu.Unlock()
	if left <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(left):
		return true
	case <-ctx.Done():
		return false
	}
}
