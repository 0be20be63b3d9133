package testenv

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"testing"
)

// Entry is an entry of an archive.
type Entry struct {
	Name    string
	Content string
	Type    byte // of package tar; 0 is a regular file
}

// Archive makes a job's archive, a gzip'd tar, of the entries, which have mode 0644.
func Archive(tb testing.TB, entries ...Entry) []byte {
	tb.Helper()
	var buffer bytes.Buffer
	zipped := gzip.NewWriter(&buffer)
	archive := tar.NewWriter(zipped)
	for _, entry := range entries {
		header := &tar.Header{Name: entry.Name, Mode: 0o644, Size: int64(len(entry.Content)), Typeflag: entry.Type}
		if header.Typeflag == 0 {
			header.Typeflag = tar.TypeReg
		}
		if err := archive.WriteHeader(header); err != nil {
			tb.Fatal(err)
		}
		if _, err := io.WriteString(archive, entry.Content); err != nil {
			tb.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		tb.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		tb.Fatal(err)
	}
	return buffer.Bytes()
}
