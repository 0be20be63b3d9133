package runner_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
)

// unpullable is an image at a registry that refuses connections.
const unpullable = "127.0.0.1:1/nothing/here:1"

const (
	messagePull  = "Could not pull Docker image " + unpullable + "."
	messageFiles = "Could not initialize files for grading."
)

func filesFailed() verdict {
	return verdict{Outcome: jobspec.FilesFailed, Message: messageFiles, Results: absent}
}

func TestSetup(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		name  string
		files runner.Files
		image string
		want  verdict
		log   string
	}{
		{"image", content(nil), unpullable, verdict{Outcome: jobspec.PullFailed, Message: messagePull, Results: absent}, "connection refused"},
		{"files", broken{errMissing}, testenv.Image, filesFailed(), "The files: no such object"},
		{
			"image and files",
			broken{errMissing},
			unpullable,
			verdict{Outcome: jobspec.PullFailed, Message: messagePull + "\n" + messageFiles, Results: absent},
			"connection refused",
		},
		{
			"not the name of an image", content(nil), "--privileged",
			verdict{Outcome: jobspec.PullFailed, Message: "Could not pull Docker image --privileged.", Results: absent},
			"is not the name of an image",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			spec := (&job{image: c.image}).spec()
			got := b.gradeFrom(t, c.files, spec)
			if diff := cmp.Diff(c.want, got.verdict()); diff != "" {
				t.Errorf("the verdict differs (-want +got):\n%s", diff)
			}
			if !strings.Contains(got.Log, c.log) {
				t.Errorf("the log lacks %q:\n%s", c.log, got.Log)
			}
		})
	}
}

func TestArchives(t *testing.T) {
	b := newBench(t)
	good := (&job{script: leave, results: perfect}).pack(t)
	one := func(file testenv.Entry) []byte { return testenv.Archive(t, file) }
	damaged := bytes.Clone(good)
	damaged[len(damaged)-6] ^= 1 // in the checksum
	b.rows(t, []row{
		{name: "good", job: job{archive: good}, want: goodVerdict(perfect), log: "Unpacked 2 entries"},
		{name: "empty", job: job{archive: []byte{}}, want: filesFailed(), log: "the archive is empty"},
		{name: "a page of HTML", job: job{archive: []byte("<html>no</html>")}, want: filesFailed(), log: "the archive is not a gzip'd tar"},
		{name: "cut", job: job{archive: good[:len(good)/2]}, want: filesFailed(), log: "unexpected EOF"},
		{name: "damaged", job: job{archive: damaged}, want: filesFailed(), log: "invalid checksum"},
		{
			name: "traversal", job: job{archive: one(testenv.Entry{Name: "../../etc/cron.d/x", Content: "x"})}, want: filesFailed(),
			log: "its name holds .., so it could lie outside of /grade",
		},
		{
			name: "absolute", job: job{archive: one(testenv.Entry{Name: "/etc/x", Content: "x"})}, want: filesFailed(),
			log: "its name begins with /, so it would lie outside of /grade",
		},
		{
			name: "a device", job: job{archive: one(testenv.Entry{Name: "null", Type: '3'})}, want: filesFailed(),
			log: "devices and FIFOs are not allowed",
		},
	})
}

// A job whose files could not be unpacked leaves no archive, as on PrairieLearn's own host; one that ran leaves /grade.
func TestArchiveAfter(t *testing.T) {
	b := newBench(t)
	for name, c := range map[string]struct {
		archive []byte
		want    bool
	}{
		"ran":     {(&job{script: leave, results: perfect}).pack(t), true},
		"refused": {[]byte("no archive"), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			grading, err := b.newRunner(content(c.archive)).Grade(t.Context(), (&job{}).spec())
			if err != nil {
				t.Fatal(err)
			}
			var after bytes.Buffer
			packed := grading.Archive(t.Context(), &after)
			if grading.HasArchive() != c.want || (packed == nil) != c.want || (after.Len() > 0) != c.want {
				t.Errorf("there is an archive: %v, %v, %d bytes; want %v", grading.HasArchive(), packed, after.Len(), c.want)
			}
			for range 2 { // it may be called again
				if err := grading.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// failing gives what it has and then its error.
type failing struct {
	io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = f.err
	}
	return n, err
}

func (f *failing) Close() error { return nil }

// stream is a Files whose file breaks off.
type stream struct{ file io.ReadCloser }

func (s stream) Open(context.Context, jobspec.Location, string) (io.ReadCloser, error) {
	return s.file, nil
}

// What failed on our side is no report: the job goes back. That the container is gone is seen when the bench closes.
func TestOurErrors(t *testing.T) {
	b := newBench(t)
	good := (&job{script: leave, results: perfect}).pack(t)
	for name, files := range map[string]runner.Files{
		"open":             broken{errDown},
		"in the middle":    stream{&failing{bytes.NewReader(good[:len(good)/2]), errDown}},
		"behind the end":   stream{&failing{bytes.NewReader(good), errDown}},
		"missing, in time": stream{&failing{bytes.NewReader(good[:10]), fmt.Errorf("%w, too late", errDown)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			grading, err := b.newRunner(files).Grade(t.Context(), (&job{}).spec())
			if grading != nil || !errors.Is(err, errDown) {
				t.Errorf("got %+v, %v, want no report and %q", grading, err, errDown)
			}
		})
	}
}

// Refused is what a message gets that can never be graded.
func TestRefused(t *testing.T) {
	spec := (&job{}).spec()
	grading := runner.Refused(spec, "/timeout must be more than 0, found -5")
	checkStamps(t, grading.Report, spec)
	checkJSON(t, grading.Report)
	want := verdict{
		Outcome: jobspec.JobInvalid, Results: absent,
		Message: "Your submission could not be graded because the question is not set up correctly. " +
			"Please contact course staff and show them this: /timeout must be more than 0, found -5",
	}
	got := &graded{Report: grading.Report}
	if diff := cmp.Diff(want, got.verdict()); diff != "" {
		t.Errorf("the verdict differs (-want +got):\n%s", diff)
	}
	if grading.HasArchive() || !strings.Contains(readLog(t, grading.Log), "/timeout must be more than 0") {
		t.Errorf("there is an archive, or the log lacks the reason: %s", readLog(t, grading.Log))
	}
}
