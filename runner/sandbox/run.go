package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// MaxResults is the most that results.json may hold: PrairieLearn's limit of 1 MiB. A file of exactly that size is taken.
const MaxResults = 1 << 20

// resultsTimeout bounds the reading of results.json, of which nothing but 1 MiB of memory can be slow.
const resultsTimeout = 30 * time.Second

// Command is what Run runs.
type Command struct {
	Argv      []string
	Env       []string // KEY=value
	Timeout   time.Duration
	MaxOutput int64 // bytes of output that are passed on
}

// Ending is how a job ended. Exactly one of Ended, NotStarted and Lost is set.
type Ending struct {
	Ended      *guest.Ended
	NotStarted string // why the entrypoint could not be started, in words that may be shown to a student
	// Lost says that the container was gone without an end of its own while the engine lived: a job that ended the guest, or
	// memory exhaustion that did. State is then the engine's word.
	Lost  bool
	State *State
	// Overdue says that the guest did not end the job in time and the runner ended the container.
	Overdue bool
	// Warm says that the image's warm-up became the entrypoint.
	Warm bool

	// StartedAt and FinishedAt are on the host's clock; StartedAt is when "go" was sent if the entrypoint did not start.
	StartedAt, FinishedAt time.Time

	// Results and what became of them, where the entrypoint ended with status 0.
	Results    []byte
	ResultsEnd *guest.ResultsEnd
}

// Run runs the command and returns how it ended. The output function is called with pieces of both streams in order, from another
// goroutine but not after Run has returned. An error means that the job did not get a fair run: the context ended (with its cause),
// the guest was lost before it was told to go, or the engine did not answer.
func (s *Session) Run(ctx context.Context, command *Command, output func(guest.Stream, []byte)) (*Ending, error) {
	defer s.finish()
	s.listenTo(output, command.MaxOutput)
	defer s.listenTo(nil, 0)
	order := guest.Start{
		Argv: command.Argv, Env: command.Env, Dir: s.spec.Image.Dir, Capabilities: s.spec.Profile.CapabilityNumbers(),
		Timeout: command.Timeout, MaxOutput: command.MaxOutput, MaxResults: MaxResults, MaxDisk: s.spec.Profile.DiskBytes,
		Warm: s.mayUseWarmup(),
	}
	ending := &Ending{StartedAt: time.Now()}
	if command.size() > maxStart {
		ending.NotStarted, ending.FinishedAt = "its arguments and environment are too large together", ending.StartedAt
		return ending, nil
	}
	if err := s.send(ctx, guest.KindStart, order); err != nil {
		return nil, fmt.Errorf("tell the job to go: %w", err)
	}
	err := s.follow(ctx, ending, command.Timeout)
	if ending.FinishedAt.IsZero() {
		ending.FinishedAt = time.Now()
	}
	switch {
	case err == nil:
		return ending, nil
	case ctx.Err() != nil:
		return nil, err
	default:
		return s.mourn(ctx, ending, command.Timeout, err)
	}
}

// maxStart is what a job may bring of arguments and environment together: what Linux takes at most, as JSON half a frame.
const maxStart = guest.MaxToGuest / 2

// size is how many bytes of arguments and environment there are, as they would stand in a frame at most.
func (c *Command) size() int {
	size := 0
	for _, text := range slices.Concat(c.Argv, c.Env) {
		encoded, _ := json.Marshal(text) // a string is always JSON
		size += len(encoded) + 1
	}
	return size
}

func (s *Session) listenTo(output func(guest.Stream, []byte), limit int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.output, s.left = output, limit
}

// follow takes the guest's frames from "go" to the end.
func (s *Session) follow(ctx context.Context, ending *Ending, timeout time.Duration) error {
	sent := ending.StartedAt
	frame, err := s.expect(ctx, startTimeout, guest.KindStarted, guest.KindNotStarted)
	if err != nil {
		return err
	}
	if frame.Kind == guest.KindNotStarted {
		var not guest.NotStarted
		err := frame.Decode(&not)
		ending.NotStarted = not.Reason
		return err
	}
	var started guest.Started
	if err := frame.Decode(&started); err != nil {
		return err
	}
	ending.StartedAt, ending.Warm = s.startTime(started.UnixNano, sent), started.Warm
	frame, err = s.expect(ctx, timeout+endGrace, guest.KindEnded)
	if err != nil {
		return err
	}
	var ended guest.Ended
	if err := frame.Decode(&ended); err != nil {
		return err
	}
	if ended.Status < 0 || ended.Status > 255 || ended.Signal < 0 || ended.Signal > 64 {
		return fmt.Errorf("the guest told of an impossible exit status %d, signal %d", ended.Status, ended.Signal)
	}
	ending.Ended = &ended
	took := time.Duration(ended.UnixNano - started.UnixNano)
	ending.StartedAt, ending.FinishedAt = runSpan(sent, ending.StartedAt, took, time.Now())
	if ended.Status != 0 || ended.Survivors || ended.TimedOut || ended.Cancelled || ended.DiskFull {
		return nil
	}
	return s.takeResults(ctx, ending)
}

func (s *Session) startTime(guestNanos int64, sent time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.clock.host(guestNanos, sent, time.Now())
}

// runSpan keeps the time that the guest measured, which its clock's offset must not stretch, between "go" and now: a start that the offset
// puts too late to leave room for it, as slow pings make it, is put earlier.
func runSpan(sent, started time.Time, took time.Duration, now time.Time) (start, finish time.Time) {
	sent, now = sent.Round(0), now.Round(0)
	took = max(took, 0)
	if now.Sub(started) < took {
		started = now.Add(-took)
	}
	if started.Before(sent) {
		started = sent
	}
	return started, started.Add(min(took, max(now.Sub(started), 0)))
}

func (s *Session) takeResults(ctx context.Context, ending *Ending) error {
	frame, err := s.expect(ctx, resultsTimeout, guest.KindResultsEnd)
	if err != nil {
		return err
	}
	var end guest.ResultsEnd
	if err := frame.Decode(&end); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ending.ResultsEnd = &end
	if end.State != guest.ResultsRead {
		return nil
	}
	if int64(len(s.results)) != end.Size || end.Size > MaxResults {
		return fmt.Errorf("the guest sent %d bytes of results and told of %d", len(s.results), end.Size)
	}
	ending.Results = s.results
	return nil
}

// mourn decides what a guest means that was lost after "go": while the engine answers, it is the job's own outcome, or a student
// could make a job that every host tries again. Only a guest that ended because it missed its runner, which no job can make it do,
// is a failure of ours.
func (s *Session) mourn(ctx context.Context, ending *Ending, timeout time.Duration, lost error) (*Ending, error) {
	state, err := s.lastState(ctx)
	if err != nil {
		return nil, fmt.Errorf("the guest was lost and the engine does not answer: %w: %w", lost, err)
	}
	if !state.Running && state.ExitStatus == guest.ExitAlone {
		return nil, fmt.Errorf("the stream to the guest broke while the job ran: %w", lost)
	}
	ending.Ended, ending.ResultsEnd, ending.Lost, ending.State = nil, nil, true, state
	ending.Overdue = state.Running && time.Since(ending.StartedAt) > timeout
	return ending, nil
}

// lastState asks for the container's state until it has ended: its stream ends a little before the engine has noticed.
func (s *Session) lastState(ctx context.Context) (*State, error) {
	const tries, pause = 20, 50 * time.Millisecond
	for try := 1; ; try++ {
		state, err := s.container.State(ctx)
		if err != nil || !state.Running || try == tries || !s.silent() {
			return state, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// silent says whether the guest's stream has ended.
func (s *Session) silent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err != nil
}

// Archive writes /grade as the job left it to w as a gzip'd tar of at most limit bytes of files, and returns what was left out. When
// the context ends, one write may still be going on until Close.
func (s *Session) Archive(ctx context.Context, w io.Writer, limit int64) ([]string, error) {
	s.archiveTo(w, 2*limit+maxHeaders)
	defer s.archiveTo(nil, 0)
	if err := s.send(ctx, guest.KindCollect, guest.Collect{MaxBytes: limit}); err != nil {
		return nil, fmt.Errorf("ask for the archive: %w", err)
	}
	frame, err := s.expect(ctx, unpackTimeout, guest.KindArchiveEnd)
	if err != nil {
		return nil, fmt.Errorf("take the archive: %w", err)
	}
	var end guest.ArchiveEnd
	if err := frame.Decode(&end); err != nil {
		return nil, err
	}
	if end.Error != "" {
		return end.Skipped, errors.New("pack /grade: " + end.Error)
	}
	return end.Skipped, nil
}

// maxHeaders is what an archive may hold beside its files' contents, together with as much again as these: names, compressed.
const maxHeaders = 64 << 20

func (s *Session) archiveTo(w io.Writer, limit int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.archive, s.packed = w, limit
}
