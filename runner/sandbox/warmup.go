package sandbox

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kballard/go-shellquote"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// warmupState is what a session knows of its warm-up. The session's lock guards it.
type warmupState struct {
	settled chan struct{} // closed at the guest's first word about it
	said    bool
	ready   bool
	failure string // why it was given up, until somebody has asked
	use     bool   // the job may run in it
	failed  func() // is told of a failure, without the session's lock; nil tells nobody
}

func newWarmupState() warmupState {
	return warmupState{settled: make(chan struct{})}
}

func (w *warmupState) take(warmed *guest.Warmed) {
	if !w.said {
		w.said = true
		close(w.settled)
	}
	w.ready = warmed.Ready
	if !warmed.Ready {
		const most = 1000
		w.failure = warmed.Reason[:min(len(warmed.Reason), most)]
		if w.failed != nil {
			go w.failed()
		}
	}
}

// Warm has the guest start the image's warm-up. It must come before Unpack. The error says that the image's label is malformed or that
// the guest is lost; whatever happens to the warm-up after that harms no job.
func (s *Session) Warm(ctx context.Context) error {
	argv, err := shellquote.Split(s.spec.Image.Warmup)
	if err == nil && len(argv) == 0 {
		err = fmt.Errorf("it names no program")
	}
	if err != nil {
		return fmt.Errorf("read the label %s=%q: %w", LabelWarmup, s.spec.Image.Warmup, err)
	}
	return s.send(ctx, guest.KindWarm, guest.Warm{
		Argv: argv, Env: WithTerminal(s.spec.Image.Env), User: s.User(), Dir: s.spec.Image.Dir,
		Capabilities: s.spec.Profile.CapabilityNumbers(),
	})
}

// WithTerminal returns an environment with TERM=xterm where it sets no TERM: what PrairieLearn's terminal gives graders.
func WithTerminal(env []string) []string {
	if slices.ContainsFunc(env, func(entry string) bool { return strings.HasPrefix(entry, "TERM=") }) {
		return env
	}
	return append(slices.Clip(env), "TERM=xterm")
}

// whenWarmupFails sets what is told when the warm-up was given up for a fault of its own.
func (s *Session) whenWarmupFails(failed func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warmup.failed = failed
}

// warmupSettled ends at the guest's first word about the warm-up; that never comes where none was started.
func (s *Session) warmupSettled() <-chan struct{} { return s.warmup.settled }

// isWarm says whether a warm-up is ready.
func (s *Session) isWarm() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.warmup.ready
}

// UseWarmup says that the job is what the image's own entrypoint would be, so that the warm-up may become it. It must come before
// Unpack; without it a warm-up is ended before /grade is filled.
func (s *Session) UseWarmup() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warmup.use = true
}

func (s *Session) mayUseWarmup() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.warmup.use
}

// WarmupFailure says why the warm-up was given up, once, for staff; "" if it was not, or only because it did not suit the job.
func (s *Session) WarmupFailure() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	failure := s.warmup.failure
	s.warmup.failure = ""
	return failure
}
