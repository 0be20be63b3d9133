//go:build !linux

package ociengine

import (
	"context"
	"errors"

	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// Engine drives an OCI runtime, which there is on Linux only.
type Engine struct {
	sandbox.Engine
	sandbox.Reaper
}

// New returns an error: OCI runtimes are Linux's.
func New(*Options) (*Engine, error) {
	return nil, errors.New("containers without a Docker engine are for Linux only")
}

// Trial is never reached.
func (e *Engine) Trial(context.Context, *sandbox.Profile) error { return nil }

// Close is never reached.
func (e *Engine) Close() error { return nil }
