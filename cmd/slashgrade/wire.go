package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/mattn/go-isatty"
	"github.com/slashgrade/slashgrade/internal/datadir"
	"github.com/slashgrade/slashgrade/queue"
	"github.com/slashgrade/slashgrade/queue/fairqueue"
	"github.com/slashgrade/slashgrade/queue/riverqueue"
	"github.com/slashgrade/slashgrade/queue/sqsqueue"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/store"
	"github.com/slashgrade/slashgrade/store/dirstore"
	"github.com/slashgrade/slashgrade/store/s3store"
)

// host is what a configuration means, wired: one runner's folder, queue, store and engine. Parts are opened as they are needed and
// closed together.
type host struct {
	config *Config
	log    *slog.Logger
	dir    *datadir.Dir
	files  store.Files
	river  *riverqueue.Queue // the embedded queue; nil with SQS
	lasts  bool              // it serves for long, so that containers may wait for jobs
	closes []func() error

	jobNetwork *jobNetwork // nil without a worker
}

// openHost opens the folder and the store, and the embedded queue where no other is configured.
func openHost(ctx context.Context, config *Config, log *slog.Logger) (*host, error) {
	h := &host{config: config, log: log}
	if err := h.open(ctx); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *host) open(ctx context.Context) (err error) {
	if h.dir, err = datadir.Open(h.config.Runner.DataDir); err != nil {
		return err
	}
	if h.config.usesSQS() {
		s3, err := s3store.New(ctx, h.s3Options())
		if err != nil {
			return err
		}
		h.files = s3
		h.onClose(func() error { s3.Close(); return nil })
		return nil
	}
	files, err := dirstore.Open(filepath.Join(h.dir.Path, "jobs"))
	if err != nil {
		return err
	}
	h.files = files
	h.onClose(files.Close)
	h.river, err = riverqueue.Open(ctx, filepath.Join(h.dir.Path, "queue.db"), &riverqueue.Options{Logger: h.log})
	if err != nil {
		return err
	}
	h.onClose(h.river.Close)
	return nil
}

func (h *host) onClose(f func() error) { h.closes = append(h.closes, f) }

// close closes what was opened, the last first.
func (h *host) close() {
	for _, closePart := range slices.Backward(h.closes) {
		if err := closePart(); err != nil {
			h.log.Warn("a part could not be closed", "err", err)
		}
	}
	h.closes = nil
	if h.dir != nil {
		h.dir.Unlock()
	}
}

func (h *host) s3Options() *s3store.Options {
	return &s3store.Options{
		Endpoint:  cmp.Or(h.config.S3.Endpoint, h.config.SQS.Endpoint),
		Region:    cmp.Or(h.config.S3.Region, h.config.SQS.Region),
		PathStyle: s3store.PathStyle(h.config.S3.PathStyle),
	}
}

func (h *host) sqsOptions() *sqsqueue.Options {
	c := &h.config.SQS
	return &sqsqueue.Options{
		JobsQueue: c.JobsQueue, ResultsQueue: c.ResultsQueue, DeadLetterQueue: c.DeadLetterQueue,
		Endpoint: c.Endpoint, Region: c.Region, VisibilityTimeout: c.VisibilityTimeout, WaitTime: c.WaitTime,
		MaxTimeout: h.config.Runner.MaxTimeout, Logger: h.log,
	}
}

// worker wires engine, grader and queue into the loop. The folder must be locked: what its runner's predecessor left is removed.
func (h *host) worker(ctx context.Context, opts *queue.WorkerOptions) (*queue.Worker, error) {
	engine, err := h.sweptEngine(ctx)
	if err != nil {
		return nil, err
	}
	driver, err := h.driver(ctx)
	if err != nil {
		return nil, err
	}
	policy, err := h.config.policy()
	if err != nil {
		return nil, err
	}
	options := h.runnerOptions(policy)
	options.Pool = h.openPool(ctx, engine, policy)
	options.MissingFile = func(err error) bool { return errors.Is(err, store.ErrNotExist) }
	grader := runner.New(engine, h.files, options)
	opts.Concurrency, opts.NoArchive, opts.Log = h.config.Runner.Concurrency, !h.config.Runner.Archive, h.log
	return queue.NewWorker(driver, grader, h.files, opts), nil
}

// sweptEngine is an engine without what an earlier run on this folder left in it.
func (h *host) sweptEngine(ctx context.Context) (sandbox.Engine, error) {
	docker, err := h.engine(ctx)
	if err != nil {
		return nil, err
	}
	engine, err := h.containers(ctx, docker)
	if err != nil {
		return nil, err
	}
	removed, err := engine.Sweep(ctx, h.dir.ID)
	if err != nil {
		return nil, fmt.Errorf("remove what an earlier run left: %w", err)
	}
	if removed > 0 {
		h.log.InfoContext(ctx, "removed containers that an earlier run left", "count", removed)
	}
	if h.lasts {
		if err := h.announceKind(ctx, docker); err != nil {
			return nil, err
		}
	}
	h.beside(ctx, func(ctx context.Context) { sandbox.KeepReaping(ctx, engine, h.dir.ID, sandbox.ReapInterval, h.log) })
	return engine, h.useNetwork(ctx, docker)
}

// runnerOptions are those of every command that grades, with the engine of sweptEngine.
func (h *host) runnerOptions(policy *sandbox.Policy) *runner.Options {
	return &runner.Options{
		ID: h.dir.ID, Version: version, MaxTimeout: h.config.Runner.MaxTimeout, Profile: policy.Default, Images: policy.Images, Log: h.log,
		Network: h.jobNetwork.prepare,
	}
}

func (h *host) engine(ctx context.Context) (*dockerengine.Engine, error) {
	guests, err := h.guests()
	if err != nil {
		return nil, err
	}
	engine, err := dockerengine.New(ctx, guests, &dockerengine.Options{
		Host: h.config.Engine.Host, Log: h.log,
		Pull: dockerengine.PullPolicy{
			When: dockerengine.PullWhen(h.config.Engine.Pull), MaxAge: h.config.Engine.PullMaxAge, Timeout: h.config.Engine.PullTimeout,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("%w\nis Docker running, and may this user use it? "+
			"`docker version` shows both; https://docs.docker.com/engine/install says how to get it", err)
	}
	h.onClose(engine.Close)
	return engine, nil
}

// useNetwork gives jobs that ask for one the engine's network, as it is configured.
func (h *host) useNetwork(ctx context.Context, engine *dockerengine.Engine) error {
	opts, err := h.config.Network.options()
	if err != nil {
		return err
	}
	h.jobNetwork = &jobNetwork{engine: engine, runner: h.dir.ID, opts: opts, log: h.log}
	h.onClose(func() error { return h.jobNetwork.remove(context.WithoutCancel(ctx)) })
	return nil
}

// beside runs a task until the host is closed.
func (h *host) beside(ctx context.Context, task func(context.Context)) {
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { task(ctx) })
	h.onClose(func() error {
		stop()
		running.Wait()
		return nil
	})
}

// guests finds the guest programs, and says so before the first job if there are none.
func (h *host) guests() (*dockerengine.GuestFiles, error) {
	folder := h.config.Engine.Guest
	if folder == "" {
		program, err := os.Executable()
		if err == nil {
			program, err = filepath.EvalSymlinks(program)
		}
		if err != nil {
			return nil, fmt.Errorf("find the guest beside this program: %w", err)
		}
		folder = filepath.Dir(program)
	}
	if found, err := filepath.Glob(filepath.Join(folder, "slashgrade-guest-linux-*")); err != nil || len(found) == 0 {
		return nil, fmt.Errorf("there is no slashgrade-guest-linux-* in %s, and no container starts without\n"+
			"`make build` puts them beside the program; engine.guest names another folder", folder)
	}
	return dockerengine.NewGuestFiles(os.DirFS(folder)), nil
}

// driver is the queue, with the fair order before it where one is configured. A command that ends with its own jobs has none: it would hold
// others' for nothing.
func (h *host) driver(ctx context.Context) (queue.Driver, error) {
	c := &h.config.Fair
	if c.Ahead == 0 || !h.lasts {
		return h.plainDriver(ctx, h.config.Runner.Concurrency)
	}
	plain, err := h.plainDriver(ctx, h.config.Runner.Concurrency+c.Ahead)
	if err != nil {
		return nil, err
	}
	fair := fairqueue.New(ctx, plain, &fairqueue.Options{
		Ahead: c.Ahead, Share: fairqueue.Key(c.Share), Student: fairqueue.Key(c.Student), Regrade: fairqueue.Key(c.Regrade), Log: h.log,
	})
	h.onClose(fair.Close)
	return fair, nil
}

// plainDriver is the queue in its own order, of which as many jobs may be ours at once.
func (h *host) plainDriver(ctx context.Context, held int) (queue.Driver, error) {
	if !h.config.usesSQS() {
		driver, err := h.river.Driver(ctx, h.dir.ID, held)
		if err != nil {
			return nil, err
		}
		h.onClose(driver.Close)
		return driver, nil
	}
	driver, err := sqsqueue.New(ctx, h.sqsOptions())
	if err != nil {
		return nil, err
	}
	h.onClose(func() error { driver.Close(); return nil })
	return driver, nil
}

// newLogger writes to stderr: text for people, JSON for collectors.
func newLogger(config *LogConfig, stderr io.Writer) *slog.Logger {
	level, _ := parseLevel(config.Level) // validated with the configuration
	opts := &slog.HandlerOptions{Level: level}
	if config.Format == "text" || config.Format == "" && isTerminal(stderr) {
		return slog.New(slog.NewTextHandler(stderr, opts))
	}
	return slog.New(slog.NewJSONHandler(stderr, opts))
}

func parseLevel(text string) (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(text)); err != nil {
		return 0, fmt.Errorf("it must be debug, info, warn or error, found %q", text)
	}
	return level, nil
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}
