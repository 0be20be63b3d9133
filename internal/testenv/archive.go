package testenv

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"io"
	"testing"
)

// Entry is an entry of an archive.
type Entry struct {
	Name    string
	Content string // of a global header, its comment
	Mode    int64  // 0 is 0644
	Link    string // the target of a link
	Type    byte   // of package tar; 0 is a regular file
}

// Archive makes a job's archive, a gzip'd tar, of the entries.
func Archive(tb testing.TB, entries ...Entry) []byte {
	tb.Helper()
	var buffer bytes.Buffer
	zipped := gzip.NewWriter(&buffer)
	archive := tar.NewWriter(zipped)
	for _, entry := range entries {
		header := &tar.Header{
			Name: entry.Name, Mode: cmp.Or(entry.Mode, 0o644), Size: int64(len(entry.Content)), Linkname: entry.Link,
			Typeflag: cmp.Or(entry.Type, tar.TypeReg),
		}
		if entry.Type == tar.TypeXGlobalHeader {
			header = &tar.Header{Typeflag: entry.Type, Name: entry.Name, PAXRecords: map[string]string{"comment": entry.Content}}
			entry.Content = ""
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
