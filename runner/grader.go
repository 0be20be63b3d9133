// Package runner grades one job: it prepares a container, runs the grader in it, and turns what came of it into a Report.
//
// # Three outcomes
//
// What the student's code did (a wrong answer, a time-out, no results) and what is wrong with the job itself (no such image, an archive
// that cannot be unpacked) are Reports. What failed on our side (the engine, the store) is an error: nothing is answered and the job
// goes back to its queue. A container that is lost while its engine lives is the student's outcome, or a student could make a job
// that every host tries again.
package runner

import (
	"context"
	"errors"
	"io"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// Grader grades a job. The error is ours: the job did not get a fair run and may be tried again. Decorators implement it too.
type Grader interface {
	Grade(ctx context.Context, job *jobspec.Job) (*Grading, error)
}

// Files is where the archive of a job is read from. An error that [MissingFile] knows says that it is not there and never will be.
type Files interface {
	Open(ctx context.Context, at jobspec.Location, name string) (io.ReadCloser, error)
}

// Grading is a job that has been graded: its report, its log, and its container, from which /grade can still be had until Close.
type Grading struct {
	Report *jobspec.Report
	Log    *OutputLog
	// Profile is the policy under which the job ran; nil for one that was refused. Usage is what it took of that; nil where nothing ran.
	Profile *sandbox.Profile
	Usage   *Usage

	container Container // nil where none is left
	limit     int64     // of the archive's files
	unfilled  bool      // the container has no /grade that is worth keeping
}

// Container is what is left of a job that ran.
type Container interface {
	// Archive writes /grade to w, a gzip'd tar of at most limit bytes of files, and returns what was left out.
	Archive(ctx context.Context, w io.Writer, limit int64) (skipped []string, err error)
	// Close ends and removes the container.
	Close(ctx context.Context) error
}

var _ Container = (*sandbox.Session)(nil)

// NewGrading is the grading of a job with the container that it ran in, nil for a job that never ran.
func NewGrading(report *jobspec.Report, container Container) *Grading {
	return &Grading{Report: report, Log: NewOutputLog(), container: container}
}

// errNoArchive says that the container is gone or never was.
var errNoArchive = errors.New("there is no container to take /grade from")

// HasArchive says whether there is a container to take /grade from. As on PrairieLearn's own host there is none after files that could
// not be unpacked.
func (g *Grading) HasArchive() bool { return g.container != nil && !g.unfilled }

// Archive writes /grade as the job left it to w, a gzip'd tar. What was left out of it is logged.
func (g *Grading) Archive(ctx context.Context, w io.Writer) error {
	if !g.HasArchive() {
		return errNoArchive
	}
	skipped, err := g.container.Archive(ctx, w, g.limit)
	for _, entry := range skipped {
		g.Log.Info("Left out of the archive: " + entry)
	}
	return err
}

// Close ends and removes the container. It may be called again after an error.
func (g *Grading) Close(ctx context.Context) error {
	if g.container == nil {
		return nil
	}
	err := g.container.Close(ctx)
	if err == nil {
		g.container = nil
	}
	return err
}
