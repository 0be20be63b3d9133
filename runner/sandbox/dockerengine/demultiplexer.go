package dockerengine

import (
	"encoding/binary"
	"io"
)

// The engine's framing of a stream without a terminal: one byte of stream, three of padding, four of length.
const (
	streamHeader = 8
	streamStdout = 1
)

// demultiplexer reads the guest's stdout out of the engine's stream. Its stderr, on which the Go runtime writes when the guest itself
// fails, is dropped here. It takes the payload as it comes, so that no length that the stream claims is ever allocated.
type demultiplexer struct {
	source io.Reader
	left   int64 // of the stdout payload that is being read
}

func newDemultiplexer(source io.Reader) *demultiplexer {
	return &demultiplexer{source: source}
}

// Read implements [io.Reader].
func (d *demultiplexer) Read(p []byte) (int, error) {
	for d.left == 0 {
		var header [streamHeader]byte
		if _, err := io.ReadFull(d.source, header[:]); err != nil {
			return 0, err
		}
		size := int64(binary.BigEndian.Uint32(header[4:]))
		if header[0] == streamStdout {
			d.left = size
			continue
		}
		if _, err := io.CopyN(io.Discard, d.source, size); err != nil {
			return 0, err
		}
	}
	n, err := d.source.Read(p[:min(int64(len(p)), d.left)])
	d.left -= int64(n)
	return n, err
}
