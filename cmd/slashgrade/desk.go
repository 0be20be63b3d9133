package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/internal/datadir"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
)

// maxDesks is how many commands that grade without a queue may run at once on one data directory.
const maxDesks = 64

// warmIdle is how long a watched question's container waits: as long as an author may think.
const warmIdle = 2 * time.Hour

// deskHost is a host without queue and store: an engine, and the desk that grades with it.
type deskHost struct {
	*host
	*desk.Desk
	containers sandbox.Engine
	options    *runner.Options
}

// openDesk opens an engine and a desk; close closes them. What a desk that was killed left in the engine is removed.
func openDesk(ctx context.Context, config *Config, log *slog.Logger) (*deskHost, error) {
	config = config.forDesk()
	h := &deskHost{host: &host{config: config, log: log}}
	if err := h.open(ctx); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// forDesk asks no registry about an image that is there, unless that was asked for: each command would, since none remembers the last.
func (c *Config) forDesk() *Config {
	changed := *c
	if changed.Engine.Pull == string(dockerengine.PullStale) {
		changed.Engine.Pull = string(dockerengine.PullMissing)
	}
	return &changed
}

func (h *deskHost) open(ctx context.Context) (err error) {
	if h.dir, err = lockDesk(h.config.Runner.DataDir); err != nil {
		return err
	}
	if h.containers, err = h.sweptEngine(ctx); err != nil {
		return err
	}
	policy, err := h.config.policy()
	if err != nil {
		return err
	}
	h.options = h.runnerOptions(policy)
	h.Desk = desk.New(h.containers, h.options)
	return nil
}

// keepWarm has a container wait for the next submission from the first one on, until the host is closed.
func (h *deskHost) keepWarm(ctx context.Context) {
	pool := sandbox.NewPool(h.containers, &sandbox.PoolOptions{Places: 1, Idle: warmIdle, Log: h.log})
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { pool.Run(ctx) })
	h.onClose(func() error {
		stop()
		running.Wait()
		return nil
	})
	options := *h.options
	options.Pool = pool
	h.Desk = desk.New(h.containers, &options)
}

// lockDesk takes a folder below the data directory that no other process has. Each has an id of its own, so that desks run beside each
// other and beside a serve, and none takes another's containers for leftovers.
func lockDesk(dataDir string) (*datadir.Dir, error) {
	for n := range maxDesks {
		dir, err := datadir.Open(filepath.Join(dataDir, "desk", strconv.Itoa(n)))
		if err != nil {
			return nil, err
		}
		err = dir.Lock()
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, datadir.ErrLocked) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%d commands that grade already run on %s; wait for one to end, or set runner.data_dir", maxDesks, dataDir)
}
