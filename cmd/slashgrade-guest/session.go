//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// session is the guest's end of one job.
type session struct {
	frames *guest.Reader
	out    *guest.Writer
	heard  atomic.Int64 // when the last frame came or was obeyed, nanoseconds since start
	deaf   atomic.Bool  // a frame is being obeyed, and none is read
	start  time.Time
	pings  chan struct{}  // pings that have no answer yet, at most one
	folder string         // guest.Root
	tasks  sync.WaitGroup // what goes on beside the frames

	// Fields of the frame loop only.
	stage *stage         // who will be the entrypoint
	spare []byte         // see newReserve
	owner account        // whom /grade belongs to and who runs
	files *io.PipeWriter // to the unpacker, while files come
	job   *job           // once it was started
}

func newSession(in io.Reader, out io.Writer) *session {
	writer := guest.NewWriter(out)
	return &session{
		frames: guest.NewReader(in, guest.MaxToGuest), out: writer, start: time.Now(), pings: make(chan struct{}, 1),
		folder: guest.Root, stage: newStage(writer), spare: newReserve(),
	}
}

// run obeys frames until the runner's stream ends, which ends the guest and so, by the kernel, the job.
func (s *session) run() error {
	go s.watchSilence()
	go s.answerPings()
	s.stage.standBy()
	return s.listen()
}

func (s *session) listen() error {
	for {
		frame, err := s.frames.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read from the runner: %w", err)
		}
		if err := s.hear(frame); err != nil {
			_ = s.out.WriteJSON(guest.KindFault, guest.Fault{Message: err.Error()})
			return err
		}
	}
}

// hear obeys a frame. That may take long where the unpacker is slow to take a piece of the archive, and pings wait behind it: such a silence
// is the guest's own.
func (s *session) hear(frame *guest.Frame) error {
	s.deaf.Store(true)
	err := s.obey(frame)
	s.heard.Store(int64(time.Since(s.start)))
	s.deaf.Store(false)
	return err
}

// watchSilence ends the guest when its runner is gone and the engine did not close the stream.
func (s *session) watchSilence() {
	for range time.Tick(guest.PingInterval) {
		if s.isAlone(guest.PingTimeout) {
			exit(guest.ExitAlone)
		}
	}
}

// isAlone says whether the runner has been silent for longer than the limit while the guest listened.
func (s *session) isAlone(limit time.Duration) bool {
	return !s.deaf.Load() && time.Since(s.start)-time.Duration(s.heard.Load()) > limit
}

// answerPings writes beside the frame loop, which must never wait for a runner that does not read, as one that uploads an archive may
// do for long: it has to notice Kill and the end of the stream.
func (s *session) answerPings() {
	for range s.pings {
		_ = s.out.WriteJSON(guest.KindPong, guest.Pong{UnixNano: time.Now().UnixNano(), Memory: memoryInUse()})
	}
}

func (s *session) obey(frame *guest.Frame) error {
	switch frame.Kind {
	case guest.KindPing:
		select {
		case s.pings <- struct{}{}:
		default: // the answer to the last one is still being written
		}
		return nil
	case guest.KindWarm:
		return s.warm(frame)
	case guest.KindPrepare:
		return s.prepare(frame)
	case guest.KindFiles:
		return s.take(frame.Payload)
	case guest.KindFilesEnd:
		return s.endFiles()
	case guest.KindStart:
		return s.startJob(frame)
	case guest.KindKill:
		if s.job != nil {
			s.job.kill(byRunner)
		}
		return nil
	case guest.KindCollect:
		return s.collect(frame)
	default:
		return fmt.Errorf("unknown frame %q", frame.Kind)
	}
}

// warm starts the image's warm-up. Whatever is wrong with it is told and harms no job.
func (s *session) warm(frame *guest.Frame) error {
	var order guest.Warm
	if err := frame.Decode(&order); err != nil {
		return err
	}
	if s.files != nil {
		return errors.New("a warm-up after the archive")
	}
	owner, err := lookupAccount("/etc/passwd", "/etc/group", order.User)
	if err != nil {
		return s.out.WriteJSON(guest.KindWarmed, guest.Warmed{Reason: err.Error()})
	}
	s.stage.warm(&order, owner)
	return nil
}

func (s *session) prepare(frame *guest.Frame) error {
	var order guest.Prepare
	if err := frame.Decode(&order); err != nil {
		return err
	}
	if s.files != nil {
		return errors.New("a second archive")
	}
	reader, writer := io.Pipe()
	s.files = writer
	owner, err := lookupAccount("/etc/passwd", "/etc/group", order.User)
	if err != nil {
		return s.refuse(reader, err)
	}
	s.owner = owner
	s.tasks.Go(func() { s.unpack(reader, &order) })
	return nil
}

// refuse tells the runner why, and throws away what it still sends of the archive: it may be in the middle of a write.
func (s *session) refuse(archive *io.PipeReader, why error) error {
	_ = archive.CloseWithError(errRefused)
	return s.out.WriteJSON(guest.KindRefused, guest.Refused{Reason: why.Error()})
}

// unpack runs beside the frame loop, so that pings are answered while a large archive comes.
func (s *session) unpack(archive *io.PipeReader, order *guest.Prepare) {
	defer func() { _ = archive.CloseWithError(errRefused) }() // what still comes is thrown away, and holds nobody up
	filled, err := unpackArchive(archive, s.folder, order, s.owner, s.stage.admit(order))
	if err != nil {
		_ = s.refuse(archive, err)
		return
	}
	_ = s.out.WriteJSON(guest.KindReady, filled)
}

// errRefused is what writes to a refused archive return; the frame loop goes on.
var errRefused = errors.New("the archive was refused")

func (s *session) take(chunk []byte) error {
	if s.files == nil {
		return errors.New("files before Prepare")
	}
	if _, err := s.files.Write(chunk); err != nil && !errors.Is(err, errRefused) {
		return err
	}
	return nil
}

func (s *session) endFiles() error {
	if s.files == nil {
		return errors.New("the end of files before Prepare")
	}
	return s.files.Close()
}

func (s *session) startJob(frame *guest.Frame) error {
	var order guest.Start
	if err := frame.Decode(&order); err != nil {
		return err
	}
	if s.job != nil {
		return errors.New("a second Start")
	}
	s.job = &job{order: &order, owner: s.owner, out: s.out, stage: s.stage, spare: s.spare}
	s.tasks.Go(s.job.run)
	return nil
}

func (s *session) collect(frame *guest.Frame) error {
	var order guest.Collect
	if err := frame.Decode(&order); err != nil {
		return err
	}
	s.tasks.Go(func() {
		end := packArchive(s.out.Chunks(guest.KindArchive), s.folder, order.MaxBytes)
		_ = s.out.WriteJSON(guest.KindArchiveEnd, end)
	})
	return nil
}
