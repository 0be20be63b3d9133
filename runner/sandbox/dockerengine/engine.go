// Package dockerengine makes grading containers by the Docker Engine API, version 1.41 or later: Docker everywhere, on this machine or
// another, and what speaks its API.
//
// # Leftovers
//
// Every container and volume carries labels of the runner that made it. A container that a killed runner left ends by itself when its
// stream breaks, and the next start of that runner removes it.
package dockerengine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"golang.org/x/sync/singleflight"
)

// Labels of what slashgrade makes in an engine.
const (
	// LabelRunner holds the runner's stable id.
	LabelRunner = "org.slashgrade.runner"
	// LabelJob holds the job's ID as the platform gave it.
	LabelJob = "org.slashgrade.job"
)

// Times of the engine's answers.
const (
	// callTimeout bounds every call that does not pull: a loaded engine took 2 s to start a container.
	callTimeout = 60 * time.Second
	// removeTimeout bounds a removal, of which the killing of a container in uninterruptible sleep is the slowest.
	removeTimeout = 60 * time.Second
)

// Engine is a Docker engine.
type Engine struct {
	api    *client.Client
	guests *GuestFiles
	policy PullPolicy
	log    *slog.Logger

	pulls   singleflight.Group
	checked checkedImages
}

// Options are what an engine may be told. The zero value is the environment's engine with the default pull policy.
type Options struct {
	// Host is the engine's address, for example unix:///var/run/docker.sock; "" follows DOCKER_HOST, else the usual socket.
	Host string
	// Pull says when images are pulled.
	Pull PullPolicy
	// Log takes what is no error of a job; nil discards it.
	Log *slog.Logger
}

// New connects to an engine and makes sure that it answers.
func New(ctx context.Context, guests *GuestFiles, opts *Options) (*Engine, error) {
	settings := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if opts.Host != "" {
		settings = append(settings, client.WithHost(opts.Host))
	}
	api, err := client.NewClientWithOpts(settings...)
	if err != nil {
		return nil, fmt.Errorf("find the Docker engine: %w", err)
	}
	log := opts.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{api: api, guests: guests, policy: opts.Pull.withDefaults(), log: log}
	if err := e.Ping(ctx); err != nil {
		_ = api.Close()
		return nil, err
	}
	return e, nil
}

// Ping says whether the engine answers.
func (e *Engine) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := e.api.Ping(ctx); err != nil {
		return fmt.Errorf("reach the Docker engine at %s: %w", e.api.DaemonHost(), err)
	}
	return nil
}

// Close ends the connections to the engine.
func (e *Engine) Close() error { return e.api.Close() }

// Start implements [sandbox.Engine].
func (e *Engine) Start(ctx context.Context, spec *sandbox.Spec) (sandbox.Container, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c, err := e.start(ctx, spec)
	if err != nil {
		// Somebody may have removed the guest's volume, in whose place the engine then makes an empty one.
		e.forgetGuests()
		return nil, err
	}
	return c, nil
}

func (e *Engine) start(ctx context.Context, spec *sandbox.Spec) (*Container, error) {
	volume, err := e.guestVolume(ctx, spec)
	if err != nil {
		return nil, err
	}
	created, err := e.api.ContainerCreate(ctx, containerConfig(spec), hostConfig(spec, volume), nil, nil, "")
	if err != nil {
		return nil, fmt.Errorf("create the container: %w", err)
	}
	c := &Container{api: e.api, id: created.ID}
	if err := c.attachAndStart(ctx); err != nil {
		if removed := c.Remove(context.WithoutCancel(ctx)); removed != nil {
			e.log.WarnContext(ctx, "container could not be removed", "container", c.id, "err", removed)
		}
		return nil, err
	}
	return c, nil
}

// Sweep implements [sandbox.Engine].
func (e *Engine) Sweep(ctx context.Context, runner string) (int, error) {
	list, err := e.api.ContainerList(ctx, container.ListOptions{
		All: true, Filters: filters.NewArgs(filters.Arg("label", LabelRunner+"="+runner)),
	})
	if err != nil {
		return 0, fmt.Errorf("list the containers of runner %s: %w", runner, err)
	}
	var failed error
	removed := 0
	for i := range list {
		left := &Container{api: e.api, id: list[i].ID}
		if err := left.Remove(ctx); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		removed++
	}
	return removed, failed
}

// Container is a running guest in a Docker engine.
type Container struct {
	api    *client.Client
	id     string
	stream net.Conn
	stdout io.Reader
}

// ID implements [sandbox.Container].
func (c *Container) ID() string { return c.id }

// Read implements [sandbox.Container]: the guest's frames.
func (c *Container) Read(p []byte) (int, error) { return c.stdout.Read(p) }

// Write implements [sandbox.Container].
func (c *Container) Write(p []byte) (int, error) { return c.stream.Write(p) }

// attachAndStart attaches before the start: what the guest says first would be lost otherwise.
func (c *Container) attachAndStart(ctx context.Context) error {
	// The stream outlives this call; its context would end it.
	attached, err := c.api.ContainerAttach(context.WithoutCancel(ctx), c.id, container.AttachOptions{
		Stream: true, Stdin: true, Stdout: true, Stderr: true,
	})
	if err != nil {
		return fmt.Errorf("attach to the container: %w", err)
	}
	c.stream, c.stdout = attached.Conn, newDemultiplexer(attached.Reader)
	if err := c.api.ContainerStart(ctx, c.id, container.StartOptions{}); err != nil {
		_ = c.stream.Close()
		return fmt.Errorf("start the container: %w", err)
	}
	return nil
}

// State implements [sandbox.Container].
func (c *Container) State(ctx context.Context) (*sandbox.State, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := c.api.ContainerInspect(ctx, c.id)
	if errdefs.IsNotFound(err) {
		return &sandbox.State{}, nil // somebody removed it; the engine lives
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
	if c.stream != nil {
		_ = c.stream.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	err := c.api.ContainerRemove(ctx, c.id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	if err != nil && !errdefs.IsNotFound(err) && !errdefs.IsConflict(err) {
		return fmt.Errorf("remove container %s: %w", c.id, err)
	}
	return nil
}
