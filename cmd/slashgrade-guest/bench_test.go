package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// BenchmarkUnpack fills a folder, as /grade is filled.
func BenchmarkUnpack(b *testing.B) {
	for _, count := range []int{3, 1000} {
		var entries []entry
		for i := range count {
			entries = append(entries, entry{name: fmt.Sprintf("tests/%d/file-%d.py", i%10, i), content: strings.Repeat("x = 1\n", 50)})
		}
		archive := pack(b, entries...)
		b.Run(fmt.Sprintf("%d files", count), func(b *testing.B) {
			order := &guest.Prepare{MaxBytes: 1 << 30, MaxEntries: 100_000, MaxTime: time.Minute}
			base := b.TempDir()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				folder := filepath.Join(base, fmt.Sprint(i))
				if err := os.Mkdir(folder, 0o700); err != nil {
					b.Fatal(err)
				}
				if _, err := unpackArchive(bytes.NewReader(archive), folder, order, me(), unwatched); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := os.RemoveAll(folder); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
