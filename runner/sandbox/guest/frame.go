package guest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

// Kind says what a frame is.
type Kind byte

// The frames, in the order of a job's life.
const (
	KindHello      Kind = 'h' // guest: Hello, once, first
	KindPing       Kind = 'p' // runner: empty; at least every PingInterval
	KindPong       Kind = 'q' // guest: Pong
	KindWarm       Kind = 'w' // runner: Warm; at most once, before Prepare
	KindWarmed     Kind = 'W' // guest: Warmed; at any time after Warm, at most twice
	KindPrepare    Kind = 'P' // runner: Prepare
	KindFiles      Kind = 'f' // runner: bytes of job.tar.gz
	KindFilesEnd   Kind = 'F' // runner: empty; the archive is complete
	KindReady      Kind = 'r' // guest: Ready
	KindRefused    Kind = 'x' // guest: Refused
	KindStart      Kind = 's' // runner: Start
	KindStarted    Kind = 'S' // guest: Started
	KindNotStarted Kind = 'n' // guest: NotStarted
	KindOutput     Kind = 'o' // guest: one byte of Stream, then what the job wrote
	KindKill       Kind = 'k' // runner: empty; end the job now
	KindEnded      Kind = 'e' // guest: Ended
	KindResults    Kind = 'd' // guest: bytes of results.json
	KindResultsEnd Kind = 'D' // guest: ResultsEnd
	KindCollect    Kind = 'c' // runner: Collect
	KindArchive    Kind = 'a' // guest: bytes of archive.tar.gz
	KindArchiveEnd Kind = 'A' // guest: ArchiveEnd
	KindFault      Kind = '!' // guest: Fault; it cannot go on
)

// Limits of the protocol.
const (
	// MaxChunk is the most that a frame of raw bytes carries. 32 KiB keeps pings flowing between the chunks of a flood and is
	// half of a pipe's buffer.
	MaxChunk = 32 << 10
	// MaxToHost bounds a payload from the guest: a chunk and its stream byte, or JSON, of which Ended is the largest.
	MaxToHost = 64 << 10
	// MaxToGuest bounds a payload from the runner. Start is the largest: Linux takes 2 MiB of arguments and environment.
	MaxToGuest = 4 << 20
)

// Stream says which of the job's streams a KindOutput frame holds.
type Stream byte

// The two streams of a job.
const (
	Stdout Stream = 1
	Stderr Stream = 2
)

const headerSize = 5

// Frame is one frame as it was read. It is valid until the next read, as is its Payload.
type Frame struct {
	Kind    Kind
	Payload []byte
}

// Decode reads the payload as JSON into v, a pointer to the struct of the frame's name.
func (f *Frame) Decode(v any) error {
	if err := json.Unmarshal(f.Payload, v); err != nil {
		return fmt.Errorf("frame %q: %w", f.Kind, err)
	}
	return nil
}

// Reader reads frames. It is not safe for concurrent use.
type Reader struct {
	r      io.Reader
	limit  int
	header [headerSize]byte
	frame  Frame
	buffer []byte
}

// NewReader reads frames with payloads of at most limit bytes (MaxToHost or MaxToGuest) from r.
func NewReader(r io.Reader, limit int) *Reader {
	return &Reader{r: r, limit: limit}
}

// Next reads one frame. At the end of the stream between two frames it returns io.EOF; a frame that is cut is
// io.ErrUnexpectedEOF, and one over the limit is an error after which the stream cannot be read on.
func (r *Reader) Next() (*Frame, error) {
	if _, err := io.ReadFull(r.r, r.header[:]); err != nil {
		return nil, err
	}
	size := int64(binary.BigEndian.Uint32(r.header[1:]))
	if size > int64(r.limit) {
		return nil, fmt.Errorf("frame %q has %d bytes, the limit is %d", r.header[0], size, r.limit)
	}
	if int64(cap(r.buffer)) < size {
		r.buffer = make([]byte, size)
	}
	r.buffer = r.buffer[:size]
	if _, err := io.ReadFull(r.r, r.buffer); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	r.frame = Frame{Kind: Kind(r.header[0]), Payload: r.buffer}
	return &r.frame, nil
}

// Writer writes frames. It is safe for concurrent use; each frame is one write.
type Writer struct {
	mu     sync.Mutex
	w      io.Writer
	buffer []byte
}

// NewWriter writes frames to w.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: w}
}

// Write writes one frame of raw bytes, which are the parts one after the other.
func (w *Writer) Write(kind Kind, parts ...[]byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	w.buffer = append(w.buffer[:0], byte(kind))
	w.buffer = binary.BigEndian.AppendUint32(w.buffer, uint32(size)) // at most MaxToGuest
	for _, part := range parts {
		w.buffer = append(w.buffer, part...)
	}
	_, err := w.w.Write(w.buffer)
	return err
}

// WriteJSON writes one frame with v as JSON.
func (w *Writer) WriteJSON(kind Kind, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("frame %q: %w", kind, err)
	}
	return w.Write(kind, payload)
}

// Chunks is an io.Writer that sends what is written to it as frames of the kind, MaxChunk at a time.
func (w *Writer) Chunks(kind Kind) io.Writer {
	return chunks{w: w, kind: kind}
}

type chunks struct {
	w    *Writer
	kind Kind
}

// Write implements [io.Writer].
func (c chunks) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 {
		n := min(len(p), MaxChunk)
		if err := c.w.Write(c.kind, p[:n]); err != nil {
			return written, err
		}
		written += n
		p = p[n:]
	}
	return written, nil
}
