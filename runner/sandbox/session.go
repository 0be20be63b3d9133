package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// Limits of a conversation with a guest.
const (
	// helloTimeout is how long a started container may take to say hello: a cold one on a loaded machine took 0.7 s.
	helloTimeout = 30 * time.Second
	// startTimeout is how long the entrypoint's start may take: it is one fork and two execs.
	startTimeout = 30 * time.Second
	// endGrace is what the guest gets beyond the job's own time limit, to end every process and read the last output.
	endGrace = 10 * time.Second
	// maxReplies is how many frames that are neither output nor bytes a guest may have waiting.
	maxReplies = 16
)

// ErrGuestLost is wrapped where the guest's stream ended or broke its protocol before the job was told to go: a failure of ours.
var ErrGuestLost = errors.New("the guest was lost")

// RefusedError says that the guest refused the job's archive. Reason is for course staff.
type RefusedError struct {
	Reason string
}

// Error implements error.
func (r *RefusedError) Error() string {
	return "the archive was refused: " + r.Reason
}

// SourceError wraps an error of the reader that an archive came from.
type SourceError struct {
	Err error
}

// Error implements error.
func (e *SourceError) Error() string { return "read the archive: " + e.Err.Error() }

// Unwrap gives [errors.Is] and [errors.As] the cause.
func (e *SourceError) Unwrap() error { return e.Err }

// Session is one job's conversation with the guest in its container. Its methods are called one after the other: Unpack, Run, Archive,
// Close.
type Session struct {
	container Container
	spec      *Spec
	out       *guest.Writer
	hello     guest.Hello
	replies   chan guest.Frame // all frames but output, bytes and pongs; closed when the stream has ended
	gone      chan struct{}    // closed then too
	done      func()           // is told once that the job is over; nil tells nobody
	stopPings context.CancelFunc
	tasks     sync.WaitGroup

	mu      sync.Mutex
	err     error // why replies was closed
	clock   clock
	warmup  warmupState
	output  func(guest.Stream, []byte)
	left    int64  // bytes of output that are still taken
	results []byte // of results.json
	archive io.Writer
	packed  int64     // bytes of the archive that are still taken
	memory  int64     // bytes that the container holds, by the last pong
	heard   time.Time // when that came
}

// Open starts a container and waits for its guest.
func Open(ctx context.Context, engine Engine, spec *Spec) (*Session, error) {
	container, err := engine.Start(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("start a container of %s: %w", spec.Image.Name, err)
	}
	pings, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Session{
		container: container, spec: spec, out: guest.NewWriter(container),
		replies: make(chan guest.Frame, maxReplies), stopPings: stop, warmup: newWarmupState(),
		gone: make(chan struct{}), heard: time.Now(),
	}
	s.tasks.Go(s.listen)
	frame, err := s.expect(ctx, helloTimeout, guest.KindHello)
	if err == nil {
		err = frame.Decode(&s.hello)
	}
	if err != nil {
		closed := s.Close(context.WithoutCancel(ctx))
		return nil, errors.Join(fmt.Errorf("wait for the guest in %s: %w", container.ID(), err), closed)
	}
	s.tasks.Go(func() { s.keepPinging(pings) })
	return s, nil
}

// Container returns the engine's name of the container.
func (s *Session) Container() string { return s.container.ID() }

// Guest returns what the guest has said of itself.
func (s *Session) Guest() guest.Hello { return s.hello }

// send writes a frame, or gives the container up when the context ends before the guest takes it.
func (s *Session) send(ctx context.Context, kind guest.Kind, v any) error {
	stop := context.AfterFunc(ctx, func() { _ = s.container.Close() })
	defer stop()
	err := s.out.WriteJSON(kind, v)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrGuestLost, err)
	}
	return nil
}

// Close kills and removes the container. The error says that the engine did not; the sweep at the next start will.
func (s *Session) Close(ctx context.Context) error {
	s.finish()
	s.stopPings()
	err := s.container.Remove(ctx)
	if err == nil {
		s.tasks.Wait()
	}
	return err
}

// whenDone sets what is told once that the job is over, at the end of Run or at Close.
func (s *Session) whenDone(done func()) { s.done = sync.OnceFunc(done) }

func (s *Session) finish() {
	if s.done != nil {
		s.done()
	}
}

// answers says whether the guest is there and has answered a ping lately.
func (s *Session) answers(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err == nil && now.Sub(s.heard) < guest.PingTimeout
}

// held is how many bytes the container holds, 0 where that is not known.
func (s *Session) held() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.memory
}

// listen reads every frame until the stream ends: a guest that is not read blocks, and with it the runner's own writes.
func (s *Session) listen() {
	frames := guest.NewReader(s.container, guest.MaxToHost)
	var err error
	for err == nil {
		var frame *guest.Frame
		if frame, err = frames.Next(); err == nil {
			err = s.take(frame)
		}
	}
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
	close(s.replies)
	close(s.gone)
	if !errors.Is(err, io.EOF) {
		_, _ = io.Copy(io.Discard, s.container)
	}
}

func (s *Session) take(frame *guest.Frame) error {
	if frame.Kind == guest.KindArchive {
		return s.takeArchive(frame.Payload)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch frame.Kind {
	case guest.KindOutput:
		return s.takeOutput(frame.Payload)
	case guest.KindResults:
		if len(s.results)+len(frame.Payload) > MaxResults+1 {
			return errors.New("the guest sent more results than there may be")
		}
		s.results = append(s.results, frame.Payload...)
		return nil
	case guest.KindPong:
		var pong guest.Pong
		if err := frame.Decode(&pong); err != nil {
			return err
		}
		s.clock.answer(time.Now(), pong.UnixNano)
		s.memory, s.heard = max(pong.Memory, 0), time.Now()
		return nil
	case guest.KindWarmed:
		var warmed guest.Warmed
		err := frame.Decode(&warmed)
		s.warmup.take(&warmed)
		return err
	default:
		select {
		case s.replies <- guest.Frame{Kind: frame.Kind, Payload: append([]byte(nil), frame.Payload...)}:
			return nil
		default:
			return errors.New("the guest sent more frames than were asked for")
		}
	}
}

// takeArchive writes without the lock: an upload may block for long, and pings must go on beside it.
func (s *Session) takeArchive(chunk []byte) error {
	s.mu.Lock()
	archive := s.archive
	s.packed -= int64(len(chunk))
	tooMuch := s.packed < 0
	s.mu.Unlock()
	switch {
	case archive == nil:
		return nil
	case tooMuch:
		return errors.New("the guest sent more of an archive than it may hold")
	}
	if _, err := archive.Write(chunk); err != nil {
		return fmt.Errorf("keep the archive: %w", err)
	}
	return nil
}

func (s *Session) takeOutput(payload []byte) error {
	if len(payload) == 0 {
		return errors.New("the guest sent output of no stream")
	}
	chunk := payload[1:]
	chunk = chunk[:min(int64(len(chunk)), s.left)]
	s.left -= int64(len(chunk))
	if s.output != nil && len(chunk) > 0 {
		s.output(guest.Stream(payload[0]), chunk)
	}
	return nil
}

// expect waits for the next reply, which must be one of the kinds.
func (s *Session) expect(ctx context.Context, limit time.Duration, kinds ...guest.Kind) (*guest.Frame, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case frame, open := <-s.replies:
		if !open {
			return nil, s.lost()
		}
		return s.check(frame, kinds)
	case <-timer.C:
		return nil, fmt.Errorf("%w: no answer within %s", ErrGuestLost, limit)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *Session) check(frame guest.Frame, kinds []guest.Kind) (*guest.Frame, error) {
	if slices.Contains(kinds, frame.Kind) {
		return &frame, nil
	}
	if frame.Kind == guest.KindFault {
		var fault guest.Fault
		_ = frame.Decode(&fault)
		return nil, fmt.Errorf("%w: %s", ErrGuestLost, fault.Message)
	}
	return nil, fmt.Errorf("%w: it sent frame %q out of turn", ErrGuestLost, frame.Kind)
}

func (s *Session) lost() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Errorf("%w: %w", ErrGuestLost, s.err)
}

// keepPinging tells the guest that the runner lives and learns the guest's clock.
func (s *Session) keepPinging(ctx context.Context) {
	ticks := time.NewTicker(guest.PingInterval)
	defer ticks.Stop()
	for {
		s.mu.Lock()
		s.clock.ask(time.Now())
		s.mu.Unlock()
		if s.out.Write(guest.KindPing) != nil {
			return
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}
