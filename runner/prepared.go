package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// Prepared is a job's container with /grade filled and nothing started: what staff look into. It lives until Close.
type Prepared struct {
	// Container is the engine's name of it.
	Container string
	// Argv and Env are what the job would run, as Grade runs it. Dir is its working directory and User who it would be, "" for root.
	Argv, Env []string
	Dir, User string

	session *sandbox.Session
}

// Prepare prepares a job as Grade does, and stops where the entrypoint would be started. Unlike with Grade everything that keeps the
// job from running is an error.
func (r *Runner) Prepare(ctx context.Context, job *jobspec.Job) (*Prepared, error) {
	a := r.attempt(job)
	failure, err := a.prepare(ctx)
	if err == nil && failure != nil {
		err = errors.New(failure.message + "\n" + failure.detail)
	}
	if err != nil {
		a.discard(ctx)
		return nil, withCause(ctx, fmt.Errorf("prepare a container: %w", err))
	}
	return &Prepared{
		Container: a.session.Container(), Argv: a.argv(), Env: a.environment(), Dir: a.image.Dir, User: a.session.User(), session: a.session,
	}, nil
}

// Close ends and removes the container.
func (p *Prepared) Close(ctx context.Context) error { return p.session.Close(ctx) }
