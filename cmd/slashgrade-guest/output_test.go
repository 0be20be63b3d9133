//go:build linux

package main

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// sent is what was sent of each stream.
func sent(t *testing.T, stream io.Reader) map[guest.Stream]string {
	t.Helper()
	got := map[guest.Stream]string{}
	for frames := guest.NewReader(stream, guest.MaxToHost); ; {
		frame, err := frames.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		if frame.Kind != guest.KindOutput {
			t.Fatalf("frame %q", frame.Kind)
		}
		got[guest.Stream(frame.Payload[0])] += string(frame.Payload[1:])
	}
}

func TestOutputCap(t *testing.T) {
	for name, c := range map[string]struct {
		limit    int64
		out, err int // bytes that are written
		sent     int
		tail     int
	}{
		"nothing":         {limit: 10},
		"below":           {limit: 1000, out: 300, err: 300, sent: 600, tail: 300},
		"exactly":         {limit: 600, out: 300, err: 300, sent: 600, tail: 300},
		"one over":        {limit: 599, out: 300, err: 300, sent: 599, tail: 300},
		"flood":           {limit: 1000, out: 5_000_000, err: 5_000_000, sent: 1000, tail: guest.MaxStderrTail},
		"none is wanted":  {limit: 0, out: 100_000, err: 10, sent: 0, tail: 10},
		"over one chunk":  {limit: 1 << 20, out: 100_000, sent: 100_000},
		"stderr only, 4k": {limit: 10, err: guest.MaxStderrTail + 1, sent: 10, tail: guest.MaxStderrTail},
	} {
		t.Run(name, func(t *testing.T) {
			var stream bytes.Buffer
			o := newOutput(guest.NewWriter(&stream))
			writers, err := o.open()
			if err != nil {
				t.Fatal(err)
			}
			o.begin(c.limit)
			var writing sync.WaitGroup
			for i, size := range []int{c.out, c.err} {
				writing.Go(func() {
					if _, err := io.WriteString(writers[i], strings.Repeat("x", size)); err != nil {
						t.Error(err)
					}
					_ = writers[i].Close()
				})
			}
			writing.Wait()
			o.finish()
			total, tail := o.wait()
			if total != int64(c.out+c.err) || len(tail) != c.tail {
				t.Errorf("counted %d bytes and kept %d of stderr, want %d and %d", total, len(tail), c.out+c.err, c.tail)
			}
			got := sent(t, &stream)
			if size := len(got[guest.Stdout]) + len(got[guest.Stderr]); size != c.sent {
				t.Errorf("%d bytes were sent, want %d", size, c.sent)
			}
		})
	}
}

// slowWriter is a runner that takes nothing for a while.
type slowWriter struct {
	bytes.Buffer
	resume <-chan time.Time
	once   sync.Once
}

func (s *slowWriter) Write(p []byte) (int, error) {
	s.once.Do(func() { <-s.resume })
	return s.Buffer.Write(p)
}

// TestOutputOfSlowRunner loses nothing although the runner takes longer than the streams may stay open.
func TestOutputOfSlowRunner(t *testing.T) {
	slow := &slowWriter{resume: time.After(outputTimeout + 300*time.Millisecond)}
	o := newOutput(guest.NewWriter(slow))
	writers, err := o.open()
	if err != nil {
		t.Fatal(err)
	}
	o.begin(1 << 20)
	text := strings.Repeat("x", guest.MaxChunk+1000) // more than one read
	if _, err := io.WriteString(writers[0], text); err != nil {
		t.Fatal(err)
	}
	_, _ = writers[0].Close(), writers[1].Close()
	o.finish()
	if total, _ := o.wait(); total != int64(len(text)) {
		t.Errorf("counted %d bytes, want %d", total, len(text))
	}
	if got := sent(t, &slow.Buffer)[guest.Stdout]; got != text {
		t.Errorf("%d bytes were sent, want %d", len(got), len(text))
	}
}

// TestOutputHeldOpen does not wait for ever for a stream that somebody holds.
func TestOutputHeldOpen(t *testing.T) {
	var stream bytes.Buffer
	o := newOutput(guest.NewWriter(&stream))
	writers, err := o.open()
	if err != nil {
		t.Fatal(err)
	}
	o.begin(100)
	defer func() { _, _ = writers[0].Close(), writers[1].Close() }()
	if _, err := io.WriteString(writers[1], "last words"); err != nil {
		t.Fatal(err)
	}
	if total, tail := o.wait(); total != 10 || tail != "last words" {
		t.Errorf("got %d bytes and %q", total, tail)
	}
}
