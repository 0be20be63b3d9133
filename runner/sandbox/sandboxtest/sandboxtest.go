// Package sandboxtest is the suite that every engine passes: what a job may rely on and what it cannot break, tried in real
// containers.
package sandboxtest

import (
	"bytes"
	"cmp"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// Bench runs jobs on one engine.
type Bench struct {
	Engine  sandbox.Engine
	Profile *sandbox.Profile // nil is the default profile
	Runner  string
	// DiskInMemory says that the engine keeps what a job writes to the root in memory, so that the container's limit includes it.
	DiskInMemory bool
	// Timeout is that of jobs that Run runs and that name none; 0 is 20 s.
	Timeout time.Duration
	// Lacks says for what does not hold on the engine why, by theme and name: "memory/in a child". It is not tried.
	Lacks map[string]string

	// Build makes an image of testenv.Image and the further lines of a Dockerfile, which is removed when the test ends, and
	// returns its name. Run needs it.
	Build func(tb testing.TB, lines ...string) string
	// Kill ends a container as an operator does who knows nothing of jobs. Run needs it.
	Kill func(tb testing.TB, container string)
}

// Job is one run: a shell script as /grade/tests/run.sh beside what else the archive holds.
type Job struct {
	Script     string
	Files      []File
	Archive    []byte   // in place of Script and Files
	Argv       []string // nil is the script
	Env        []string
	Timeout    time.Duration // 0 is the bench's, or 20 s
	MaxOutput  int64         // 0 is 1 MiB
	Networking bool
	Image      string // "" is testenv.Image
	Profile    *sandbox.Profile
}

// File is an entry of the archive.
type File = testenv.Entry

// Outcome is what came of a job.
type Outcome struct {
	*sandbox.Ending
	Output  string
	Pieces  []Piece          // of the output, as they came
	Session *sandbox.Session // still open, until the test ends
}

// Piece is what a job wrote to one of its streams.
type Piece struct {
	Stream guest.Stream
	Text   string
}

// Pack makes a gzip'd tar of the files.
func Pack(tb testing.TB, files ...File) []byte {
	tb.Helper()
	return testenv.Archive(tb, files...)
}

// Open opens a session for the job, which is closed when the test ends.
func (b *Bench) Open(tb testing.TB, job *Job) *sandbox.Session {
	tb.Helper()
	ctx := tb.Context()
	name := job.Image
	if name == "" {
		name = testenv.Image
	}
	image, err := b.Engine.Image(ctx, name)
	if err != nil {
		tb.Fatal(err)
	}
	session, err := sandbox.Open(ctx, b.Engine, &sandbox.Spec{
		Image: image, Profile: b.profile(job), Networking: job.Networking, Runner: b.Runner, Job: tb.Name(),
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if err := session.Close(ctx); err != nil {
			tb.Errorf("close the session: %v", err)
		}
	})
	return session
}

func (b *Bench) profile(job *Job) *sandbox.Profile {
	switch {
	case job.Profile != nil:
		return job.Profile
	case b.Profile != nil:
		return b.Profile
	default:
		return sandbox.Profiles()[sandbox.PrairieLearn]
	}
}

// Unpack opens a session and fills its /grade.
func (b *Bench) Unpack(tb testing.TB, job *Job) (*sandbox.Session, error) {
	tb.Helper()
	session := b.Open(tb, job)
	archive := job.Archive
	if archive == nil {
		files := append([]File{{Name: "./tests/run.sh", Content: "#!/bin/sh\n" + job.Script}}, job.Files...)
		archive = Pack(tb, files...)
	}
	_, err := session.Unpack(tb.Context(), bytes.NewReader(archive), "/grade/tests/run.sh")
	return session, err
}

// Run runs the job to its end.
func (b *Bench) Run(tb testing.TB, job *Job) *Outcome {
	tb.Helper()
	session, err := b.Unpack(tb, job)
	if err != nil {
		tb.Fatal(err)
	}
	patient := *job
	patient.Timeout = cmp.Or(job.Timeout, b.Timeout)
	return Start(tb, session, &patient)
}

// Start runs the job in a session with a filled /grade to its end.
func Start(tb testing.TB, session *sandbox.Session, job *Job) *Outcome {
	tb.Helper()
	run := &Outcome{Session: session}
	var output strings.Builder
	ending, err := session.Run(tb.Context(), job.command(), func(stream guest.Stream, chunk []byte) {
		output.Write(chunk)
		run.Pieces = append(run.Pieces, Piece{Stream: stream, Text: string(chunk)})
	})
	if err != nil {
		tb.Fatal(err)
	}
	run.Ending, run.Output = ending, output.String()
	return run
}

func (job *Job) command() *sandbox.Command {
	command := &sandbox.Command{Argv: job.Argv, Env: job.Env, Timeout: job.Timeout, MaxOutput: job.MaxOutput}
	if command.Argv == nil {
		command.Argv = []string{"/grade/tests/run.sh"}
	}
	if command.Timeout == 0 {
		command.Timeout = 20 * time.Second
	}
	if command.MaxOutput == 0 {
		command.MaxOutput = 1 << 20
	}
	return command
}

// containerBytes is the memory limit of a container of the bench's engine.
func (b *Bench) containerBytes(profile *sandbox.Profile, image *sandbox.Image) int64 {
	if b.DiskInMemory && !profile.ReadOnly {
		return profile.ContainerBytes(image) + profile.DiskBytes
	}
	return profile.ContainerBytes(image)
}
