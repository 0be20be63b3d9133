package main

import (
	"context"
	"fmt"

	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/ociengine"
)

// The kinds of engine.kind.
const (
	engineAuto   = "auto"
	engineDocker = "docker"
	engineOCI    = "oci"
)

// containers returns what makes containers, as engine.kind says: the Docker engine, or an OCI runtime beside it.
func (h *host) containers(ctx context.Context, docker *dockerengine.Engine) (sandbox.Engine, error) {
	if h.config.Engine.Kind == engineDocker {
		return docker, nil
	}
	oci, err := h.oci(ctx, docker)
	switch {
	case err == nil:
		h.log.InfoContext(ctx, "containers are made by an OCI runtime")
		return oci, nil
	case h.config.Engine.Kind == engineOCI:
		return nil, fmt.Errorf("engine.kind is oci, which does not work here: %w\nengine.kind auto or docker takes the Docker engine", err)
	default:
		h.log.InfoContext(ctx, "containers are made by the Docker engine", "instead_of_oci", err)
		return docker, nil
	}
}

// oci returns the engine that drives an OCI runtime, once a trial has shown that it works here.
func (h *host) oci(ctx context.Context, docker *dockerengine.Engine) (*ociengine.Engine, error) {
	policy, err := h.config.policy()
	if err != nil {
		return nil, err
	}
	guests, err := h.guests()
	if err != nil {
		return nil, err
	}
	engine, err := ociengine.New(&ociengine.Options{Docker: docker, Guests: guests, Log: h.log})
	if err != nil {
		return nil, err
	}
	h.onClose(engine.Close)
	return engine, engine.Trial(ctx, policy.Default)
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
