// Package desk grades submissions of a course's questions without a platform and without a queue: for course staff who write a
// question, and for tests of graders.
//
// A [Question] is a question's folder, opened; with a submission it makes a [Work]; a [Desk] grades it through the same runner as
// production, in a container of its own. One Desk serves any number of submissions, also at once.
//
//	question, err := desk.OpenQuestion("course/questions/fibonacci", "")
//	submission, err := desk.ReadSubmission("handed-in")
//	work, err := question.Work(submission)
//	grading, err := d.Grade(ctx, work)
//	defer grading.Close(ctx)
package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// Desk grades. It is safe for concurrent use; how many submissions run at once is its caller's decision.
type Desk struct {
	engine sandbox.Engine
	opts   runner.Options
}

// New returns a desk whose containers come from the engine. Of the options MissingFile is not used: a desk has all its files.
func New(engine sandbox.Engine, opts *runner.Options) *Desk {
	return &Desk{engine: engine, opts: *opts}
}

// Grade grades one submission. The report stands in the Grading, with the log and the container, from which /grade can be had until
// Close, which the caller owes. An error says that there was no fair run: the engine failed, ctx ended, or a file of the course changed
// while it was read.
func (d *Desk) Grade(ctx context.Context, work *Work) (*runner.Grading, error) {
	job := work.Job
	now := time.Now()
	job.RequestedAt, job.ReceivedAt = now.UTC().Truncate(time.Millisecond), now
	return runner.New(d.engine, tree{work.Tree}, &d.opts).Grade(ctx, &job)
}

// Prepare makes the container of a work as Grade does, and stops where the grader would be started.
func (d *Desk) Prepare(ctx context.Context, work *Work) (*runner.Prepared, error) {
	job := work.Job
	job.ReceivedAt = time.Now()
	return runner.New(d.engine, tree{work.Tree}, &d.opts).Prepare(ctx, &job)
}

// tree is the one archive that a job of the desk has. It is made while it is read, and stands nowhere.
type tree struct{ dir *jobspec.GradeDir }

var _ runner.Files = tree{}

// Open implements [runner.Files].
func (t tree) Open(_ context.Context, _ jobspec.Location, name string) (io.ReadCloser, error) {
	if name != jobspec.ArchiveName {
		return nil, fmt.Errorf("a desk has no file %s", name)
	}
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(t.dir.WriteArchive(writer)) }()
	return archive{reader}, nil
}

// archive ends its writer when it is closed before its end.
type archive struct{ *io.PipeReader }

// Close implements io.Closer.
func (a archive) Close() error {
	return a.CloseWithError(errors.New("nobody reads the archive any more"))
}
