//go:build linux

package ociengine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox"
	"golang.org/x/sys/unix"
)

// startTimeout bounds the start of one container: it took 30 ms, and a second on a machine with ten times more work than processors.
const startTimeout = 60 * time.Second

// Engine makes containers by an OCI runtime.
type Engine struct {
	docker  Docker
	guests  Guests
	starter Starter
	dir     string
	log     *slog.Logger
	cgroups *cgroups
	leases  *leases
	filters *filters
	stuck   stuck

	mu      sync.Mutex
	runners map[string]*runnerDir
}

// New finds the runtime and what of the kernel it needs. That a container starts is told by Trial.
//
// It makes this process the one that inherits orphans (PR_SET_CHILD_SUBREAPER): a container's first process is one when its runtime has
// started it, and only a parent learns how it ended.
func New(opts *Options) (*Engine, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("only root can make containers without a Docker engine")
	}
	starter := opts.Starter
	if starter == nil {
		runtime, err := FindRuntime(opts.Runtime)
		if err != nil {
			return nil, err
		}
		starter = runtime
	}
	groups, err := findCgroups()
	if err != nil {
		return nil, err
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("inherit containers from their runtime: %w", err)
	}
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Engine{
		docker: opts.Docker, guests: opts.Guests, starter: starter, dir: cmp.Or(opts.Dir, DefaultDir), log: log,
		cgroups: groups, leases: newLeases(opts.Docker, log), filters: &filters{}, stuck: stuck{containers: map[*Container]struct{}{}},
		runners: map[string]*runnerDir{},
	}, nil
}

// Image implements [sandbox.Engine]: images are the Docker engine's.
func (e *Engine) Image(ctx context.Context, name string) (*sandbox.Image, error) {
	return e.docker.Image(ctx, name)
}

// Start implements [sandbox.Engine]. What this engine does not do goes to the Docker engine: networks, images of another architecture
// or whose files are not in folders on this machine, and other runtimes.
func (e *Engine) Start(ctx context.Context, spec *sandbox.Spec) (sandbox.Container, error) {
	if spec.Networking || spec.Image.Arch != runtime.GOARCH || spec.Profile.Runtime != "" {
		return e.docker.Start(ctx, spec)
	}
	container, err := e.startHere(ctx, spec)
	if errors.Is(err, errLayersGone) { // somebody removed the lease, and then the image
		container, err = e.startHere(ctx, spec)
	}
	switch {
	case errors.Is(err, errNoLayers):
		return e.docker.Start(ctx, spec)
	case err != nil:
		return nil, err
	default:
		return container, nil
	}
}

func (e *Engine) startHere(ctx context.Context, spec *sandbox.Spec) (*Container, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("it did not start within %s", startTimeout))
	defer cancel()
	lease, err := e.leases.acquire(ctx, spec)
	if err != nil {
		return nil, err
	}
	container, err := e.start(ctx, spec, lease)
	if err != nil {
		e.leases.release(lease)
	}
	if errors.Is(err, errLayersGone) {
		e.leases.forget(lease)
	}
	return container, err
}

func (e *Engine) start(ctx context.Context, spec *sandbox.Spec, lease *lease) (*Container, error) {
	runner, err := e.runner(spec.Runner)
	if err != nil {
		return nil, err
	}
	c := &Container{engine: e, lease: lease, bundle: runner.bundle(newID())}
	err = c.start(ctx, spec)
	if err == nil {
		return c, nil
	}
	c.lease = nil // it is still its caller's
	if left := c.Remove(context.WithoutCancel(ctx)); left != nil {
		e.log.WarnContext(ctx, "container could not be removed", "container", c.ID(), "err", left)
	}
	if ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	return nil, err
}

// runner returns the runner's folder, made and mounted.
func (e *Engine) runner(id string) (*runnerDir, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if known, ok := e.runners[id]; ok {
		return known, nil
	}
	dir, err := newRunnerDir(e.dir, id)
	if err == nil {
		if err = dir.open(e.guests); err != nil {
			dir.close(e.cgroups)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("make the runner's folder for containers: %w", err)
	}
	e.runners[id] = dir
	return dir, nil
}

// Sweep implements [sandbox.Engine].
func (e *Engine) Sweep(ctx context.Context, runner string) (int, error) {
	e.leases.forgetRunner(runner) // the Docker engine removes them
	count, err := e.docker.Sweep(ctx, runner)
	dir, badName := newRunnerDir(e.dir, runner)
	if badName != nil {
		return count, errors.Join(err, badName)
	}
	bundles, listing := dir.bundles(e.cgroups)
	err = errors.Join(err, listing)
	for _, left := range bundles {
		if failed := (&Container{engine: e, bundle: left}).clear(ctx); failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		count++
	}
	return count, err
}

// Close gives leases up and removes the folders of runners that have no container left. It may be called again.
func (e *Engine) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	err := e.leases.close(ctx)
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, dir := range e.runners {
		dir.close(e.cgroups)
		delete(e.runners, id)
	}
	return err
}
