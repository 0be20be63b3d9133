// Package sandbox is where untrusted code runs: what a container must be ([Profile], [Spec]), what an engine must be able to do
// ([Engine]), and one job's conversation with the guest inside a container ([Session]). It imports no engine.
//
// # Security
//
// Nothing of a job is unpacked, mounted or read back on the host. Files, results and output pass through the guest's frames, which
// are bounded and checked here. A container serves one job.
package sandbox

import (
	"context"
	"io"
	"slices"
	"strings"
)

// Image is an image that the engine has.
type Image struct {
	Name       string // as asked for
	ID         string // sha256:… of its configuration
	Digest     string // repository@sha256:…, else ID
	User       string // USER
	Entrypoint []string
	Cmd        []string
	Env        []string
	Dir        string   // WORKDIR
	Volumes    []string // VOLUME paths that are empty in the image
	Arch       string   // as Go names it: amd64, arm64
	Warmup     string   // the label LabelWarmup
	Warning    string   // what was odd about getting it, for staff; "" if nothing
}

// LabelWarmup is the label by which an image names its warm-up, a command line in shell words.
const LabelWarmup = "slashgrade.warmup"

// DefaultPath is the PATH of an image that sets none, as container engines have it.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// WithPath returns an image's environment with [DefaultPath] where it sets no PATH.
func WithPath(env []string) []string {
	if slices.ContainsFunc(env, func(entry string) bool { return strings.HasPrefix(entry, "PATH=") }) {
		return env
	}
	return append([]string{"PATH=" + DefaultPath}, env...)
}

// Spec is one container to be.
type Spec struct {
	Image      *Image
	Profile    *Profile
	Networking bool
	Runner     string // the runner's stable id, which labels the container
	Job        string // the job's ID, likewise; "" for a container that has no job yet
	Warmup     bool   // the job is what the image's own entrypoint would be, so that the image's warm-up may become it
}

// Engine makes containers. Implementations are safe for concurrent use.
type Engine interface {
	// Image finds the image, pulling it as the engine's policy says. A *PullError says that the image cannot be had; every other
	// error that the engine could not be asked.
	Image(ctx context.Context, name string) (*Image, error)
	// Start creates and starts a container whose PID 1 is the guest, attached. On an error nothing is left.
	Start(ctx context.Context, spec *Spec) (Container, error)
	// Sweep removes every container that carries the runner's label: what a killed predecessor left. It returns how many.
	Sweep(ctx context.Context, runner string) (int, error)
}

// Container is a running guest. Read and Write are its stdout and stdin; Close ends both, whoever waits for them, and with them the
// guest and its job.
type Container interface {
	io.ReadWriteCloser
	// ID is the engine's name of it, for logs.
	ID() string
	// State asks the engine. An error means that the engine does not answer.
	State(ctx context.Context) (*State, error)
	// Remove kills and removes the container with its volumes, whatever state it is in; it is done when it returns nil. It may
	// be called again.
	Remove(ctx context.Context) error
}

// State is how a container is, by the engine's word. One that the engine no longer has was killed: status 137.
type State struct {
	Running     bool
	ExitStatus  int
	OutOfMemory bool
}

// PullError says that an image cannot be had, neither from its registry nor from the engine's own store.
type PullError struct {
	Image string
	Err   error
}

// Error implements error.
func (e *PullError) Error() string {
	return "pull image " + e.Image + ": " + e.Err.Error()
}

// Unwrap gives [errors.Is] and [errors.As] the cause.
func (e *PullError) Unwrap() error {
	return e.Err
}
