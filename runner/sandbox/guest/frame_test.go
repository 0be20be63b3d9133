package guest_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

func TestRoundTrip(t *testing.T) {
	var stream bytes.Buffer
	out := guest.NewWriter(&stream)
	ended := guest.Ended{Status: 3, StderrTail: "\x00\xff<>\u2028", UnixNano: 1<<63 - 1}
	if err := errors.Join(
		out.Write(guest.KindPing),
		out.WriteJSON(guest.KindEnded, ended),
		out.Write(guest.KindOutput, []byte{byte(guest.Stderr)}, []byte("some"), nil, []byte(" text")),
		out.Write(guest.KindFiles, make([]byte, guest.MaxToHost)),
	); err != nil {
		t.Fatal(err)
	}
	for name, reader := range map[string]io.Reader{
		"at once":     bytes.NewReader(stream.Bytes()),
		"single byte": iotest.OneByteReader(bytes.NewReader(stream.Bytes())),
		"halves":      iotest.HalfReader(bytes.NewReader(stream.Bytes())),
		"with EOF":    iotest.DataErrReader(bytes.NewReader(stream.Bytes())),
	} {
		t.Run(name, func(t *testing.T) {
			frames := guest.NewReader(reader, guest.MaxToHost)
			wantFrame(t, frames, guest.KindPing, "")
			frame, err := frames.Next()
			if err != nil {
				t.Fatal(err)
			}
			var got guest.Ended
			if err := frame.Decode(&got); err != nil {
				t.Fatal(err)
			}
			want := ended
			want.StderrTail = "\x00\uFFFD<>\u2028" // JSON is UTF-8
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			wantFrame(t, frames, guest.KindOutput, "\x02some text")
			wantFrame(t, frames, guest.KindFiles, strings.Repeat("\x00", guest.MaxToHost))
			if _, err := frames.Next(); !errors.Is(err, io.EOF) {
				t.Errorf("at the end: %v, want EOF", err)
			}
		})
	}
}

func wantFrame(t *testing.T, frames *guest.Reader, kind guest.Kind, payload string) {
	t.Helper()
	frame, err := frames.Next()
	if err != nil {
		t.Fatal(err)
	}
	if frame.Kind != kind || string(frame.Payload) != payload {
		t.Errorf("got frame %q of %d bytes, want %q of %d", frame.Kind, len(frame.Payload), kind, len(payload))
	}
}

func TestReaderRefuses(t *testing.T) {
	frame := func(size uint32, payload string) string {
		return "o" + string(binary.BigEndian.AppendUint32(nil, size)) + payload
	}
	cases := map[string]struct {
		stream string
		want   error  // or
		text   string // a part of the error
	}{
		"nothing":           {want: io.EOF},
		"part of a header":  {stream: "o\x00\x00", want: io.ErrUnexpectedEOF},
		"no payload":        {stream: frame(4, ""), want: io.ErrUnexpectedEOF},
		"part of a payload": {stream: frame(4, "abc"), want: io.ErrUnexpectedEOF},
		"over the limit":    {stream: frame(101, strings.Repeat("x", 101)), text: "has 101 bytes, the limit is 100"},
		"4 GiB":             {stream: frame(1<<32-1, ""), text: "has 4294967295 bytes"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := guest.NewReader(strings.NewReader(c.stream), 100).Next()
			if err == nil || (c.want != nil && !errors.Is(err, c.want)) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want %v %s", err, c.want, c.text)
			}
		})
	}
}

func TestDecodeNamesTheFrame(t *testing.T) {
	frame := &guest.Frame{Kind: guest.KindEnded, Payload: []byte(`{"status":"x"}`)}
	if err := frame.Decode(&guest.Ended{}); err == nil || !strings.Contains(err.Error(), "'e'") {
		t.Errorf("got %v, want an error that names the frame", err)
	}
}

func TestChunks(t *testing.T) {
	var stream bytes.Buffer
	content := strings.Repeat("0123456789", guest.MaxChunk/4)
	written, err := io.Copy(guest.NewWriter(&stream).Chunks(guest.KindArchive), iotest.HalfReader(strings.NewReader(content)))
	if err != nil || written != int64(len(content)) {
		t.Fatalf("wrote %d bytes, %v", written, err)
	}
	var got strings.Builder
	for frames := guest.NewReader(&stream, guest.MaxToHost); ; {
		frame, err := frames.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if frame.Kind != guest.KindArchive || len(frame.Payload) > guest.MaxChunk {
			t.Errorf("frame %q of %d bytes", frame.Kind, len(frame.Payload))
		}
		got.Write(frame.Payload)
	}
	if got.String() != content {
		t.Errorf("%d bytes came, not the %d that were written", got.Len(), len(content))
	}
}

// TestConcurrentWrites wants every frame whole.
func TestConcurrentWrites(t *testing.T) {
	reader, writer := io.Pipe()
	out := guest.NewWriter(writer)
	const writers, rounds = 8, 100
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			for range rounds {
				if err := out.Write(guest.KindOutput, []byte{byte(i)}, bytes.Repeat([]byte{byte(i)}, i*100)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() {
		group.Wait()
		_ = writer.Close()
	}()
	count := 0
	for frames := guest.NewReader(reader, guest.MaxToHost); ; count++ {
		frame, err := frames.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		i := int(frame.Payload[0])
		if want := bytes.Repeat([]byte{byte(i)}, i*100+1); !bytes.Equal(frame.Payload, want) {
			t.Fatalf("a frame of writer %d is mixed", i)
		}
	}
	if count != writers*rounds {
		t.Errorf("%d frames came, want %d", count, writers*rounds)
	}
}

// FuzzReader reads whatever a container may send: it ends, takes no more memory than its limit, and what it takes is what was sent.
func FuzzReader(f *testing.F) {
	f.Add([]byte("o\x00\x00\x00\x03\x01hi"))
	f.Add([]byte("p\x00\x00\x00\x00e\x00\x00\x00\x02{}"))
	f.Add([]byte("o\xff\xff\xff\xff"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, stream []byte) {
		const limit = 1000
		frames := guest.NewReader(bytes.NewReader(stream), limit)
		var again bytes.Buffer
		out := guest.NewWriter(&again)
		for {
			frame, err := frames.Next()
			if err != nil {
				break
			}
			if len(frame.Payload) > limit {
				t.Fatalf("a payload of %d bytes", len(frame.Payload))
			}
			if err := out.Write(frame.Kind, frame.Payload); err != nil {
				t.Fatal(err)
			}
			var ended guest.Ended
			_ = frame.Decode(&ended)
		}
		if !bytes.HasPrefix(stream, again.Bytes()) {
			t.Error("the frames are not what was sent")
		}
	})
}
