package localstack_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/slashgrade/slashgrade/internal/awstest"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/store/s3store"
)

// maxMemory is what the program may use whatever passes through it, kB.
const maxMemory = 78_000

// Jobs with many files and with large ones pass through, and nothing of them stays in the program's memory.
func TestLargeJobs(t *testing.T) {
	s := newStand(t)
	srv := s.serve(t, "sqs.visibility_timeout=60s")

	t.Run("50,000 files", func(t *testing.T) {
		const files = 50_000
		entries := make([]testenv.Entry, files)
		for i := range entries {
			entries[i] = testenv.Entry{Name: fmt.Sprintf("student/%03d/%d.txt", i/1000, i), Content: fmt.Sprintln("file", i)}
		}
		s.upload(t, "many", pack(t, fmt.Sprintf("[ $(find /grade/student -type f | wc -l) = %d ] || exit 1\n", files)+leave, entries...))
		s.wantPassed(t, srv, "many")
		if after := unpack(t, s.stored(t, "many", "archive.tar.gz")); len(after) < files {
			t.Errorf("the archive after the job holds %d entries, want %d files and more", len(after), files)
		}
	})
	t.Run("500 MB", func(t *testing.T) {
		const size = 500_000_000
		s.uploadRandom(t, "large", size)
		s.wantPassed(t, srv, "large")
		head, err := s.S3.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &s.bucket, Key: aws.String(root("large") + "/archive.tar.gz")})
		if err != nil || *head.ContentLength < size {
			t.Errorf("the archive after the job: %v, %v", head, err)
		}
	})
}

// wantPassed runs the job to the end of its archive, and looks at the most memory that the program has used.
func (s *stand) wantPassed(t *testing.T, srv *server, id string) {
	t.Helper()
	s.send(t, s.message(t, id, nil))
	if r := s.answer(t, id); r.Outcome != "graded" {
		t.Fatalf("the job is %s: %s", r.Outcome, r.Message)
	}
	eventually(t, "archive and log are stored", func() bool { return len(s.names(t, id)) == 4 })
	peak := peakMemory(t, srv)
	t.Logf("the program has used at most %d kB", peak)
	if peak > maxMemory {
		t.Errorf("the program has used %d kB, want at most %d", peak, maxMemory)
	}
}

func peakMemory(t *testing.T, srv *server) (kilobytes int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", srv.command.Process.Pid))
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("there is no /proc on this system to read the memory of a process from")
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(peak, &kilobytes); err != nil {
		t.Fatalf("VmHWM: %v", err)
	}
	return kilobytes
}

// uploadRandom streams a job whose archive has that many bytes, none of which can be compressed.
func (s *stand) uploadRandom(t *testing.T, id string, size int64) {
	t.Helper()
	o := &s3store.Options{Endpoint: s.endpoint, Region: "us-east-1"}
	o.Load = append(o.Load, awstest.Credentials)
	files, err := s3store.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(writeRandom(writer, size)) }()
	err = files.Put(t.Context(), jobspec.Location{Bucket: s.bucket, Root: root(id)}, jobspec.ArchiveName, reader)
	_ = reader.Close()
	if err != nil {
		t.Fatal(err)
	}
}

func writeRandom(w io.Writer, size int64) error {
	zipped, err := gzip.NewWriterLevel(w, gzip.NoCompression)
	if err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\n[ $(stat -c %%s /grade/student/random) = %d ] || exit 1\n", size) + leave
	archive := tar.NewWriter(zipped)
	headers := []*tar.Header{
		{Name: "tests/run.sh", Typeflag: tar.TypeReg, Mode: 0o755, Size: int64(len(script))},
		{Name: "student/random", Typeflag: tar.TypeReg, Mode: 0o644, Size: size},
	}
	for i, content := range []io.Reader{strings.NewReader(script), io.LimitReader(rand.NewChaCha8([32]byte{}), size)} {
		if err := archive.WriteHeader(headers[i]); err != nil {
			return err
		}
		if _, err := io.Copy(archive, content); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), zipped.Close())
}
