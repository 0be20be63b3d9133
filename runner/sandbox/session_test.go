package sandbox_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// hostileEngine starts containers in which a job has taken the guest's place: what the real one never says.
type hostileEngine struct {
	script func(in *guest.Reader, out io.Writer) error
	state  sandbox.State
	down   error
}

func (e *hostileEngine) Image(context.Context, string) (*sandbox.Image, error) {
	return &sandbox.Image{Name: "hostile"}, nil
}

func (e *hostileEngine) Start(context.Context, *sandbox.Spec) (sandbox.Container, error) {
	ours, theirs := net.Pipe()
	go func() {
		// A script ends when its stream does.
		_ = e.script(guest.NewReader(theirs, guest.MaxToGuest), theirs)
		_ = theirs.Close()
	}()
	return &hostileContainer{Conn: ours, engine: e}, nil
}

func (e *hostileEngine) Sweep(context.Context, string) (int, error) { return 0, nil }

type hostileContainer struct {
	net.Conn
	engine *hostileEngine
}

func (*hostileContainer) ID() string { return "hostile" }

func (c *hostileContainer) State(context.Context) (*sandbox.State, error) {
	return &c.engine.state, c.engine.down
}

func (c *hostileContainer) Remove(context.Context) error { return c.Close() }

// say sends frames, of which each is a kind and its payload.
func say(out io.Writer, frames ...string) error {
	for _, frame := range frames {
		header := binary.BigEndian.AppendUint32([]byte(frame[:1]), uint32(len(frame)-1))
		if _, err := out.Write(append(header, frame[1:]...)); err != nil {
			return err
		}
	}
	return nil
}

const (
	helloFrame   = `h{"version":"x"}`
	startedFrame = `S{"unix_nano":0}`
	endedFrame   = `e{"unix_nano":0}`
)

// afterStart says hello, waits for the order to start, says the frames and listens on.
func afterStart(frames ...string) func(*guest.Reader, io.Writer) error {
	return func(in *guest.Reader, out io.Writer) error {
		if err := say(out, helloFrame); err != nil {
			return err
		}
		for {
			frame, err := in.Next()
			if err != nil {
				return err
			}
			if frame.Kind == guest.KindStart {
				go func() { _ = say(out, frames...) }()
			}
		}
	}
}

func openHostile(tb testing.TB, engine *hostileEngine) *sandbox.Session {
	tb.Helper()
	profile := sandbox.Profiles()[sandbox.PrairieLearn]
	session, err := sandbox.Open(tb.Context(), engine, &sandbox.Spec{Image: &sandbox.Image{}, Profile: profile})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := session.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return session
}

// TestHostileGuest is a job that speaks with the runner in the guest's place. None of it is a grade, and none of it is a failure of
// ours, which would be tried again.
func TestHostileGuest(t *testing.T) {
	chunk := strings.Repeat("x", guest.MaxChunk)
	flood := func(frame string, count int) []string {
		frames := []string{startedFrame}
		for range count {
			frames = append(frames, frame)
		}
		return frames
	}
	cases := map[string][]string{
		"fault":                     {`!{"message":"I give up"}`},
		"end before the start":      {endedFrame},
		"no JSON":                   {`S{`},
		"two starts":                {startedFrame, startedFrame},
		"status 256":                {startedFrame, `e{"status":256}`},
		"status -1":                 {startedFrame, `e{"status":-1}`},
		"signal 65":                 {startedFrame, `e{"signal":65}`},
		"status of another type":    {startedFrame, `e{"status":"0"}`},
		"results out of turn":       {startedFrame, `D{"state":"read"}`},
		"more results than allowed": flood("d"+chunk, sandbox.MaxResults/guest.MaxChunk+2),
		"other results than told":   {startedFrame, "d{}", endedFrame, `D{"state":"read","size":3}`},
		"results that never came":   {startedFrame, endedFrame, `D{"state":"read","size":3}`},
		"flood of ends":             flood(endedFrame, 1000),
		"output of no stream":       {startedFrame, "o"},
		"unknown frame":             {startedFrame, "?what"},
		"frame over the limit":      {startedFrame, "o" + strings.Repeat("x", guest.MaxToHost+1)},
		"runner's own frames":       {startedFrame, "k", "p", "F"},
		"pong that is none":         {startedFrame, "q[]"},
	}
	for name, frames := range cases {
		t.Run(name, func(t *testing.T) {
			engine := &hostileEngine{script: afterStart(frames...), state: sandbox.State{Running: true}}
			session := openHostile(t, engine)
			ending, err := session.Run(t.Context(), &sandbox.Command{Timeout: time.Minute, MaxOutput: 10}, nil)
			if err != nil || !ending.Lost || ending.Ended != nil || ending.Results != nil || ending.ResultsEnd != nil {
				t.Errorf("got %+v, %v, want a lost container", ending, err)
			}
		})
	}
}

// TestLyingGuest tells of times and output that cannot be.
func TestLyingGuest(t *testing.T) {
	output := "o\x01" + strings.Repeat("x", 1000)
	for _, nanos := range []string{"-9223372036854775808", "9223372036854775807", "0"} {
		frames := []string{
			`S{"unix_nano":` + nanos + `}`, output, output, `e{"unix_nano":` + nanos + `}`, "d{}", `D{"state":"read","size":2}`,
		}
		session := openHostile(t, &hostileEngine{script: afterStart(frames...)})
		before := time.Now().Round(0)
		got := 0
		ending, err := session.Run(t.Context(), &sandbox.Command{Timeout: time.Minute, MaxOutput: 1500}, func(_ guest.Stream, piece []byte) {
			got += len(piece)
		})
		if err != nil || ending.Ended == nil || string(ending.Results) != "{}" {
			t.Fatalf("got %+v, %v", ending, err)
		}
		if ending.StartedAt.Before(before) || ending.FinishedAt.Before(ending.StartedAt) || ending.FinishedAt.After(time.Now()) {
			t.Errorf("with %s: started %s, finished %s", nanos, ending.StartedAt, ending.FinishedAt)
		}
		if got != 1500 {
			t.Errorf("%d bytes of output were passed on, the limit is 1500", got)
		}
	}
}

// TestSilentGuest gives no answer: the runner's own limit counts.
func TestSilentGuest(t *testing.T) {
	session := openHostile(t, &hostileEngine{script: afterStart()})
	late := errors.New("given up")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, late)
	defer cancel()
	if ending, err := session.Run(ctx, &sandbox.Command{Timeout: time.Minute}, nil); !errors.Is(err, late) || ending != nil {
		t.Errorf("got %+v, %v, want %v", ending, err, late)
	}
}

// TestDeafGuest reads nothing, so that every write waits for the context.
func TestDeafGuest(t *testing.T) {
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	engine := &hostileEngine{script: func(in *guest.Reader, out io.Writer) error {
		if err := say(out, helloFrame); err != nil {
			return err
		}
		_, err := in.Next() // the first ping is the last that it hears
		<-over
		return err
	}}
	late := errors.New("given up")
	calls := map[string]func(ctx context.Context, session *sandbox.Session) error{
		"unpack": func(ctx context.Context, session *sandbox.Session) error {
			_, err := session.Unpack(ctx, strings.NewReader("x"), "")
			return err
		},
		"run": func(ctx context.Context, session *sandbox.Session) error {
			_, err := session.Run(ctx, &sandbox.Command{}, nil)
			return err
		},
		"archive": func(ctx context.Context, session *sandbox.Session) error {
			_, err := session.Archive(ctx, io.Discard, 1)
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			session := openHostile(t, engine)
			ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, late)
			defer cancel()
			if err := call(ctx, session); !errors.Is(err, late) {
				t.Errorf("got %v, want %v", err, late)
			}
		})
	}
}

// TestLostGuest is what the engine's word makes of a guest that is gone.
func TestLostGuest(t *testing.T) {
	gone := func(in *guest.Reader, out io.Writer) error {
		if err := say(out, helloFrame); err != nil {
			return err
		}
		for {
			if frame, err := in.Next(); err != nil || frame.Kind == guest.KindStart {
				return err
			}
		}
	}
	down := errors.New("the engine is down")
	cases := map[string]struct {
		state sandbox.State
		down  error
		ours  bool
	}{
		"killed":             {state: sandbox.State{ExitStatus: 137}},
		"crashed":            {state: sandbox.State{ExitStatus: 2}},
		"out of memory":      {state: sandbox.State{ExitStatus: 137, OutOfMemory: true}},
		"missed its runner":  {state: sandbox.State{ExitStatus: guest.ExitAlone}, ours: true},
		"engine is down too": {down: down, ours: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			session := openHostile(t, &hostileEngine{script: gone, state: c.state, down: c.down})
			ending, err := session.Run(t.Context(), &sandbox.Command{Timeout: time.Minute}, nil)
			switch {
			case c.ours && (err == nil || ending != nil):
				t.Errorf("got %+v, want an error of ours", ending)
			case c.down != nil && !errors.Is(err, c.down):
				t.Errorf("got %v, want %v", err, c.down)
			case !c.ours && (err != nil || !ending.Lost || *ending.State != c.state):
				t.Errorf("got %+v, %v, want the job's own outcome", ending, err)
			}
		})
	}
}

func TestNoHello(t *testing.T) {
	for name, script := range map[string]func(*guest.Reader, io.Writer) error{
		"ends at once":  func(*guest.Reader, io.Writer) error { return nil },
		"another frame": func(_ *guest.Reader, out io.Writer) error { return say(out, startedFrame) },
		"noise": func(_ *guest.Reader, out io.Writer) error {
			_, err := io.Copy(out, strings.NewReader(strings.Repeat("exec format error\n", 100)))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			engine := &hostileEngine{script: script}
			_, err := sandbox.Open(t.Context(), engine, &sandbox.Spec{Image: &sandbox.Image{}, Profile: &sandbox.Profile{}})
			if !errors.Is(err, sandbox.ErrGuestLost) || !strings.Contains(err.Error(), "hostile") {
				t.Errorf("got %v, want a lost guest in the container", err)
			}
		})
	}
}

// TestEndlessArchive sends more than /grade can hold.
func TestEndlessArchive(t *testing.T) {
	chunk := "a" + strings.Repeat("x", guest.MaxChunk)
	engine := &hostileEngine{script: func(in *guest.Reader, out io.Writer) error {
		if err := say(out, helloFrame); err != nil {
			return err
		}
		for {
			if frame, err := in.Next(); err != nil {
				return err
			} else if frame.Kind == guest.KindCollect {
				break
			}
		}
		for {
			if err := say(out, chunk); err != nil {
				return err
			}
		}
	}}
	session := openHostile(t, engine)
	count := &counting{}
	_, err := session.Archive(t.Context(), count, 1000)
	if !errors.Is(err, sandbox.ErrGuestLost) || count.bytes > 65<<20 {
		t.Errorf("took %d bytes, %v, want it to stop", count.bytes, err)
	}
}

type counting struct{ bytes int }

func (c *counting) Write(p []byte) (int, error) {
	c.bytes += len(p)
	return len(p), nil
}

// FuzzSession lets a guest send anything after the start.
func FuzzSession(f *testing.F) {
	for _, frames := range [][]string{{startedFrame, endedFrame, `D{"state":"missing"}`}, {`n{"reason":"x"}`}, {"o\x01text", "qx"}, {"!{}"}} {
		var stream bytes.Buffer
		if err := say(&stream, frames...); err != nil {
			f.Fatal(err)
		}
		f.Add(stream.Bytes())
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		engine := &hostileEngine{state: sandbox.State{ExitStatus: 1}, script: func(in *guest.Reader, out io.Writer) error {
			if err := say(out, helloFrame); err != nil {
				return err
			}
			for {
				if frame, err := in.Next(); err != nil {
					return err
				} else if frame.Kind == guest.KindStart {
					break
				}
			}
			_, err := out.Write(stream)
			return err
		}}
		session := openHostile(t, engine)
		ending, err := session.Run(t.Context(), &sandbox.Command{Timeout: time.Minute, MaxOutput: 100}, func(guest.Stream, []byte) {})
		if err != nil {
			t.Fatal(err)
		}
		set := fmt.Sprint(ending.Ended != nil, ending.NotStarted != "", ending.Lost)
		if strings.Count(set, "true") > 1 || ending.FinishedAt.Before(ending.StartedAt) {
			t.Errorf("ended, not started, lost: %s in %+v", set, ending)
		}
	})
}
