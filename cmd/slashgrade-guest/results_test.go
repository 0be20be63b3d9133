//go:build linux

package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

func TestOpenResults(t *testing.T) {
	const limit = 100
	write := func(t *testing.T, path string, size int) {
		t.Helper()
		if err := os.WriteFile(path, []byte(strings.Repeat("x", size)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]struct {
		make   func(t *testing.T, results, file string)
		state  guest.ResultsState
		reason string
		size   int64
	}{
		"missing":    {func(*testing.T, string, string) {}, guest.ResultsMissing, "there is no /grade/results/results.json", 0},
		"empty":      {func(t *testing.T, _, file string) { t.Helper(); write(t, file, 0) }, guest.ResultsRead, "", 0},
		"at limit":   {func(t *testing.T, _, file string) { t.Helper(); write(t, file, limit) }, guest.ResultsRead, "", limit},
		"over limit": {func(t *testing.T, _, file string) { t.Helper(); write(t, file, limit+1) }, guest.ResultsTooLarge, "", limit + 1},
		"sparse": {func(t *testing.T, _, file string) {
			t.Helper()
			write(t, file, 0)
			must(t, os.Truncate(file, 5<<30))
		}, guest.ResultsTooLarge, "", 5 << 30},
		"folder": {func(t *testing.T, _, file string) { t.Helper(); must(t, os.Mkdir(file, 0o700)) }, guest.ResultsUnreadable, "not a file", 0},
		"FIFO":   {func(t *testing.T, _, file string) { t.Helper(); must(t, syscall.Mkfifo(file, 0o600)) }, guest.ResultsUnreadable, "not a file", 0},
		"link":   {func(t *testing.T, _, file string) { t.Helper(); must(t, os.Symlink("/etc/passwd", file)) }, guest.ResultsUnreadable, "symbolic link", 0},
		"socket": {func(t *testing.T, _, file string) {
			t.Helper()
			listener, err := net.Listen("unix", file)
			must(t, err)
			t.Cleanup(func() { _ = listener.Close() })
		}, guest.ResultsUnreadable, "a FIFO or a socket", 0},
		"folder is a link": {func(t *testing.T, results, _ string) {
			t.Helper()
			must(t, os.Remove(results))
			must(t, os.Symlink("/etc", results))
		}, guest.ResultsUnreadable, "/grade/results is not a folder, or is a symbolic link", 0},
		"no folder": {func(t *testing.T, results, _ string) { t.Helper(); must(t, os.Remove(results)) }, guest.ResultsMissing, "there is no /grade/results", 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			results := filepath.Join(folder, "results")
			must(t, os.Mkdir(results, 0o700))
			c.make(t, results, filepath.Join(results, "results.json"))
			file, end := openResults(folder, limit)
			if end.State != c.state || !strings.Contains(end.Reason, c.reason) || end.Size != c.size {
				t.Errorf("got %+v, want %s %d %q", end, c.state, c.size, c.reason)
			}
			if (file != nil) != (c.state == guest.ResultsRead) {
				t.Fatalf("the file is %v", file)
			}
			if file == nil {
				return
			}
			defer func() { _ = file.Close() }()
			if content, err := io.ReadAll(file); err != nil || int64(len(content)) != c.size {
				t.Errorf("read %d bytes, %v, want %d", len(content), err, c.size)
			}
		})
	}
}
