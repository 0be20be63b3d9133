package riverqueue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
)

const (
	// waitPoll is how often Wait looks: a read of one row, and short beside any job.
	waitPoll = 20 * time.Millisecond
	// gradedGrace is how long Wait stays for graded_at once it has seen the report. The runner writes it right after;
	// one that was killed in between never does.
	gradedGrace = time.Second
)

// Record is what the queue knows of a submission.
type Record struct {
	// Job is the job as it was inserted, with SubmittedAt and DeliveryID, and ReceivedAt where a runner took it. Of a
	// damaged row only these and the ID stand: it is answered like any other, with a report that says so.
	Job *jobspec.Job
	// Deliveries is how often a runner took the job: 0 while it waits for the first, above 1 if it was released or its
	// runner ended.
	Deliveries int
	// Runner is the id of the runner that took it last, empty if none did.
	Runner string
	// Report is what came of the job, nil while it is not answered. Its timestamps have graded_at where that is known.
	Report *jobspec.Report
	// GradedAt is when the answer was accepted, zero where that is not known (yet).
	GradedAt time.Time
}

// Record looks a submission up by its job's id. It fails with ErrNotFound if there is none.
func (q *Queue) Record(ctx context.Context, jobID string) (*Record, error) {
	s, err := q.submission(ctx, jobID)
	if err != nil {
		return nil, fmt.Errorf("look up job %q: %w", jobID, err)
	}
	s.job.ReceivedAt = s.receivedAt
	record := &Record{Job: s.job, Deliveries: s.deliveries, Runner: s.runner, GradedAt: s.gradedAt}
	if s.report == "" {
		return record, nil
	}
	record.Report = new(jobspec.Report)
	if err := json.Unmarshal([]byte(s.report), record.Report); err != nil {
		return nil, fmt.Errorf("look up job %q: read its report: %w", jobID, err)
	}
	record.Report.Timestamps.GradedAt = s.gradedAt
	return record, nil
}

// Wait returns the job's record as soon as it has a report, whichever process graded it, and up to a second later if
// graded_at is not yet known. It fails with ErrNotFound if no submission has the id, and with ctx's error when ctx
// ends.
func (q *Queue) Wait(ctx context.Context, jobID string) (*Record, error) {
	ticker := time.NewTicker(waitPoll)
	defer ticker.Stop()
	var grace <-chan time.Time
	for {
		record, err := q.Record(ctx, jobID)
		if err != nil {
			return nil, err
		}
		if record.Report != nil && !record.GradedAt.IsZero() {
			return record, nil
		}
		if record.Report != nil && grace == nil {
			grace = time.After(gradedGrace)
		}
		select {
		case <-ticker.C:
		case <-grace:
			return record, nil
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the report of job %q: %w", jobID, ctx.Err())
		}
	}
}
