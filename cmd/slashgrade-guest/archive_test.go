//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// packed packs a folder and returns the entries' contents, or targets, by name.
func packed(t *testing.T, folder string, limit int64) (map[string]string, guest.ArchiveEnd) {
	t.Helper()
	var archive bytes.Buffer
	end := packArchive(&archive, folder, limit)
	zipped, err := gzip.NewReader(&archive)
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]string{}
	for reader := tar.NewReader(zipped); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return entries, end
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Uname != "" || header.Gname != "" {
			t.Errorf("%s: names %q and %q were looked up", header.Name, header.Uname, header.Gname)
		}
		content, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		entries[header.Name] = header.Linkname + string(content)
	}
}

func TestPackArchive(t *testing.T) {
	folder := t.TempDir()
	at := func(name string) string { return filepath.Join(folder, name) }
	for _, err := range []error{
		os.MkdirAll(at("d/e"), 0o700),
		os.WriteFile(at("d/e/f"), []byte("content"), 0o600),
		os.WriteFile(at("bad\xffname"), []byte("x"), 0o600),
		os.WriteFile(at("zz-large"), []byte(strings.Repeat("x", 1001)), 0o600),
		os.Symlink("/etc/passwd", at("link")),
		os.Symlink(".", at("d/loop")),
		syscall.Mkfifo(at("fifo"), 0o600),
		os.MkdirAll(at("deep/"+strings.Repeat("d/", maxDepth)), 0o700),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	got, end := packed(t, folder, 1000)
	for name := range got {
		if strings.HasPrefix(name, "./deep/") {
			delete(got, name)
		}
	}
	want := map[string]string{
		"./": "", "./d/": "", "./d/e/": "", "./d/e/f": "content", "./bad\xffname": "x", "./link": "/etc/passwd", "./d/loop": ".",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
	skipped := strings.Join(end.Skipped, "\n")
	for _, want := range []string{`"fifo": it is a FIFO`, `"zz-large": its 1001 bytes`, "more than 200 folders deep"} {
		if !strings.Contains(skipped, want) {
			t.Errorf("left out:\n%s\nwant %q", skipped, want)
		}
	}
	if end.Error != "" {
		t.Errorf("error %q", end.Error)
	}
}

func TestPackNothing(t *testing.T) {
	if end := packArchive(io.Discard, "/no/such/folder", 1); end.Error == "" {
		t.Errorf("got %+v, want an error", end)
	}
}
