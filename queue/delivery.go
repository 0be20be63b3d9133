package queue

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/store"
)

const (
	// callTimeout bounds each call to a queue or a store that is not a long poll or an archive.
	callTimeout = 30 * time.Second
	// archiveTimeout bounds the packing and storing of /grade; a slow store must not hold a slot for ever.
	archiveTimeout = 5 * time.Minute
	// answerTries is how often the report is stored and the answer sent before the job goes back.
	answerTries = 3
	// maxStored bounds a stored report that is read again: results of 1 MiB, indented.
	maxStored = 16 << 20
)

// AnsweredPrefix begins the line of output.log that ends a job's log: after it stand the job's Timestamps as JSON, graded_at too.
const AnsweredPrefix = "Answered; timestamps "

// delivery is one message in the hands of a worker.
type delivery struct {
	*Worker
	message *Message
	log     *slog.Logger
	stored  bool // the report was stored by an earlier delivery
	telling sync.WaitGroup

	gradedAt time.Time // once it is answered
	lastLine string    // of the job's log, then
}

// announce tells the platform beside the job that it was taken.
func (d *delivery) announce(ctx context.Context) {
	announcer, ok := d.driver.(Announcer)
	if !ok {
		return
	}
	ctx = context.WithoutCancel(ctx)
	d.telling.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		if err := announcer.Announce(ctx, d.message); err != nil {
			d.log.WarnContext(ctx, "the platform could not be told that the job was received", "phase", "announce", "err", err)
		}
	})
}

// storedReport is the report that an earlier delivery of this same message has stored, nil without one.
func (d *delivery) storedReport(ctx context.Context) *jobspec.Report {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	file, err := d.files.Open(ctx, d.message.Job.Files, jobspec.ResultsName)
	if err != nil {
		if !errors.Is(err, store.ErrNotExist) {
			d.log.WarnContext(ctx, "no look at an earlier report; the job is graded again", "err", err)
		}
		return nil
	}
	defer func() { _ = file.Close() }()
	var report jobspec.Report
	if err := json.NewDecoder(io.LimitReader(file, maxStored)).Decode(&report); err != nil {
		return nil // a file of somebody else, or cut: the job is graded
	}
	if report.JobID != d.message.Job.ID || report.DeliveryID == "" || report.DeliveryID != d.message.Job.DeliveryID {
		return nil
	}
	return &report
}

// answer stores the report, sends it, and then has the message removed. It returns an error while nobody was answered.
func (d *delivery) answer(ctx context.Context, grading *runner.Grading) error {
	d.telling.Wait() // job_received is never sent after the result
	report := grading.Report
	if !d.stored && d.message.Job.Files != (jobspec.Location{}) {
		if err := d.retry(ctx, func(ctx context.Context) error { return d.storeReport(ctx, report) }); err != nil {
			return fmt.Errorf("store the report: %w", err)
		}
	}
	var gradedAt time.Time
	err := d.retry(ctx, func(ctx context.Context) error {
		at, err := d.driver.Complete(ctx, d.message, report)
		if at.IsZero() {
			return err
		}
		gradedAt = at
		if err != nil {
			d.log.WarnContext(ctx, "the job is answered but its message could not be removed; it may come again", "err", err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("send the answer: %w", err)
	}
	d.answered(ctx, grading.Report, gradedAt)
	return nil
}

// retry tries a call a few times, with pauses of 0.2 and 1 s: most failures of a queue or a store last for one request.
func (d *delivery) retry(ctx context.Context, call func(context.Context) error) error {
	pauses := [answerTries]time.Duration{200 * time.Millisecond, time.Second}
	for try := 1; ; try++ {
		limited, cancel := context.WithTimeout(ctx, callTimeout)
		err := call(limited)
		cancel()
		if err == nil || try == answerTries {
			return err
		}
		d.log.WarnContext(ctx, "a step of the answer failed; trying again", "phase", "report", "try", try, "err", err)
		time.Sleep(pauses[try-1])
	}
}

func (d *delivery) storeReport(ctx context.Context, report *jobspec.Report) error {
	text, err := report.Encode("  ")
	if err != nil {
		return err
	}
	err = d.files.Put(ctx, d.message.Job.Files, jobspec.ResultsName, bytes.NewReader(text))
	if errors.Is(err, store.ErrNotExist) && !report.Succeeded {
		// The job named a place that cannot be, so its archive could not be had either. The answer alone must do, or the job would go
		// round for ever.
		d.log.WarnContext(ctx, "the place that the job names does not exist; its report is sent without being stored", "err", err)
		return nil
	}
	return err
}

// answered tells of an answer, and keeps for the clean-up when it was accepted, which the answer itself could not hold.
func (d *delivery) answered(ctx context.Context, report *jobspec.Report, gradedAt time.Time) {
	times := report.Timestamps
	times.GradedAt = gradedAt
	times.Settle()
	text, _ := json.Marshal(times)
	d.gradedAt, d.lastLine = times.GradedAt, AnsweredPrefix+string(text)
	d.log.InfoContext(ctx, "job answered", "outcome", string(report.Outcome), "succeeded", report.Succeeded,
		"graded_at", jobspec.FormatTime(times.GradedAt), "timestamps", json.RawMessage(text))
	d.opts.Answered(report)
}
