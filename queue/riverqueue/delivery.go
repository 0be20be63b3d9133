package riverqueue

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/riverqueue/river"

	"github.com/slashgrade/slashgrade/queue"
)

// troubleSnooze is how long a job rests after the queue's file could not be read or written: at once, it would fail again.
const troubleSnooze = time.Second

// delivery is one River job in the hands of a goroutine of River's. It is the Handle of its message.
type delivery struct {
	driver   *Driver
	message  *queue.Message
	verdicts chan verdict
	ended    chan struct{} // closed when the goroutine has let go of the job
}

// verdict is what Complete and Release want of the goroutine: only there is the context in which River lets a
// transaction complete the job. It says whether that ends the delivery, and what River is told then.
type verdict func(work context.Context, job *river.Job[args]) (ends bool, river error)

// work is called by River for each job that it takes. It returns when the job was answered or goes back.
func (d *Driver) work(ctx context.Context, job *river.Job[args]) error {
	held, err := d.load(ctx, job.Args.JobID)
	switch {
	case errors.Is(err, ErrNotFound): // somebody took the row away: there is nobody to answer
		d.queue.logger.ErrorContext(ctx, "a job was dropped: its submission is not in the queue's file",
			slog.String("job_id", job.Args.JobID))
		return river.JobCancel(err)
	case err != nil:
		d.queue.logger.ErrorContext(ctx, "a submission could not be read and is tried again",
			slog.String("job_id", job.Args.JobID), slog.Any("err", err))
		return river.JobSnooze(troubleSnooze)
	}
	defer close(held.ended)
	select {
	case d.offers <- held:
	case <-d.stopping:
		return river.JobSnooze(0)
	}
	for {
		select {
		case decide := <-held.verdicts:
			if ends, err := decide(ctx, job); ends {
				return err
			}
		case <-d.closing:
			return river.JobSnooze(0)
		}
	}
}

// load makes a message of the submission. A row that cannot be read (of another version, or damaged) is one that can
// never be graded.
func (d *Driver) load(ctx context.Context, jobID string) (*delivery, error) {
	row, err := d.queue.submission(ctx, jobID)
	if err != nil {
		return nil, err
	}
	message := &queue.Message{Job: row.job}
	if row.malformed != nil {
		d.queue.logger.ErrorContext(ctx, "a submission is damaged and is answered with a failure",
			slog.String("job_id", jobID), slog.Any("err", row.malformed))
		message.Refusal = &queue.Refusal{Reason: "The job cannot be read from the queue's file: its row is damaged, " +
			"or was written by another version of slashgrade. Submit it again."}
	}
	held := &delivery{driver: d, message: message, verdicts: make(chan verdict), ended: make(chan struct{})}
	message.Handle = held
	return held, nil
}

// decide hands the verdict to the goroutine. Nil says that the verdict runs.
func (h *delivery) decide(ctx context.Context, v verdict) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case h.verdicts <- v:
		return nil
	case <-h.ended:
		return ErrNotOurs
	case <-ctx.Done():
		return ctx.Err()
	}
}

// giveBack lets the job wait for another delivery, after a rest.
func (h *delivery) giveBack(ctx context.Context, rest time.Duration) error {
	return h.decide(ctx, func(context.Context, *river.Job[args]) (bool, error) {
		return true, river.JobSnooze(rest)
	})
}

// bounded is work, ended when ctx ends: River's values are in the one, the caller's patience in the other.
func bounded(work, ctx context.Context) (context.Context, context.CancelFunc) {
	both, cancel := context.WithCancelCause(context.WithoutCancel(work))
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	return both, func() {
		stop()
		cancel(context.Canceled)
	}
}
