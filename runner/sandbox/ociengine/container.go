//go:build linux

package ociengine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// removeTimeout bounds a removal, of which the killing of a process in uninterruptible sleep is the slowest.
const removeTimeout = 60 * time.Second

// Container is a running guest of an OCI runtime.
type Container struct {
	engine  *Engine
	lease   *lease // nil for what another process left
	bundle  *bundle
	process *process // nil until it is started
	stdin   *os.File // our ends of the guest's streams
	stdout  *os.File

	removal     sync.Mutex
	removed     bool
	outOfMemory bool // once it is removed
}

// ID implements [sandbox.Container].
func (c *Container) ID() string { return c.bundle.id }

// Read implements [sandbox.Container].
func (c *Container) Read(p []byte) (int, error) { return c.stdout.Read(p) }

// Write implements [sandbox.Container].
func (c *Container) Write(p []byte) (int, error) { return c.stdin.Write(p) }

// Close implements [sandbox.Container]. The guest's stdout stays open until the guest is gone, so that it ends by the end of its stdin and
// tells so by its status.
func (c *Container) Close() error {
	if c.stdin == nil {
		return nil
	}
	err := errors.Join(c.stdin.Close(), c.stdout.SetReadDeadline(time.Now()))
	if errors.Is(err, os.ErrClosed) { // it may be called again
		return nil
	}
	return err
}

// start makes the bundle and has the runtime start the guest in it. How long each step took is in the log.
func (c *Container) start(ctx context.Context, spec *sandbox.Spec) error {
	begun := time.Now()
	var took []any
	launch := &Launch{ID: c.bundle.id, Folder: c.bundle.path, State: c.bundle.runner.state(), Guest: c.bundle.runner.program()}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"mounts", func() error { return c.bundle.make(spec.Profile, c.lease.layers) }},
		{"description", func() (err error) { launch.Spec, err = c.engine.describe(spec, c.bundle); return err }},
		{"process", func() error { return c.run(ctx, launch) }},
	} {
		if err := step.do(); err != nil {
			return err
		}
		took = append(took, slog.Duration(step.name, time.Since(begun)))
		begun = time.Now()
	}
	c.engine.log.DebugContext(ctx, "container started", "container", c.ID(), slog.Group("took", took...))
	return nil
}

// run has the guest started with our streams.
func (c *Container) run(ctx context.Context, launch *Launch) error {
	streams := &streams{}
	defer func() { _ = streams.Close() }()
	var err error
	if c.stdin, c.stdout, err = streams.open(); err != nil {
		return fmt.Errorf("make the guest's streams: %w", err)
	}
	launch.Stdin, launch.Stdout, launch.Stderr = streams.stdin, streams.stdout, streams.stderr
	pid, err := c.engine.starter.Start(ctx, launch)
	if err != nil {
		return err
	}
	if c.process, err = follow(pid); err != nil {
		return fmt.Errorf("find the guest: %w", err)
	}
	return nil
}

// State implements [sandbox.Container].
func (c *Container) State(context.Context) (*sandbox.State, error) {
	select {
	case <-c.process.ended:
	default:
		return &sandbox.State{Running: true}, nil
	}
	c.removal.Lock()
	defer c.removal.Unlock()
	return &sandbox.State{ExitStatus: c.process.status, OutOfMemory: c.sawOutOfMemory()}, nil
}

func (c *Container) sawOutOfMemory() bool {
	if !c.removed {
		c.outOfMemory = c.engine.cgroups.outOfMemory(c.bundle.cgroup())
	}
	return c.outOfMemory
}

// Remove implements [sandbox.Container].
func (c *Container) Remove(ctx context.Context) error {
	c.removal.Lock()
	defer c.removal.Unlock()
	if c.removed {
		return nil
	}
	c.sawOutOfMemory()
	err := c.clear(ctx)
	c.engine.stuck.tried(c, err)
	if err != nil {
		return err
	}
	c.removed = true
	c.engine.leases.release(c.lease)
	return nil
}

// clear kills what runs and removes all that there is of the container, however far it was made.
func (c *Container) clear(ctx context.Context) error {
	_ = c.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, removeTimeout, fmt.Errorf("it did not end within %s", removeTimeout))
	defer cancel()
	if c.process != nil {
		c.process.kill()
		select {
		case <-c.process.ended:
		case <-ctx.Done():
			return fmt.Errorf("kill container %s: %w", c.ID(), context.Cause(ctx))
		}
	}
	err := c.engine.cgroups.clear(ctx, c.bundle.cgroup())
	if err == nil {
		err = c.bundle.remove()
	}
	if err != nil {
		return fmt.Errorf("remove container %s: %w", c.ID(), err)
	}
	if c.stdout != nil {
		_ = c.stdout.Close()
	}
	return nil
}
