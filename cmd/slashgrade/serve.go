package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/slashgrade/slashgrade/internal/footprint"
	"github.com/slashgrade/slashgrade/queue"
	"github.com/spf13/cobra"
)

func newServe() *cobra.Command {
	var flags *configFlags
	command := &cobra.Command{
		Use:   "serve",
		Short: "Take jobs from the queue and grade them",
		Long: `serve takes jobs from the queue, grades each in a container of its own, and answers it, until it is told to stop.

The first SIGTERM or SIGINT stops receiving; what runs is finished and answered, however long it takes. The second gives running jobs
back to the queue, where another runner takes them. After a kill -9 the next start on the same data directory removes the containers
that were left, and the queue delivers the jobs again.

  slashgrade serve                                                    the embedded queue
  slashgrade serve --sqs.jobs_queue grading_jobs --sqs.results_queue grading_results    PrairieLearn's queues; credentials the AWS way`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			config, err := flags.load()
			if err != nil {
				return err
			}
			return serve(command.Context(), config, command)
		},
	}
	flags = addConfigFlags(command)
	return command
}

// serve runs until it is told to stop, and returns when every job is answered or given back.
func serve(ctx context.Context, config *Config, command *cobra.Command) error {
	log := newLogger(&config.Log, command.ErrOrStderr())
	stops := make(chan os.Signal, 2)
	signal.Notify(stops, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(stops)
	h, err := openHost(ctx, config, log)
	if err != nil {
		return err
	}
	defer h.close()
	if err := h.dir.Lock(); err != nil {
		return err
	}
	h.lasts = true
	if config.Debug.Address != "" {
		stop, err := serveProfiles(ctx, config.Debug.Address, log)
		if err != nil {
			return err
		}
		h.onClose(stop)
	}
	worker, err := h.measuredWorker(ctx)
	if err != nil {
		return err
	}
	h.jobNetwork.announce(ctx)
	footprint.Limit(config.Runner.Concurrency)
	if err := footprint.Trim(); err != nil {
		log.DebugContext(ctx, "memory of the start could not be given back", "err", err)
	}
	log.InfoContext(ctx, "ready to grade", "version", version, "runner", h.dir.ID, "data_dir", h.dir.Path,
		"concurrency", config.Runner.Concurrency, "profile", config.Runner.Profile, "queue", queueName(config))
	fetch, stopFetch := context.WithCancelCause(ctx)
	work, stopWork := context.WithCancelCause(ctx)
	defer stopFetch(nil)
	defer stopWork(nil)
	ended := make(chan struct{})
	var working sync.WaitGroup
	working.Go(func() {
		defer close(ended)
		worker.Run(fetch, work)
	})
	for {
		select {
		case <-ended:
			log.InfoContext(ctx, "stopped; every job is answered or given back")
			return nil
		case stop := <-stops:
			if fetch.Err() == nil {
				log.InfoContext(ctx, "stopping: no more jobs are taken, what runs is finished", "signal", stop.String())
				stopFetch(queue.ErrGivenBack)
				continue
			}
			log.InfoContext(ctx, "stopping now: running jobs are given back", "signal", stop.String())
			stopWork(queue.ErrGivenBack)
		}
	}
}

// measuredWorker is the worker, with its figures served where that is configured.
func (h *host) measuredWorker(ctx context.Context) (*queue.Worker, error) {
	opts := &queue.WorkerOptions{}
	if h.config.Metrics.Address == "" {
		return h.worker(ctx, opts)
	}
	var lease time.Duration
	if h.config.usesSQS() {
		lease = h.config.SQS.VisibilityTimeout
	}
	figures := newMetrics(lease)
	figures.watch(opts)
	worker, err := h.worker(ctx, opts)
	if err != nil {
		return nil, err
	}
	url, stop, err := figures.serve(ctx, h.config.Metrics.Address, worker)
	if err != nil {
		return nil, err
	}
	h.onClose(stop)
	h.log.InfoContext(ctx, "figures are served", "url", url)
	return worker, nil
}

func queueName(config *Config) string {
	if config.usesSQS() {
		return config.SQS.JobsQueue
	}
	return "embedded"
}
