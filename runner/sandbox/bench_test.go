package sandbox_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// benchChunks is how many chunks an archive has here: 4 MiB.
const benchChunks = 128

// obliging is a guest that takes every archive and has one of its own.
func obliging(in *guest.Reader, out io.Writer) error {
	if err := say(out, helloFrame); err != nil {
		return err
	}
	chunk := "a" + strings.Repeat("x", guest.MaxChunk)
	for {
		frame, err := in.Next()
		if err != nil {
			return err
		}
		switch frame.Kind {
		case guest.KindFilesEnd:
			err = say(out, `r{"entries":1}`)
		case guest.KindCollect:
			for range benchChunks {
				if err := say(out, chunk); err != nil {
					return err
				}
			}
			err = say(out, `A{}`)
		default:
		}
		if err != nil {
			return err
		}
	}
}

// BenchmarkStreaming sends an archive to a guest and takes one from it, by a pipe in memory.
func BenchmarkStreaming(b *testing.B) {
	session := openHostile(b, &hostileEngine{script: obliging})
	archive := make([]byte, benchChunks*guest.MaxChunk)
	b.Run("to the guest", func(b *testing.B) {
		b.SetBytes(int64(len(archive)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := session.Unpack(b.Context(), bytes.NewReader(archive), ""); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("from the guest", func(b *testing.B) {
		b.SetBytes(int64(len(archive)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := session.Archive(b.Context(), io.Discard, int64(len(archive))); err != nil {
				b.Fatal(err)
			}
		}
	})
}
