//go:build linux

package ociengine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	runc "github.com/containerd/go-runc"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

const (
	// removeTimeout bounds a removal, of which the killing of a process in uninterruptible sleep is the slowest.
	removeTimeout = 60 * time.Second
	// maxRuntimeLog bounds what the runtime says of a failure.
	maxRuntimeLog = 64 << 10
)

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
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"mounts", func() error { return c.bundle.make(spec.Profile, c.lease.layers) }},
		{"description", func() error { return c.describe(spec) }},
		{"runtime", func() error { return c.run(ctx) }},
		{"process", c.follow},
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

func (c *Container) describe(spec *sandbox.Spec) error {
	description, err := c.engine.describe(spec, c.bundle)
	if err != nil {
		return err
	}
	return c.bundle.write(description)
}

// follow finds the guest by the number that the runtime has written down.
func (c *Container) follow() error {
	pid, err := readPID(c.bundle.pidFile())
	if err == nil {
		c.process, err = follow(pid)
	}
	if err != nil {
		return fmt.Errorf("find the guest: %w", err)
	}
	return nil
}

// run has the runtime start the guest with our streams. The runtime ends when the guest runs.
func (c *Container) run(ctx context.Context) error {
	streams := &streams{}
	defer func() { _ = streams.Close() }()
	var err error
	if c.stdin, c.stdout, err = streams.open(); err != nil {
		return fmt.Errorf("make the guest's streams: %w", err)
	}
	runtime := &runc.Runc{
		Command: c.engine.runtime, Root: c.bundle.runner.state(), Log: c.bundle.runtimeLog(), LogFormat: runc.JSON,
	}
	_, err = runtime.Run(ctx, c.bundle.id, c.bundle.path, &runc.CreateOpts{
		IO: streams, PidFile: c.bundle.pidFile(), Detach: true,
	})
	if err != nil {
		return fmt.Errorf("start the container by %s: %w%s", c.engine.runtime, err, c.runtimeSays())
	}
	return nil
}

// runtimeSays is the end of the runtime's own log.
func (c *Container) runtimeSays() string {
	text, err := readBounded(c.bundle.runtimeLog(), maxRuntimeLog)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if last := lines[len(lines)-1]; err == nil && last != "" {
		return ": " + last
	}
	return ""
}

func readPID(file string) (int, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the runtime's, in our folder
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
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
	if err := c.clear(ctx); err != nil {
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
