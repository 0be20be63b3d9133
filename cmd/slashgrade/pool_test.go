package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFreeShare(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    int64
	}{
		"usual":   {"MemTotal:       24000000 kB\nMemAvailable:   8000 kB\nBuffers: 1 kB\n", 1000 << 10},
		"old":     {"MemTotal: 100 kB\nMemFree: 100 kB\n", unknownMemory},
		"damaged": {"MemAvailable: much kB\n", unknownMemory},
		"empty":   {"", unknownMemory},
	} {
		file := filepath.Join(t.TempDir(), "meminfo")
		if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := freeShare(file); got != c.want {
			t.Errorf("%s: %d bytes, want %d", name, got, c.want)
		}
	}
	if got := freeShare(filepath.Join(t.TempDir(), "none")); got != unknownMemory {
		t.Errorf("without the file: %d bytes, want %d", got, unknownMemory)
	}
}
