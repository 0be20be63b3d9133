package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/slashgrade/slashgrade/internal/datadir"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
	"github.com/slashgrade/slashgrade/queue/riverqueue"
	"github.com/slashgrade/slashgrade/queue/sqsqueue"
	"github.com/slashgrade/slashgrade/store"
	"golang.org/x/sync/errgroup"
)

const (
	// noServerAfter is how long enqueue waits before it says that nobody grades.
	noServerAfter = 2 * time.Second
	// storePoll is how often the store is asked for results.
	storePoll = 200 * time.Millisecond
	// gradedAtWait is how long enqueue waits for the log, which follows the answer, to show graded_at.
	gradedAtWait = 5 * time.Second
)

// platform is the side of a queue that enqueue plays.
type platform interface {
	// submit puts the job on the queue. Its archive is in the store.
	submit(ctx context.Context, job *jobspec.Job) error
	// await returns the job's report.
	await(ctx context.Context, job *jobspec.Job) (*jobspec.Report, error)
}

// submit stores and enqueues every job, and waits for all reports.
func (o *enqueueOptions) submit(ctx context.Context, config *Config, jobs []*submitted, out *terminal) error {
	h, err := openHost(ctx, config, newLogger(&LogConfig{Level: "warn", Format: "text"}, out.stderr))
	if err != nil {
		return err
	}
	defer h.close()
	p, err := o.platform(ctx, h)
	if err != nil {
		return err
	}
	for _, s := range jobs {
		if err := storeArchive(ctx, h, s); err != nil {
			return err
		}
		if err := p.submit(ctx, s.job); err != nil {
			return err
		}
	}
	stop, err := o.startWork(ctx, h, out)
	if err != nil {
		return err
	}
	defer stop()
	return o.awaitAll(ctx, p, jobs, out)
}

func (o *enqueueOptions) platform(ctx context.Context, h *host) (platform, error) {
	if !h.config.usesSQS() {
		return &embeddedPlatform{queue: h.river}, nil
	}
	sender, err := sqsqueue.NewSender(ctx, h.sqsOptions())
	if err != nil {
		return nil, err
	}
	h.onClose(func() error { sender.Close(); return nil })
	p := &sqsPlatform{sender: sender, files: h.files}
	if o.ownResults {
		p.results, err = sqsqueue.NewListener(ctx, h.sqsOptions())
		if err != nil {
			return nil, err
		}
		h.onClose(func() error { p.results.Close(); return nil })
	}
	return p, nil
}

// storeArchive gives the job its name and place and stores its archive there.
func storeArchive(ctx context.Context, h *host, s *submitted) error {
	s.job.ID = riverqueue.NewID()
	s.job.Files = jobspec.Location{Root: "job_" + s.job.ID}
	if h.config.usesSQS() {
		s.job.Files.Bucket = h.config.S3.Bucket
	}
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(s.grade.WriteArchive(writer)) }()
	err := h.files.Put(ctx, s.job.Files, jobspec.ArchiveName, reader)
	_ = reader.CloseWithError(errors.New("the store took no more"))
	if err != nil {
		return fmt.Errorf("store the archive of %s: %w", s.name, err)
	}
	return nil
}

// startWork grades in this process if that was asked for and nobody else does. The returned function ends that.
func (o *enqueueOptions) startWork(ctx context.Context, h *host, out *terminal) (stop func(), err error) {
	if !o.work {
		if !h.config.usesSQS() && !h.dir.Busy() {
			warning := time.AfterFunc(noServerAfter, func() {
				if !h.dir.Busy() {
					out.warn("nobody grades this queue yet: no `slashgrade serve` runs on " + h.dir.Path +
						"; the job waits there. Start one, or use --work")
				}
			})
			return func() { warning.Stop() }, nil
		}
		return func() {}, nil
	}
	switch err := h.dir.Lock(); {
	case errors.Is(err, datadir.ErrLocked):
		return func() {}, nil // a serve runs here and grades it
	case err != nil:
		return nil, err
	}
	worker, err := h.worker(ctx, &queue.WorkerOptions{})
	if err != nil {
		return nil, err
	}
	fetch, stopFetch := context.WithCancel(ctx)
	work, stopWork := context.WithCancelCause(context.WithoutCancel(ctx))
	// Whoever interrupts does not want to wait for what runs.
	interrupted := context.AfterFunc(ctx, func() { stopWork(queue.ErrGivenBack) })
	var working sync.WaitGroup
	working.Go(func() { worker.Run(fetch, work) })
	return func() {
		interrupted()
		stopFetch()
		working.Wait()
		stopWork(nil)
	}, nil
}

func (o *enqueueOptions) awaitAll(ctx context.Context, p platform, jobs []*submitted, out *terminal) error {
	waiting, ctx := errgroup.WithContext(ctx)
	done := out.progress(len(jobs))
	defer done.end()
	for _, s := range jobs {
		waiting.Go(func() error {
			report, err := p.await(ctx, s.job)
			if errors.Is(err, context.DeadlineExceeded) {
				return fmt.Errorf("no report of %s within %s; job %s stays on the queue", s.name, o.wait, s.job.ID)
			}
			if errors.Is(err, context.Canceled) {
				return fmt.Errorf("interrupted; job %s of %s stays on the queue", s.job.ID, s.name)
			}
			if err != nil {
				return fmt.Errorf("wait for the report of %s: %w", s.name, err)
			}
			s.report = report
			done.one()
			return nil
		})
	}
	return waiting.Wait()
}

// embeddedPlatform is the embedded queue's.
type embeddedPlatform struct {
	queue *riverqueue.Queue
}

func (p *embeddedPlatform) submit(ctx context.Context, job *jobspec.Job) error {
	_, err := p.queue.Insert(ctx, job)
	return err
}

func (p *embeddedPlatform) await(ctx context.Context, job *jobspec.Job) (*jobspec.Report, error) {
	record, err := p.queue.Wait(ctx, job.ID)
	if err != nil {
		return nil, err
	}
	return record.Report, nil
}

// sqsPlatform is PrairieLearn's. It looks for results in the store: what it took from the results queue would be lost to the
// platform.
type sqsPlatform struct {
	sender  *sqsqueue.Sender
	files   store.Files
	results *sqsqueue.Listener // nil unless the results queue is ours
}

func (p *sqsPlatform) submit(ctx context.Context, job *jobspec.Job) error {
	return p.sender.Send(ctx, job)
}

func (p *sqsPlatform) await(ctx context.Context, job *jobspec.Job) (*jobspec.Report, error) {
	if p.results != nil {
		if err := p.results.Wait(ctx, job.ID); err != nil {
			return nil, err
		}
	}
	var report jobspec.Report
	if err := p.poll(ctx, job, jobspec.ResultsName, func(text io.Reader) error {
		return json.NewDecoder(text).Decode(&report)
	}); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, gradedAtWait)
	defer cancel()
	// Without the log there is just no graded_at to show.
	_ = p.poll(limited, job, jobspec.OutputName, func(text io.Reader) error { return readGradedAt(text, &report) })
	return &report, nil
}

// poll reads the file as soon as it is there.
func (p *sqsPlatform) poll(ctx context.Context, job *jobspec.Job, name string, read func(io.Reader) error) error {
	for {
		file, err := p.files.Open(ctx, job.Files, name)
		if err == nil {
			err = read(file)
			_ = file.Close()
			return err
		}
		if !errors.Is(err, store.ErrNotExist) {
			return err
		}
		select {
		case <-time.After(storePoll):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// readGradedAt finds the last timestamp in the last line of a job's log.
func readGradedAt(text io.Reader, report *jobspec.Report) error {
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		if stamps, ok := strings.CutPrefix(line.Message, queue.AnsweredPrefix); ok {
			var times jobspec.Timestamps
			if json.Unmarshal([]byte(stamps), &times) == nil {
				report.Timestamps.GradedAt = times.GradedAt
			}
		}
	}
	return lines.Err()
}
