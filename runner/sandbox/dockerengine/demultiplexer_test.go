package dockerengine

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// framed is the engine's framing of a piece of a stream.
func framed(stream byte, text string) string {
	return string(binary.BigEndian.AppendUint32([]byte{stream, 0, 0, 0}, uint32(len(text)))) + text
}

func TestDemultiplexer(t *testing.T) {
	large := strings.Repeat("large ", 20_000)
	stream := framed(1, "one ") + framed(2, "noise\n") + framed(1, "") + framed(1, large) + framed(0, "x") + framed(2, large) + framed(1, "end")
	want := "one " + large + "end"
	for name, split := range map[string]func(io.Reader) io.Reader{
		"at once":      func(r io.Reader) io.Reader { return r },
		"single bytes": iotest.OneByteReader,
		"halves":       iotest.HalfReader,
		"with EOF":     iotest.DataErrReader,
	} {
		got, err := io.ReadAll(newDemultiplexer(split(strings.NewReader(stream))))
		if err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v, want %d", name, len(got), err, len(want))
		}
		got, err = io.ReadAll(iotest.OneByteReader(newDemultiplexer(split(strings.NewReader(stream)))))
		if err != nil || string(got) != want {
			t.Errorf("%s, read by single bytes: %d bytes, %v, want %d", name, len(got), err, len(want))
		}
	}
}

func TestDemultiplexerCut(t *testing.T) {
	broken := errors.New("the connection broke")
	for name, c := range map[string]struct {
		stream io.Reader
		want   error
	}{
		"in a header": {strings.NewReader(framed(1, "text") + "\x01\x00"), io.ErrUnexpectedEOF},
		"by an error": {io.MultiReader(strings.NewReader(framed(1, "text")), iotest.ErrReader(broken)), broken},
		"4 GiB told":  {io.MultiReader(strings.NewReader("\x01\x00\x00\x00\xff\xff\xff\xfftext"), iotest.ErrReader(broken)), broken},
	} {
		got, err := io.ReadAll(newDemultiplexer(c.stream))
		if string(got) != "text" || !errors.Is(err, c.want) {
			t.Errorf("%s: %q, %v, want the text and %v", name, got, err, c.want)
		}
	}
}

func FuzzDemultiplexer(f *testing.F) {
	f.Add([]byte(framed(1, "out")+framed(2, "err")+framed(1, "")), 3)
	f.Add([]byte("\x01\x00\x00\x00\xff\xff\xff\xff"), 1)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		demultiplexed := newDemultiplexer(iotest.HalfReader(bytes.NewReader(stream)))
		buffer := make([]byte, 1+(size&0xff))
		total := 0
		for {
			n, err := demultiplexed.Read(buffer)
			total += n
			if err != nil {
				break
			}
		}
		if total > len(stream) {
			t.Errorf("%d bytes came out of %d", total, len(stream))
		}
	})
}
