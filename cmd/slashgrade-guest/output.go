//go:build linux

package main

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// output reads both streams of the job to their ends and sends what fits: a job that floods must not be slowed by its reader, nor the
// runner by the flood.
type output struct {
	out     *guest.Writer
	left    atomic.Int64 // bytes that may still be sent
	total   atomic.Int64 // bytes read
	readers sync.WaitGroup
	pipes   [2]*os.File
	alone   atomic.Bool // no process is left that could write

	// tail is the end of stderr, written by its reader only and read after the readers have ended.
	tailMu sync.Mutex
	tail   []byte
}

// outputTimeout is how long the streams may stay open once no process is left that could hold them.
const outputTimeout = guest.KillTimeout

func newOutput(out *guest.Writer) *output {
	return &output{out: out}
}

// open returns the ends for the job's stdout and stderr, which the caller closes after the fork. What is written before begin waits in
// the pipes.
func (o *output) open() ([2]*os.File, error) {
	var writers [2]*os.File
	for i := range o.pipes {
		reader, writer, err := os.Pipe()
		if err != nil {
			return writers, err
		}
		o.pipes[i], writers[i] = reader, writer
	}
	return writers, nil
}

// begin starts reading; limit is how many bytes are sent.
func (o *output) begin(limit int64) {
	o.left.Store(limit)
	for i, stream := range []guest.Stream{guest.Stdout, guest.Stderr} {
		o.readers.Go(func() { o.read(stream, o.pipes[i]) })
	}
}

// discard drops what was written without being read.
func (o *output) discard() {
	for _, pipe := range o.pipes {
		_ = pipe.Close() // a nil one says so
	}
}

func (o *output) read(stream guest.Stream, pipe *os.File) {
	buffer := make([]byte, guest.MaxChunk)
	for {
		n, err := pipe.Read(buffer)
		o.total.Add(int64(n))
		if stream == guest.Stderr {
			o.keepTail(buffer[:n])
		}
		o.send(stream, buffer[:n])
		if o.alone.Load() { // what is left is at most a pipe full, however slowly the runner takes it
			_ = pipe.SetReadDeadline(time.Now().Add(outputTimeout))
		}
		if err != nil {
			return
		}
	}
}

func (o *output) send(stream guest.Stream, chunk []byte) {
	left := o.left.Add(-int64(len(chunk))) + int64(len(chunk))
	if left <= 0 || len(chunk) == 0 {
		return
	}
	chunk = chunk[:min(int64(len(chunk)), left)]
	_ = o.out.Write(guest.KindOutput, []byte{byte(stream)}, chunk)
}

func (o *output) keepTail(chunk []byte) {
	o.tailMu.Lock()
	defer o.tailMu.Unlock()
	o.tail = append(o.tail, chunk...)
	if extra := len(o.tail) - guest.MaxStderrTail; extra > 0 {
		o.tail = append(o.tail[:0], o.tail[extra:]...)
	}
}

// finish says that no process is left that could write.
func (o *output) finish() {
	o.alone.Store(true)
}

// wait ends when both streams have ended, which they do when no process is left, and returns how much was written and the end of
// stderr.
func (o *output) wait() (total int64, tail string) {
	for _, pipe := range o.pipes {
		_ = pipe.SetReadDeadline(time.Now().Add(outputTimeout))
	}
	o.readers.Wait()
	o.discard()
	o.tailMu.Lock()
	defer o.tailMu.Unlock()
	return o.total.Load(), string(o.tail)
}

// sendResults sends results.json and what became of it.
func sendResults(out *guest.Writer, folder string, limit int64) {
	file, end := openResults(folder, limit)
	if file != nil {
		defer func() { _ = file.Close() }()
		sent, err := io.Copy(out.Chunks(guest.KindResults), io.LimitReader(file, limit+1))
		switch {
		case err != nil:
			end = guest.ResultsEnd{State: guest.ResultsUnreadable, Reason: "results.json cannot be read: " + plain(err)}
		case sent > limit:
			end = guest.ResultsEnd{State: guest.ResultsTooLarge, Size: sent}
		}
	}
	_ = out.WriteJSON(guest.KindResultsEnd, end)
}
