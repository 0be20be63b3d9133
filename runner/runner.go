package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// Runner grades jobs in containers. It is the Grader that decorators stand around.
type Runner struct {
	engine sandbox.Engine
	files  Files
	opts   Options
}

// Options are what a Runner may be told.
type Options struct {
	// ID is the runner's stable id; containers carry it.
	ID string
	// Version is the program's.
	Version string
	// MaxTimeout is the longest time limit that a job gets; longer ones are lowered to it, with a warning. 0 is jobspec.MaxTimeout.
	MaxTimeout time.Duration
	// Profile is the policy of containers of images that Images does not name; nil is the prairielearn profile.
	Profile *sandbox.Profile
	// Images give images profiles of their own; the first that matches counts.
	Images []sandbox.ImageRule
	// Network makes the network of jobs ready that ask for one, and says why they cannot have it; nil leaves that to the engine.
	Network func(context.Context) error
	// Pool gives containers that wait already; nil starts one for each job.
	Pool *sandbox.Pool
	// MissingFile says of an error of Files that the file is not there and never will be; nil takes fs.ErrNotExist for that.
	MissingFile func(error) bool
	// Log takes what operators must know; nil discards it.
	Log *slog.Logger
}

// New returns a Runner.
func New(engine sandbox.Engine, files Files, opts *Options) *Runner {
	r := &Runner{engine: engine, files: files, opts: *opts}
	if r.opts.Profile == nil {
		r.opts.Profile = sandbox.Profiles()[sandbox.PrairieLearn]
	}
	if r.opts.MissingFile == nil {
		r.opts.MissingFile = func(err error) bool { return errors.Is(err, fs.ErrNotExist) }
	}
	if r.opts.Log == nil {
		r.opts.Log = slog.New(slog.DiscardHandler)
	}
	return r
}

// attempt is one job on its way through the phases.
type attempt struct {
	*Runner
	job     *jobspec.Job
	grading *Grading
	session *sandbox.Session
	profile *sandbox.Profile // of the job's image
	timeout time.Duration    // the job's, within what this runner gives
	report  *jobspec.Report
	image   *sandbox.Image
	times   jobspec.Timestamps
}

// Grade implements [Grader].
func (r *Runner) Grade(ctx context.Context, job *jobspec.Job) (*Grading, error) {
	a := r.attempt(job)
	failure, err := a.phases(ctx)
	if err != nil {
		a.discard(ctx)
		return nil, withCause(ctx, err)
	}
	if failure != nil {
		a.fail(failure)
	}
	if a.times.StartedAt.IsZero() { // it never ran: both ends are now, as on PrairieLearn's own host
		a.times.StartedAt = time.Now()
		a.times.FinishedAt = a.times.StartedAt
	}
	a.report.Stamp(a.times)
	a.grading.Log.Info(fmt.Sprintf("Job %s ended: %s", job.ID, a.report.Outcome))
	return a.grading, nil
}

// attempt begins a job.
func (r *Runner) attempt(job *jobspec.Job) *attempt {
	a := &attempt{Runner: r, job: job, grading: NewGrading(NewReport(job), nil), times: Timestamps(job)}
	a.report = a.grading.Report
	a.profile = (&sandbox.Policy{Default: r.opts.Profile, Images: r.opts.Images}).For(job.Image)
	a.report.Runner = "slashgrade/" + r.opts.Version + " " + r.opts.ID
	a.grading.Profile, a.grading.limit = a.profile, a.profile.GradeBytes
	a.grading.Log.Info("Running job " + job.ID)
	a.limitTime()
	return a
}

// limitTime lowers the job's time limit to the longest that this runner gives.
func (a *attempt) limitTime() {
	limit := cmp.Or(a.opts.MaxTimeout, jobspec.MaxTimeout)
	a.timeout = min(a.job.Timeout, limit)
	if a.job.Timeout > limit {
		a.warn(fmt.Sprintf("The time limit of %s s is longer than this runner gives; it was lowered to %s s.",
			jobspec.FormatSeconds(a.job.Timeout), jobspec.FormatSeconds(limit)))
	}
}

// withCause adds why the context ended to an error that came of it: a broken read says only that it was cancelled.
func withCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// NewReport begins the report of a job.
func NewReport(job *jobspec.Job) *jobspec.Report {
	return &jobspec.Report{JobID: job.ID, DeliveryID: job.DeliveryID, Warnings: append([]string(nil), job.Warnings...)}
}

// Timestamps begins the timestamps of a job.
func Timestamps(job *jobspec.Job) jobspec.Timestamps {
	return jobspec.Timestamps{RequestedAt: job.RequestedAt, SubmittedAt: job.SubmittedAt, ReceivedAt: job.ReceivedAt}
}

// failure is an outcome other than a grade.
type failure struct {
	outcome jobspec.Outcome
	message string // for the student
	detail  string // for staff, in the log
}

func (a *attempt) fail(f *failure) {
	a.report.Succeeded, a.report.Outcome, a.report.Message = false, f.outcome, f.message
	a.grading.Log.Error(f.message)
	if f.detail != "" {
		a.grading.Log.Error(f.detail)
	}
}

// discard removes the container of a job that goes back.
func (a *attempt) discard(ctx context.Context) {
	if err := a.grading.Close(context.WithoutCancel(ctx)); err != nil {
		a.opts.Log.WarnContext(ctx, "container could not be removed; the next start will", "job_id", a.job.ID, "err", err)
	}
}

// phases prepares and runs. It returns why there is no grade, or an error of ours.
func (a *attempt) phases(ctx context.Context) (*failure, error) {
	failed, err := a.prepare(ctx)
	if failed != nil || err != nil {
		a.grading.unfilled = true
		return failed, err
	}
	return a.run(ctx)
}

// prepare has a container with a filled /grade when it returns neither.
func (a *attempt) prepare(ctx context.Context) (*failure, error) {
	if a.job.EnableNetworking && a.opts.Network != nil {
		if err := a.opts.Network(ctx); err != nil {
			return noNetwork(err), ctx.Err()
		}
	}
	var opening sync.WaitGroup
	var archive io.ReadCloser
	var missing, failed error
	opening.Go(func() { archive, missing, failed = a.openArchive(ctx) })
	pull, err := a.openContainer(ctx)
	opening.Wait()
	if archive != nil {
		defer func() { _ = archive.Close() }()
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("prepare job %s: %w", a.job.ID, err)
	case failed != nil:
		return nil, fmt.Errorf("prepare job %s: %w", a.job.ID, failed)
	case pull != nil || missing != nil:
		return setupFailure(a.job.Image, pull, missing), nil
	}
	return a.unpack(ctx, archive)
}

func (a *attempt) openArchive(ctx context.Context) (archive io.ReadCloser, missing, failed error) {
	archive, err := a.files.Open(ctx, a.job.Files, jobspec.ArchiveName)
	switch {
	case err == nil:
		return archive, nil, nil
	case a.opts.MissingFile(err):
		return nil, err, nil
	default:
		return nil, nil, fmt.Errorf("open the archive: %w", err)
	}
}

// openContainer returns why the image cannot be had, or an error of ours.
func (a *attempt) openContainer(ctx context.Context) (pull, failed error) {
	image, err := a.engine.Image(ctx, a.job.Image)
	if refused, ok := errors.AsType[*sandbox.PullError](err); ok {
		return refused.Err, nil
	}
	if err != nil {
		return nil, err
	}
	a.image = image
	a.report.Image = &jobspec.ImageRef{Name: image.Name, Digest: image.Digest}
	if image.Warning != "" {
		a.warn(image.Warning)
	}
	a.grading.Log.Info("Image " + image.Name + ", " + image.Digest + ", profile " + a.profile.Name)
	session, err := a.open(ctx, &sandbox.Spec{
		Image: image, Profile: a.profile, Networking: a.job.EnableNetworking, Runner: a.opts.ID, Job: a.job.ID,
		Warmup: a.suitsWarmup(),
	})
	if err != nil {
		return nil, err
	}
	a.session, a.grading.container = session, session
	return nil, nil
}

func (r *Runner) open(ctx context.Context, spec *sandbox.Spec) (*sandbox.Session, error) {
	if r.opts.Pool != nil {
		return r.opts.Pool.Open(ctx, spec)
	}
	return sandbox.Open(ctx, r.engine, spec)
}

func (a *attempt) warn(text string) {
	a.report.Warnings = append(a.report.Warnings, text)
	a.grading.Log.Info("Warning: " + text)
}

func (a *attempt) unpack(ctx context.Context, archive io.Reader) (*failure, error) {
	executable := ""
	if len(a.job.Entrypoint) > 0 {
		executable = a.job.Entrypoint[0]
	}
	ready, err := a.session.Unpack(ctx, archive, executable)
	if refused, ok := errors.AsType[*sandbox.RefusedError](err); ok {
		return setupFailure(a.job.Image, nil, refused), nil
	}
	if err != nil {
		return nil, fmt.Errorf("prepare job %s: %w", a.job.ID, err)
	}
	a.grading.Log.Info(fmt.Sprintf("Unpacked %d entries, %d bytes", ready.Entries, ready.Bytes))
	return nil, nil
}

// suitsWarmup says whether the job runs what the image's own entrypoint is, and as that would run: then its warm-up may be it.
func (a *attempt) suitsWarmup() bool {
	own := slices.Concat(a.image.Entrypoint, a.image.Cmd)
	return len(a.job.Environment) == 0 && (a.job.Entrypoint == nil || slices.Equal(a.job.Entrypoint, own))
}

func (a *attempt) run(ctx context.Context) (*failure, error) {
	command := &sandbox.Command{
		Argv: a.argv(), Env: a.environment(), Timeout: a.timeout, MaxOutput: MaxLog,
	}
	a.grading.Log.Info("Running " + quoteAll(command.Argv) + ", time limit " + jobspec.FormatSeconds(a.timeout) + " s")
	ending, err := a.session.Run(ctx, command, a.grading.Log.Write)
	if why := a.session.WarmupFailure(); why != "" {
		a.opts.Log.WarnContext(ctx, "an image's warm-up failed; the job started as usual", "job_id", a.job.ID, "image", a.image.Name, "err", why)
	}
	if err != nil {
		return nil, fmt.Errorf("run job %s: %w", a.job.ID, err)
	}
	a.times.StartedAt, a.times.FinishedAt = ending.StartedAt, ending.FinishedAt
	return a.collect(ending), nil
}

// argv is the job's entrypoint, for which the image's CMD is dropped, else the image's own with its CMD.
func (a *attempt) argv() []string {
	if a.job.Entrypoint != nil {
		return a.job.Entrypoint
	}
	return slices.Concat(a.image.Entrypoint, a.image.Cmd)
}

// timeoutVariable tells the grader its time limit. No job can set it: of two values in one environment programs take either.
const timeoutVariable = "SLASHGRADE_TIMEOUT_SECONDS"

// environment is the image's, then the job's, in which nil removes a variable.
func (a *attempt) environment() []string {
	var env []string
	has := map[string]bool{}
	for _, entry := range a.image.Env {
		name, _, _ := strings.Cut(entry, "=")
		if _, changed := a.job.Environment[name]; !changed && name != timeoutVariable {
			env, has[name] = append(env, entry), true
		}
	}
	for name, value := range a.job.Environment {
		has[name] = true // a variable that was removed is not given a default
		if value != nil && name != timeoutVariable {
			env = append(env, name+"="+*value)
		}
	}
	if !has["TERM"] {
		env = append(env, "TERM=xterm") // what PrairieLearn's terminal gives graders
	}
	return append(env, timeoutVariable+"="+jobspec.FormatSeconds(a.timeout))
}

// quoteAll shows a command line, shortened.
func quoteAll(argv []string) string {
	const most = 500
	text := fmt.Sprintf("%q", argv)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
