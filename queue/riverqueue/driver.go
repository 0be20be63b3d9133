package riverqueue

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
)

var (
	// ErrStopped is returned by Receive once Stop or Close was called.
	ErrStopped = errors.New("the queue's driver was stopped")
	// ErrNotOurs is wrapped by Complete and Release for a message that was completed, released or given back by Close,
	// or that another driver received.
	ErrNotOurs = errors.New("the message is no longer held by this driver")
)

const (
	// fetchPoll is how often River looks for jobs without being told to (see listener), and fetchCooldown the least time between two
	// looks.
	fetchPoll     = time.Second
	fetchCooldown = 5 * time.Millisecond
	// noTimeout turns River's limit on a job off, and with it the rescue of jobs that run longer: the runner has its own limits.
	noTimeout = -1
	// rescueAfter is a second safeguard against the rescue: no job runs for a year.
	rescueAfter = 365 * 24 * time.Hour
	// maxRunnerID is River's limit on the name of a client.
	maxRunnerID = 100
	// closeTimeout bounds Close, which waits for nothing but the file.
	closeTimeout = 10 * time.Second
)

// Driver takes jobs from a [Queue] for one runner. It is a [queue.Driver] and a [queue.Recorder], and is safe for concurrent use.
type Driver struct {
	queue  *Queue
	client *river.Client[*sql.Tx]
	runner string
	offers chan *delivery

	stopping, closing             chan struct{} // closed when no more is handed out, and when all goes back
	stopOnce, closeOnce, freeOnce sync.Once
}

var (
	_ queue.Driver   = (*Driver)(nil)
	_ queue.Recorder = (*Driver)(nil)
)

// Driver starts taking jobs for the runner, at most concurrency (1 to 10,000) at a time; ctx bounds the start only.
// Jobs that a driver with the same id held when its process was killed are waiting again when it returns. runnerID is
// the runner's stable name, 1 to 100 bytes; the caller makes sure that only one process uses it at a time, and within
// the process a second driver with the id is refused. The caller calls Stop or Close.
func (q *Queue) Driver(ctx context.Context, runnerID string, concurrency int) (*Driver, error) {
	if runnerID == "" || len(runnerID) > maxRunnerID {
		return nil, fmt.Errorf("the runner's id %q must be 1 to %d bytes long", runnerID, maxRunnerID)
	}
	d := &Driver{
		queue: q, runner: runnerID, offers: make(chan *delivery),
		stopping: make(chan struct{}), closing: make(chan struct{}),
	}
	if err := q.reserve(runnerID); err != nil {
		return nil, err
	}
	if err := d.start(ctx, concurrency); err != nil {
		q.setDriver(runnerID, nil)
		return nil, fmt.Errorf("start taking jobs from the queue: %w", err)
	}
	q.setDriver(runnerID, d)
	return d, nil
}

func (d *Driver) start(ctx context.Context, concurrency int) error {
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, river.WorkFunc(d.work)); err != nil {
		return err
	}
	client, err := river.NewClient(d.queue.driver(), &river.Config{
		ID:                   d.runner,
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: concurrency}},
		Workers:              workers,
		Logger:               quiet(d.queue.logger),
		FetchPollInterval:    fetchPoll,
		FetchCooldown:        fetchCooldown,
		JobTimeout:           noTimeout,
		RescueStuckJobsAfter: rescueAfter,
	})
	if err != nil {
		return err
	}
	d.client = client
	if err := d.queue.restore(ctx, d.runner); err != nil {
		return err
	}
	return client.Start(context.WithoutCancel(ctx)) // the end of this context would break off what runs
}

// restore makes jobs wait again that a killed process with the runner's id had taken. River has no call for this.
func (q *Queue) restore(ctx context.Context, runnerID string) error {
	result, err := q.db.ExecContext(ctx, `
		UPDATE river_job SET state = 'available'
		WHERE kind = ? AND state = 'running' AND attempted_by ->> '$[#-1]' = ?`, kind, runnerID)
	if err != nil {
		return fmt.Errorf("take back the jobs of the runner's last process: %w", err)
	}
	if n, err := result.RowsAffected(); err == nil && n > 0 {
		q.logger.WarnContext(ctx, "the runner's last process ended with jobs unanswered: they wait again", slog.Int64("jobs", n))
	}
	return nil
}

// reserve keeps the runner's id for a driver that is about to start.
func (q *Queue) reserve(runnerID string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, taken := q.drivers[runnerID]; taken {
		return fmt.Errorf("a driver for the runner %q is running already", runnerID)
	}
	q.drivers[runnerID] = nil
	return nil
}

// setDriver notes the driver that runs under the id; nil frees the id.
func (q *Queue) setDriver(runnerID string, d *Driver) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if d == nil {
		delete(q.drivers, runnerID)
		return
	}
	q.drivers[runnerID] = d
}

// running lists the drivers that have started and not ended.
func (q *Queue) running() []*Driver {
	q.mu.Lock()
	defer q.mu.Unlock()
	var drivers []*Driver
	for _, d := range q.drivers {
		if d != nil {
			drivers = append(drivers, d)
		}
	}
	return drivers
}

// Stop ends taking jobs: Receive hands out nothing more, jobs taken from the file but not handed out go back, and
// messages that were received stay ours until Complete or Release. It returns nil when none is left, and an error when
// ctx ends before; it may then be called again.
func (d *Driver) Stop(ctx context.Context) error {
	d.stopOnce.Do(func() { close(d.stopping) })
	if err := d.client.Stop(ctx); err != nil {
		return fmt.Errorf("stop taking jobs from the queue: jobs are still running: %w", err)
	}
	d.freeOnce.Do(func() { d.queue.setDriver(d.runner, nil) })
	return nil
}

// Close gives every message back that was not completed and ends the driver. It waits at most 10 s for the file.
func (d *Driver) Close() error {
	d.closeOnce.Do(func() { close(d.closing) })
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return d.Stop(ctx)
}

// Receive implements [queue.Driver]. It fails with ErrStopped once the driver was stopped.
func (d *Driver) Receive(ctx context.Context, limit int) ([]*queue.Message, error) {
	held, err := d.next(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.take(ctx, held); err != nil {
		return nil, fmt.Errorf("note that job %q was received: %w", held.message.Job.ID, err)
	}
	messages := []*queue.Message{held.message}
	for len(messages) < limit {
		message := d.another(ctx)
		if message == nil {
			break
		}
		messages = append(messages, message)
	}
	return messages, nil
}

// next waits for an offer.
func (d *Driver) next(ctx context.Context) (*delivery, error) {
	select { // before any offer: select chooses at random
	case <-d.stopping:
		return nil, ErrStopped
	case <-ctx.Done():
		return nil, ctx.Err()
	default:
	}
	select {
	case held := <-d.offers:
		return held, nil
	case <-d.stopping:
		return nil, ErrStopped
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// another takes an offer that is there, nil if there is none. One that cannot be taken goes back: what Receive has
// already is whole.
func (d *Driver) another(ctx context.Context) *queue.Message {
	select {
	case held := <-d.offers:
		if err := d.take(ctx, held); err != nil {
			d.queue.logger.WarnContext(ctx, "a job could not be received and goes back to the queue",
				slog.String("job_id", held.message.Job.ID), slog.Any("err", err))
			return nil
		}
		return held.message
	default:
		return nil
	}
}

// take notes the delivery in the job's row. If that fails the job goes back, and the error is returned.
func (d *Driver) take(ctx context.Context, held *delivery) error {
	now := time.Now()
	deliveries, err := d.queue.markReceived(ctx, held.message.Job.ID, d.runner, now)
	if err != nil {
		rest := troubleSnooze
		if ctx.Err() != nil {
			rest = 0 // the caller's doing, not the file's
		}
		return errors.Join(err, held.giveBack(context.WithoutCancel(ctx), rest))
	}
	held.message.Job.ReceivedAt = now
	held.message.Deliveries = deliveries
	return nil
}

// Extend implements [queue.Driver]: there is nothing to extend.
func (d *Driver) Extend(context.Context, *queue.Message) error { return nil }

// Lease implements [queue.Driver]: a message stays ours for ever.
func (d *Driver) Lease() time.Duration { return 0 }

// Complete implements [queue.Driver]: it stores the report in the submission's row and ends the job in one transaction,
// and returns the instant after. If it fails nothing was stored, and it may be called again. It fails with ErrNotOurs
// if the message is not held any more.
func (d *Driver) Complete(ctx context.Context, m *queue.Message, r *jobspec.Report) (time.Time, error) {
	held, err := d.held(m)
	if err != nil {
		return time.Time{}, fmt.Errorf("store the report of job %q: %w", m.Job.ID, err)
	}
	report, err := json.Marshal(r)
	if err != nil {
		return time.Time{}, fmt.Errorf("write the report of job %q: %w", m.Job.ID, err)
	}
	at, err := d.complete(ctx, held, string(report))
	if err != nil {
		return time.Time{}, fmt.Errorf("store the report of job %q: %w", m.Job.ID, err)
	}
	return at, nil
}

// complete has the delivery's goroutine store the report and waits for that.
func (d *Driver) complete(ctx context.Context, held *delivery, report string) (at time.Time, err error) {
	done := make(chan error, 1)
	err = held.decide(ctx, func(work context.Context, job *river.Job[args]) (bool, error) {
		work, cancel := bounded(work, ctx)
		defer cancel()
		err := d.store(work, job, report)
		at = time.Now()
		done <- err
		return err == nil, nil
	})
	if err != nil {
		return time.Time{}, err
	}
	err = <-done
	return at, err
}

// store is the transaction of Complete.
func (d *Driver) store(ctx context.Context, job *river.Job[args], report string) error {
	return d.queue.inTransaction(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE submission SET report = ? WHERE job_id = ?", report, job.Args.JobID); err != nil {
			return err
		}
		completed, err := river.JobCompleteTx[*riversqlite.Driver](ctx, tx, job)
		if err != nil {
			return err
		}
		if completed.State != rivertype.JobStateCompleted { // River leaves a job that is not running as it is
			return fmt.Errorf("%w: the job is %s in the queue", ErrNotOurs, completed.State)
		}
		return nil
	})
}

// Release implements [queue.Driver]. River writes it down within a quarter of a second and tries again if it cannot; a
// job whose return was not written waits again when the runner starts again. It fails with ErrNotOurs if the message is
// not held any more.
func (d *Driver) Release(ctx context.Context, m *queue.Message, after time.Duration) error {
	held, err := d.held(m)
	if err == nil {
		err = held.giveBack(ctx, after)
	}
	if err != nil {
		return fmt.Errorf("give back job %q: %w", m.Job.ID, err)
	}
	return nil
}

// held is the message's delivery, if it is one of ours.
func (d *Driver) held(m *queue.Message) (*delivery, error) {
	held, ok := m.Handle.(*delivery)
	if !ok || held.driver != d {
		return nil, ErrNotOurs
	}
	return held, nil
}

// Record implements [queue.Recorder]: it keeps graded_at in the submission's row.
func (d *Driver) Record(ctx context.Context, m *queue.Message, gradedAt time.Time) error {
	_, err := d.queue.db.ExecContext(ctx, "UPDATE submission SET graded_at = ? WHERE job_id = ?", gradedAt.UnixMilli(), m.Job.ID)
	if err != nil {
		return fmt.Errorf("record when job %q was graded: %w", m.Job.ID, err)
	}
	return nil
}
