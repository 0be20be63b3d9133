//go:build linux

package ociengine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// TrialTimeout bounds a trial, which takes a fraction of a second: what is slower than this is no gain.
const TrialTimeout = 20 * time.Second

// Trial says whether this engine works on this machine: it looks for the Docker engine's images, starts a container of the profile
// without any image, waits for its guest to speak, and removes it. The error says what does not work.
func (e *Engine) Trial(ctx context.Context, profile *sandbox.Profile) error {
	ctx, cancel := context.WithTimeoutCause(ctx, TrialTimeout, fmt.Errorf("the trial took longer than %s", TrialTimeout))
	defer cancel()
	if err := e.docker.LocalLayers(ctx); err != nil {
		return err
	}
	empty, err := os.MkdirTemp("", "slashgrade-trial")
	if err != nil {
		return fmt.Errorf("try a container: %w", err)
	}
	defer func() { _ = os.Remove(empty) }()
	spec := &sandbox.Spec{
		Image: &sandbox.Image{Name: "no image", Arch: runtime.GOARCH}, Profile: profile, Runner: "trial-" + filepath.Base(empty),
	}
	defer e.forgetRunner(spec.Runner)
	session, err := sandbox.Open(ctx, &trialEngine{Engine: e, empty: empty}, spec)
	if err == nil {
		err = session.Close(context.WithoutCancel(ctx))
	}
	if err != nil {
		return fmt.Errorf("try a container: %w", errors.Join(err, context.Cause(ctx)))
	}
	return nil
}

// trialEngine starts containers whose only layer is an empty folder.
type trialEngine struct {
	*Engine
	empty string
}

// Start implements [sandbox.Engine].
func (t *trialEngine) Start(ctx context.Context, spec *sandbox.Spec) (sandbox.Container, error) {
	return t.start(ctx, spec, &lease{layers: []string{t.empty}})
}

// forgetRunner removes a runner's folder.
func (e *Engine) forgetRunner(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if dir, ok := e.runners[id]; ok {
		dir.close(e.cgroups)
		delete(e.runners, id)
	}
}
