package main

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
	"github.com/slashgrade/slashgrade/queue/sqsqueue"
	"github.com/slashgrade/slashgrade/store/s3store"
)

// nothing takes one job and answers it: receive, job_received, archive, results.json, grading_result, delete, output.log.
func nothing(ctx context.Context, jobs *sqsqueue.Queue, files *s3store.Store) error {
	messages, err := jobs.Receive(ctx, 1)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if err := answer(context.WithoutCancel(ctx), jobs, files, m); err != nil {
			return err
		}
	}
	return nil
}

func answer(ctx context.Context, jobs *sqsqueue.Queue, files *s3store.Store, m *queue.Message) error {
	if err := jobs.Announce(ctx, m); err != nil {
		return err
	}
	archive, err := files.Open(ctx, m.Job.Files, jobspec.ArchiveName)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, archive)
	_ = archive.Close()
	if err != nil {
		return err
	}
	report := &jobspec.Report{JobID: m.Job.ID, Succeeded: true, Outcome: jobspec.Graded, Results: []byte(`{"score":1}`)}
	report.Stamp(jobspec.Timestamps{ReceivedAt: m.Job.ReceivedAt, StartedAt: time.Now(), FinishedAt: time.Now()})
	text, err := report.Encode("  ")
	if err != nil {
		return err
	}
	if err := files.Put(ctx, m.Job.Files, jobspec.ResultsName, bytes.NewReader(text)); err != nil {
		return err
	}
	if _, err := jobs.Complete(ctx, m, report); err != nil {
		return err
	}
	return files.Put(ctx, m.Job.Files, jobspec.OutputName, bytes.NewReader([]byte("a log\n")))
}
