package runner_test

import (
	"bytes"
	"testing"

	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// BenchmarkOutputLog keeps 1 MiB of a grader's output, in chunks as the guest sends them, with short and long lines.
func BenchmarkOutputLog(b *testing.B) {
	for _, line := range []struct{ name, text string }{
		{"lines of 1 B", "y\n"}, {"lines of 80 B", string(bytes.Repeat([]byte("x"), 79)) + "\n"},
	} {
		chunk := bytes.Repeat([]byte(line.text), guest.MaxChunk/len(line.text))
		b.Run(line.name, func(b *testing.B) {
			b.SetBytes(int64(32 * len(chunk)))
			b.ReportAllocs()
			for b.Loop() {
				log := runner.NewOutputLog()
				for range 32 {
					log.Write(guest.Stdout, chunk)
				}
			}
		})
	}
}
