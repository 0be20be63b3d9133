// Package dockerengine makes grading containers by the Docker Engine API, version 1.41 or later: Docker everywhere, on this machine or
// another, and what speaks its API.
//
// # Leftovers
//
// Every container carries labels of the runner that made it and of the process that it ran in. One that a killed runner left ends by
// itself when its stream breaks, and the next start of that runner removes it (Sweep); what that misses, and what could not be removed
// after its job, goes while the runner lives (Reap). Volumes with guests are shared by all runners and stay.
package dockerengine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/client"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
	"golang.org/x/sync/singleflight"
)

// Labels of what slashgrade makes in an engine.
const (
	// LabelRunner holds the runner's stable id.
	LabelRunner = "org.slashgrade.runner"
	// LabelInstance tells the processes apart that have been this runner.
	LabelInstance = "org.slashgrade.instance"
	// LabelJob holds the job's ID as the platform gave it.
	LabelJob = "org.slashgrade.job"
	// LabelProbe marks containers that are made to look into an image, belong to no runner and are never started.
	LabelProbe = "org.slashgrade.probe"
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
	known   knownImages
	own     ownContainers
	network jobNetwork
	podman  bool   // it is Podman's service
	seccomp string // the filter of system calls as the engine takes it: itself, or for Podman the file that it lies in

	tasks   sync.WaitGroup // pulls, creations, and who follows the events
	agree   sync.Once      // on the API's version
	closing chan struct{}
	close   sync.Once
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
	e := &Engine{
		api: api, guests: guests, policy: opts.Pull.withDefaults(), log: log, own: newOwnContainers(), closing: make(chan struct{}),
	}
	err = e.Ping(ctx)
	if err == nil {
		err = e.recognise(ctx)
	}
	if err != nil {
		_ = api.Close()
		return nil, err
	}
	return e, nil
}

// Ping says whether the engine answers.
func (e *Engine) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := e.api.Ping(ctx)
	if err != nil {
		return fmt.Errorf("reach the Docker engine at %s: %w", e.api.DaemonHost(), err)
	}
	// The version is settled here, for all calls: the client's own way, at the first call, races with its following of events.
	e.agree.Do(func() { e.api.NegotiateAPIVersionPing(answer) })
	return nil
}

// Close ends pulls that go on beside jobs, the following of events and the connections to the engine. It may be called again.
func (e *Engine) Close() error {
	e.close.Do(func() { close(e.closing) })
	e.tasks.Wait()
	return errors.Join(e.forgetSeccomp(), e.api.Close())
}

// Start implements [sandbox.Engine].
func (e *Engine) Start(ctx context.Context, spec *sandbox.Spec) (sandbox.Container, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	c, err := e.start(ctx, spec)
	if err != nil && strings.Contains(err.Error(), guest.Program) {
		// Somebody removed the guest's volume, in whose place the engine then makes an empty one, or is filling it just now.
		e.forgetGuests()
		c, err = e.start(ctx, spec)
	}
	if err != nil {
		e.forgetGuests()
		return nil, e.explain(ctx, spec.Image, err)
	}
	return c, nil
}

// explain adds what a container that could not be started is most likely about: an image for another kind of processor.
func (e *Engine) explain(ctx context.Context, image *sandbox.Image, err error) error {
	engine, asked := e.api.ServerVersion(ctx)
	if asked != nil || image.Arch == "" || engine.Arch == image.Arch {
		return err
	}
	return fmt.Errorf("%w\nthe image %s is for %s, and the engine's machine is %s: pull or build the image for that", err, image.Name, image.Arch, engine.Arch)
}

func (e *Engine) start(ctx context.Context, spec *sandbox.Spec) (*Container, error) {
	if e.podman && spec.Profile.Runtime != "" {
		return nil, fmt.Errorf("podman's service ignores the runtime %s that profile %s asks for: set it as Podman's own, in its containers.conf",
			spec.Profile.Runtime, spec.Profile.Name)
	}
	volume, err := e.guestVolume(ctx, spec)
	if err != nil {
		return nil, err
	}
	to, err := e.connect(ctx, spec)
	if err != nil {
		return nil, err
	}
	config := containerConfig(spec)
	config.Labels[LabelInstance] = e.own.instance
	id, err := e.create(ctx, config, e.hostConfig(spec, volume, to))
	if err != nil {
		return nil, fmt.Errorf("create the container: %w", err)
	}
	c := &Container{api: e.api, id: id, own: &e.own, unheard: e.forgetGuests}
	e.own.add(c.id)
	if err := c.attachAndStart(ctx); err != nil {
		if removed := c.Remove(context.WithoutCancel(ctx)); removed != nil {
			e.log.WarnContext(ctx, "container could not be removed", "container", c.id, "err", removed)
		}
		return nil, err
	}
	return c, nil
}
