package dockerengine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// removedInterval is how often a removal that somebody else has begun is looked at.
const removedInterval = 50 * time.Millisecond

// statusKilled is the exit status of what SIGKILL ended.
const statusKilled = 137

// Container is a running guest in a Docker engine.
type Container struct {
	api     *client.Client
	id      string
	stream  net.Conn // nil until it is attached
	stdout  io.Reader
	heard   atomic.Bool // something of the guest was read
	unheard func()      // is told when a container is removed without that
	own     *ownContainers
}

// ID implements [sandbox.Container].
func (c *Container) ID() string { return c.id }

// Read implements [sandbox.Container]: the guest's frames.
func (c *Container) Read(p []byte) (int, error) {
	n, err := c.stdout.Read(p)
	if n > 0 {
		c.heard.Store(true)
	}
	return n, err
}

// Write implements [sandbox.Container].
func (c *Container) Write(p []byte) (int, error) { return c.stream.Write(p) }

// Close implements [sandbox.Container]: the engine then closes the guest's stdin.
func (c *Container) Close() error {
	if c.stream == nil {
		return nil
	}
	return c.stream.Close()
}

// attachAndStart attaches before the start: what the guest says first would be lost otherwise.
func (c *Container) attachAndStart(ctx context.Context) error {
	attached, err := c.attach(ctx)
	if err != nil {
		return fmt.Errorf("attach to the container: %w", err)
	}
	c.stream, c.stdout = attached.Conn, newDemultiplexer(attached.Reader)
	if err := c.api.ContainerStart(ctx, c.id, container.StartOptions{}); err != nil {
		return fmt.Errorf("start the container: %w", err)
	}
	return nil
}

// attach waits for the engine's answer beside the call, which knows of no context once it is connected.
func (c *Container) attach(ctx context.Context) (*types.HijackedResponse, error) {
	type answer struct {
		attached types.HijackedResponse
		err      error
	}
	answered := make(chan answer, 1)
	go func() {
		attached, err := c.api.ContainerAttach(ctx, c.id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
		answered <- answer{attached, err}
	}()
	select {
	case got := <-answered:
		return &got.attached, got.err
	case <-ctx.Done():
		go func() {
			if late := <-answered; late.err == nil {
				late.attached.Close()
			}
		}()
		return nil, context.Cause(ctx)
	}
}

// State implements [sandbox.Container].
func (c *Container) State(ctx context.Context) (*sandbox.State, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := c.api.ContainerInspect(ctx, c.id)
	if errdefs.IsNotFound(err) {
		return &sandbox.State{ExitStatus: statusKilled}, nil // somebody removed it; the engine lives
	}
	if err != nil {
		return nil, fmt.Errorf("inspect the container: %w", err)
	}
	return &sandbox.State{
		Running: found.State.Running, ExitStatus: found.State.ExitCode, OutOfMemory: found.State.OOMKilled,
	}, nil
}

// Remove implements [sandbox.Container].
func (c *Container) Remove(ctx context.Context) error {
	_ = c.Close()
	if c.unheard != nil && !c.heard.Load() {
		c.unheard()
	}
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	err := c.removeAtLast(ctx)
	c.own.removed(c.id, err)
	if err != nil {
		return fmt.Errorf("remove container %s: %w", c.id, err)
	}
	return nil
}

// removeTries is how often a removal is tried before it is left to the reaper. Engines fail now and then to unmount what is just in use.
const removeTries = 3

// removeAtLast tries again where the engine refuses; one that does not answer is not asked again.
func (c *Container) removeAtLast(ctx context.Context) error {
	for try := 1; ; try++ {
		err := c.api.ContainerRemove(ctx, c.id, container.RemoveOptions{Force: true, RemoveVolumes: true})
		if errdefs.IsConflict(err) {
			err = c.awaitRemoval(ctx)
		}
		switch {
		case err == nil, errdefs.IsNotFound(err):
			return nil
		case try == removeTries, client.IsErrConnectionFailed(err):
			return err
		}
		select {
		case <-time.After(time.Duration(try) * time.Second):
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

// awaitRemoval waits until a removal that somebody else has begun is done.
func (c *Container) awaitRemoval(ctx context.Context) error {
	ticks := time.NewTicker(removedInterval)
	defer ticks.Stop()
	for {
		_, err := c.api.ContainerInspect(ctx, c.id)
		if err != nil {
			return err // not found, if all is well
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return errors.Join(errors.New("somebody else removes it and does not finish"), context.Cause(ctx))
		}
	}
}
