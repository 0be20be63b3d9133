//go:build linux

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// TestSlowFrame is about a runner whose pings wait behind a piece of an archive that the unpacker is slow to take: it is not gone.
func TestSlowFrame(t *testing.T) {
	s := newSession(bytes.NewReader(nil), io.Discard)
	archive, files := io.Pipe()
	s.files = files
	obeyed := make(chan error)
	go func() { obeyed <- s.hear(&guest.Frame{Kind: guest.KindFiles, Payload: []byte("piece")}) }()
	piece := make([]byte, 1)
	if _, err := archive.Read(piece); err != nil { // the frame is being obeyed
		t.Fatal(err)
	}
	const none = -time.Second // a limit that every silence exceeds
	if s.isAlone(none) {
		t.Error("a guest that does not listen believes that its runner is silent")
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-obeyed; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the unpacker is gone, and the frame was answered with %v", err)
	}
	if !s.isAlone(none) || s.isAlone(time.Hour) {
		t.Errorf("silent for longer than nothing: %t, than an hour: %t", s.isAlone(none), s.isAlone(time.Hour))
	}
}

// stream is what a runner sends.
func stream(tb testing.TB, frames ...func(*guest.Writer) error) []byte {
	tb.Helper()
	var sent bytes.Buffer
	out := guest.NewWriter(&sent)
	for _, frame := range frames {
		if err := frame(out); err != nil {
			tb.Fatal(err)
		}
	}
	return sent.Bytes()
}

func order(kind guest.Kind, order any) func(*guest.Writer) error {
	return func(w *guest.Writer) error { return w.WriteJSON(kind, order) }
}

func raw(kind guest.Kind, payload []byte) func(*guest.Writer) error {
	return func(w *guest.Writer) error { return w.Write(kind, payload) }
}

// replies are the guest's frames by their kinds.
type replies map[guest.Kind]int

// listenTo has a session obey a stream to its end and returns what it answers. No process is started: there is no second stage here.
func listenTo(t *testing.T, stream []byte) replies {
	t.Helper()
	if _, err := os.Stat(guest.Program); err == nil {
		t.Fatalf("%s is there, and this test would start it", guest.Program)
	}
	read, write := io.Pipe()
	s := newSession(bytes.NewReader(stream), write)
	s.folder = t.TempDir()
	pongs := make(chan struct{})
	go func() {
		defer close(pongs)
		s.answerPings()
	}()
	go func() {
		_ = s.listen() // whatever is wrong with the stream: it ends
		if s.files != nil {
			_ = s.files.CloseWithError(io.ErrUnexpectedEOF) // the end of the guest
		}
		s.tasks.Wait()
		close(s.pings)
		<-pongs
		_ = write.Close()
	}()
	got := replies{}
	for frames := guest.NewReader(read, guest.MaxToHost); ; {
		frame, err := frames.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatalf("what the guest says is no frame: %v", err)
		}
		got[frame.Kind]++
	}
}

// FuzzListen obeys whatever comes in a runner's place: the guest ends with the stream, and nothing is answered that was not asked.
func FuzzListen(f *testing.F) {
	prepare, start := order(guest.KindPrepare, limits()), order(guest.KindStart, guest.Start{Argv: []string{"true"}, MaxOutput: 1})
	archive := pack(f, entry{name: "a/b", content: "x"})
	f.Add(stream(f, raw(guest.KindPing, nil), prepare, raw(guest.KindFiles, archive), raw(guest.KindFilesEnd, nil), start, raw(guest.KindKill, nil),
		order(guest.KindCollect, guest.Collect{MaxBytes: 1000})))
	f.Add(stream(f, order(guest.KindWarm, guest.Warm{Argv: []string{"true"}, User: "0:0"}), prepare, raw(guest.KindFiles, archive[:20])))
	f.Add(stream(f, order(guest.KindPrepare, guest.Prepare{User: "nobody:none"}), raw(guest.KindFiles, archive), raw(guest.KindFilesEnd, nil)))
	f.Add(stream(f, start, start))
	f.Add(stream(f, raw(guest.KindFiles, nil)))
	f.Add([]byte("P\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		got := listenTo(t, stream)
		asked := replies{}
		for frames := guest.NewReader(bytes.NewReader(stream), guest.MaxToGuest); ; {
			frame, err := frames.Next()
			if err != nil {
				break
			}
			asked[frame.Kind]++
		}
		for _, reply := range []struct{ count, most int }{
			{got[guest.KindPong], asked[guest.KindPing]},
			{got[guest.KindReady] + got[guest.KindRefused], min(asked[guest.KindPrepare], 1)},
			{got[guest.KindWarmed], asked[guest.KindWarm]},
			{got[guest.KindNotStarted], min(asked[guest.KindStart], 1)},
			{got[guest.KindArchiveEnd], asked[guest.KindCollect]},
			{got[guest.KindStarted] + got[guest.KindEnded] + got[guest.KindOutput] + got[guest.KindResults] + got[guest.KindResultsEnd], 0},
			{got[guest.KindFault], 1},
		} {
			if reply.count > reply.most {
				t.Fatalf("the guest answered %v to %v", got, asked)
			}
		}
	})
}
