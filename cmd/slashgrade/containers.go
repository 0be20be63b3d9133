package main

import (
	"context"
	"fmt"

	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/nsengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/ociengine"
)

// The kinds of engine.kind.
const (
	engineAuto       = "auto"
	engineDocker     = "docker"
	engineOCI        = "oci"
	engineNamespaces = "namespaces"
)

func engineKinds() []string { return []string{engineAuto, engineDocker, engineOCI, engineNamespaces} }

// makerOf names for people what makes the containers of a kind.
func makerOf(kind string) string {
	if kind == engineNamespaces {
		return "slashgrade itself"
	}
	return "an OCI runtime"
}

// reapingEngine makes containers, and removes what earlier ones left.
type reapingEngine interface {
	sandbox.Engine
	sandbox.Reaper
}

// containers returns what makes containers, as engine.kind says: the Docker engine, or one beside it that has its images.
func (h *host) containers(ctx context.Context, docker *dockerengine.Engine) (reapingEngine, error) {
	kind := h.config.Engine.Kind
	if kind == engineDocker {
		return docker, nil
	}
	direct, err := h.direct(ctx, docker)
	switch {
	case err == nil && kind == engineNamespaces:
		h.log.InfoContext(ctx, "containers are made by slashgrade itself")
		return direct, nil
	case err == nil:
		h.log.InfoContext(ctx, "containers are made by an OCI runtime")
		return direct, nil
	case kind != engineAuto:
		return nil, fmt.Errorf("engine.kind is %s, which does not work here: %w\nengine.kind auto or docker takes the Docker engine", kind, err)
	default:
		h.log.InfoContext(ctx, "containers are made by the Docker engine", "instead_of_oci", err)
		return docker, nil
	}
}

// direct returns the engine that makes containers without the Docker engine, once a trial has shown that it works here.
func (h *host) direct(ctx context.Context, docker *dockerengine.Engine) (*ociengine.Engine, error) {
	policy, err := h.config.policy()
	if err != nil {
		return nil, err
	}
	guests, err := h.guests()
	if err != nil {
		return nil, err
	}
	opts := &ociengine.Options{Docker: docker, Guests: guests, Log: h.log}
	trials, construct := 1, ociengine.New
	if h.config.Engine.Kind == engineNamespaces {
		trials, construct = 2, nsengine.New // the first container is a runtime's
	}
	engine, err := construct(opts)
	if err != nil {
		return nil, err
	}
	h.onClose(engine.Close)
	for range trials {
		if err := engine.Trial(ctx, policy.Default); err != nil {
			return engine, err
		}
	}
	return engine, nil
}

// announceKind tells the operator once what works otherwise on this kind of engine.
func (h *host) announceKind(ctx context.Context, docker *dockerengine.Engine) error {
	about, err := docker.Describe(ctx)
	if err != nil {
		return err
	}
	if about.Podman {
		h.log.WarnContext(ctx, "the engine is Podman's service, on which some limits differ", "version", about.Version)
	}
	switch about.Remapping {
	case dockerengine.RemapUsers:
		h.log.InfoContext(ctx, "the engine remaps users: root in a container is an ordinary user of the host")
	case dockerengine.RemapRootless:
		h.log.WarnContext(ctx, "the engine is rootless: limits hold only where its user may set them, and no network can be guarded")
	case dockerengine.RemapNone:
	}
	return nil
}
