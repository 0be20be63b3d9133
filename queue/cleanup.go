package queue

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
)

// leave has what is left of a job cleaned up beside the jobs that follow. It waits while as many clean-ups go on as jobs may run: behind a
// slow engine or store the slots then stay taken, and containers do not pile up.
func (d *delivery) leave(ctx context.Context, grading *runner.Grading) {
	d.cleaning <- struct{}{}
	d.jobs.Go(func() {
		defer func() { <-d.cleaning }()
		d.cleanUp(ctx, grading)
	})
}

// cleanUp keeps what a job left and removes its container. No failure here reruns the job.
func (d *delivery) cleanUp(ctx context.Context, grading *runner.Grading) {
	if !d.gradedAt.IsZero() {
		d.record(ctx)
		d.keepFiles(ctx, grading)
	}
	if err := grading.Close(ctx); err != nil {
		d.log.WarnContext(ctx, "the container could not be removed; the next start will", "phase", "remove", "err", err)
	}
}

// record keeps graded_at in the queue's own record.
func (d *delivery) record(ctx context.Context) {
	recorder, ok := d.driver.(Recorder)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := recorder.Record(ctx, d.message, d.gradedAt); err != nil {
		d.log.WarnContext(ctx, "graded_at could not be recorded", "err", err)
	}
}

// keepFiles stores the archive and the log of a job that was answered.
func (d *delivery) keepFiles(ctx context.Context, grading *runner.Grading) {
	at := d.message.Job.Files
	if d.stored || at == (jobspec.Location{}) {
		return
	}
	if grading.HasArchive() && !d.opts.NoArchive {
		if err := d.storeArchive(ctx, grading, at); err != nil {
			d.log.WarnContext(ctx, "the archive could not be stored", "phase", "archive", "err", err)
			grading.Log.Error("The archive of /grade could not be stored")
		}
	}
	d.storeLog(ctx, grading, at)
}

func (d *delivery) storeLog(ctx context.Context, grading *runner.Grading, at jobspec.Location) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	grading.Log.Info(d.lastLine)
	if err := d.files.Put(ctx, at, jobspec.OutputName, grading.Log.Reader()); err != nil {
		d.log.WarnContext(ctx, "the job's log could not be stored", "phase", "log", "err", err)
	}
}

// storeArchive streams /grade from the container into the store.
func (d *delivery) storeArchive(ctx context.Context, grading *runner.Grading, at jobspec.Location) error {
	ctx, cancel := context.WithTimeout(ctx, archiveTimeout)
	defer cancel()
	reader, writer := io.Pipe()
	var packing sync.WaitGroup
	packing.Go(func() { _ = writer.CloseWithError(grading.Archive(ctx, writer)) })
	err := d.files.Put(ctx, at, jobspec.AfterName, reader)
	_ = reader.CloseWithError(errors.New("the store took no more"))
	packing.Wait()
	return err
}
