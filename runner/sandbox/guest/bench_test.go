package guest_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// BenchmarkFrame writes and reads one frame.
func BenchmarkFrame(b *testing.B) {
	for _, size := range []int{0, 100, guest.MaxChunk} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			var stream bytes.Buffer
			out, in := guest.NewWriter(&stream), guest.NewReader(&stream, guest.MaxToHost)
			payload := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := out.Write(guest.KindOutput, payload); err != nil {
					b.Fatal(err)
				}
				frame, err := in.Next()
				if err != nil || len(frame.Payload) != size {
					b.Fatalf("%d bytes came, %v", len(frame.Payload), err)
				}
			}
		})
	}
}
