package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

const (
	// unpackTimeout bounds the time from the first byte of an archive to a filled /grade. The slowest that was seen took 30 s for 500 MB.
	unpackTimeout = 5 * time.Minute
	// unpackWork bounds the guest's part of that, for which the archive is to blame and not the store that it comes from. Else an archive
	// that is slow to unpack would be tried for ever.
	unpackWork = 4 * time.Minute
)

// Unpack streams a gzip'd tar into /grade, which then belongs to the job's user, and makes executable, a path below /grade, so. The
// error is a *RefusedError if the archive is at fault, a *SourceError if its reader is; every other one is ours. When the context ends,
// a read of the archive may still be going on until its owner closes it.
func (s *Session) Unpack(ctx context.Context, archive io.Reader, executable string) (*guest.Ready, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, unpackTimeout, errors.New("the archive took too long to unpack"))
	defer cancel()
	order := guest.Prepare{
		User: s.User(), Executable: executable, Warm: s.mayUseWarmup(),
		MaxBytes: s.spec.Profile.GradeBytes, MaxEntries: int(s.spec.Profile.GradeInodes),
		MaxTime: unpackWork,
	}
	if err := s.send(ctx, guest.KindPrepare, order); err != nil {
		return nil, fmt.Errorf("announce the archive: %w", err)
	}
	refused, err := s.sendFilesIn(ctx, archive)
	if err != nil {
		return nil, err
	}
	if refused != nil {
		return nil, refused
	}
	frame, err := s.expect(ctx, unpackTimeout, guest.KindReady, guest.KindRefused)
	if err != nil {
		return nil, fmt.Errorf("unpack the archive: %w", err)
	}
	return readiness(frame)
}

// User is who the job runs as, as a profile or an image names it: the profile's user, else the image's; "" is root.
func (s *Session) User() string {
	if s.spec.Profile.User != "" {
		return s.spec.Profile.User
	}
	return s.spec.Image.User
}

// sendFilesIn sends the archive and gives up when the context ends: neither the archive's reader nor the container's stream knows of it.
func (s *Session) sendFilesIn(ctx context.Context, archive io.Reader) (*RefusedError, error) {
	type outcome struct {
		refused *RefusedError
		err     error
	}
	sent := make(chan outcome, 1)
	go func() {
		refused, err := s.sendFiles(archive)
		sent <- outcome{refused, err}
	}()
	select {
	case end := <-sent:
		return end.refused, end.err
	case <-ctx.Done():
		_ = s.container.Close()
		return nil, context.Cause(ctx)
	}
}

// sendFiles sends the archive. It stops early when the guest refuses it in the middle.
func (s *Session) sendFiles(archive io.Reader) (*RefusedError, error) {
	chunk := make([]byte, guest.MaxChunk)
	for {
		n, readErr := archive.Read(chunk)
		if err := s.sendChunk(chunk[:n]); err != nil {
			return nil, err
		}
		if errors.Is(readErr, io.EOF) {
			break
		}
		if readErr != nil {
			return nil, &SourceError{Err: readErr}
		}
		if refusal, err := s.refusedEarly(); refusal != nil || err != nil {
			return refusal, err
		}
	}
	if err := s.out.Write(guest.KindFilesEnd); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGuestLost, err)
	}
	return nil, nil
}

func (s *Session) sendChunk(chunk []byte) error {
	if len(chunk) == 0 {
		return nil
	}
	if err := s.out.Write(guest.KindFiles, chunk); err != nil {
		return fmt.Errorf("%w: %w", ErrGuestLost, err)
	}
	return nil
}

// refusedEarly looks whether the guest has refused what it has got so far.
func (s *Session) refusedEarly() (*RefusedError, error) {
	select {
	case frame, open := <-s.replies:
		if !open {
			return nil, s.lost()
		}
		checked, err := s.check(frame, []guest.Kind{guest.KindRefused})
		if err != nil {
			return nil, err
		}
		return refusal(checked)
	default:
		return nil, nil
	}
}

func readiness(frame *guest.Frame) (*guest.Ready, error) {
	if frame.Kind == guest.KindRefused {
		refused, err := refusal(frame)
		if err != nil {
			return nil, err
		}
		return nil, refused
	}
	var ready guest.Ready
	if err := frame.Decode(&ready); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGuestLost, err)
	}
	return &ready, nil
}

func refusal(frame *guest.Frame) (*RefusedError, error) {
	var refused guest.Refused
	if err := frame.Decode(&refused); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGuestLost, err)
	}
	return &RefusedError{Reason: refused.Reason}, nil
}
