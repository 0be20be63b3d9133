package storetest

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/store"
)

const (
	// largeSize is more than two parts of an S3 upload (5 MiB is S3's smallest part) and ends in the middle of the third.
	largeSize = 12 << 20
	// pastFirstPart is a length at which a store that uploads in parts has sent one already.
	pastFirstPart = 6 << 20
)

func testRoundTrip(t *testing.T, f *fixture) {
	f.put(t, jobspec.ResultsName, `{"score": 1}`)
	f.put(t, jobspec.OutputName, "container> hello\n\x00\xff")
	f.want(t, jobspec.ResultsName, `{"score": 1}`)
	f.want(t, jobspec.OutputName, "container> hello\n\x00\xff")
	f.want(t, jobspec.ResultsName, `{"score": 1}`) // reading takes nothing away
}

func testEmpty(t *testing.T, f *fixture) {
	f.put(t, jobspec.OutputName, "")
	f.want(t, jobspec.OutputName, "")
}

func testLargeStream(t *testing.T, f *fixture) {
	content := make([]byte, largeSize)
	_, _ = rand.Read(content) // never fails
	// Reads of odd sizes, as a pipe gives them.
	if err := f.files.Put(t.Context(), f.at(), jobspec.ArchiveName, &unevenReader{r: bytes.NewReader(content)}); err != nil {
		t.Fatal(err)
	}
	got, err := f.read(t, f.at(), jobspec.ArchiveName)
	if err != nil {
		t.Fatal(err)
	}
	sameBytes(t, jobspec.ArchiveName, got, content)
}

func testOverwrite(t *testing.T, f *fixture) {
	f.put(t, jobspec.ResultsName, strings.Repeat("a long first version ", 1000))
	f.put(t, jobspec.ResultsName, "short")
	f.want(t, jobspec.ResultsName, "short")
	f.put(t, jobspec.ResultsName, "")
	f.want(t, jobspec.ResultsName, "")
}

// testOverwriteWhileReading allows two ends: the old bytes to the last one, or an error. It allows no mixture and no early end.
func testOverwriteWhileReading(t *testing.T, f *fixture) {
	before, after := strings.Repeat("a", largeSize), strings.Repeat("b", pastFirstPart)
	f.put(t, jobspec.ArchiveName, before)
	file, err := f.files.Open(t.Context(), f.at(), jobspec.ArchiveName)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	head := make([]byte, 1<<10)
	if _, err := io.ReadFull(file, head); err != nil {
		t.Fatal(err)
	}
	f.put(t, jobspec.ArchiveName, after)
	if tail, err := io.ReadAll(file); err == nil {
		sameBytes(t, jobspec.ArchiveName, append(head, tail...), []byte(before))
	}
	f.want(t, jobspec.ArchiveName, after)
}

func testNotExist(t *testing.T, f *fixture) {
	f.wantMissing(t, f.at(), jobspec.ResultsName)
	f.put(t, jobspec.ArchiveName, "an archive")
	f.wantMissing(t, f.at(), jobspec.ResultsName)
	f.wantMissing(t, jobspec.Location{Bucket: "storetest-no-such-bucket", Root: f.root}, jobspec.ArchiveName)
}

// testNameIsNoFolder: a path in a root makes no file of the names on the way, and is not disturbed by one.
func testNameIsNoFolder(t *testing.T, f *fixture) {
	below := jobspec.Location{Bucket: f.Bucket, Root: f.root + "/middle"}
	if err := f.files.Put(t.Context(), below, "leaf", strings.NewReader("below")); err != nil {
		t.Fatal(err)
	}
	f.wantMissing(t, f.at(), "middle")
	f.put(t, "middle", "beside")
	f.want(t, "middle", "beside")
	got, err := f.read(t, below, "leaf")
	if err != nil {
		t.Fatal(err)
	}
	sameBytes(t, "leaf", got, []byte("below"))
}

func testFailingReader(t *testing.T, f *fixture) {
	broken := errors.New("the job's output broke off")
	for _, size := range []int{0, 10, pastFirstPart} {
		failing := io.MultiReader(strings.NewReader(strings.Repeat("n", size)), &errorReader{broken})
		if err := f.files.Put(t.Context(), f.at(), jobspec.OutputName, failing); !errors.Is(err, broken) {
			t.Errorf("put of a reader that fails after %d bytes: got %v, want its error", size, err)
		}
		f.wantMissing(t, f.at(), jobspec.OutputName)
	}
	f.put(t, jobspec.OutputName, "old")
	for _, size := range []int{0, 10, pastFirstPart} {
		failing := io.MultiReader(strings.NewReader(strings.Repeat("n", size)), &errorReader{broken})
		if err := f.files.Put(t.Context(), f.at(), jobspec.OutputName, failing); !errors.Is(err, broken) {
			t.Errorf("overwrite from a reader that fails after %d bytes: got %v, want its error", size, err)
		}
		f.want(t, jobspec.OutputName, "old")
	}
}

// isMissing says that the store holds no such file, and not that it could not be asked.
func isMissing(err error) bool {
	return errors.Is(err, store.ErrNotExist)
}

type errorReader struct{ err error }

// Read implements [io.Reader].
func (r *errorReader) Read([]byte) (int, error) { return 0, r.err }

// unevenReader gives 1, 2, 3, … bytes a read, up to 64 KiB and over again from 1.
type unevenReader struct {
	r    io.Reader
	next int
}

// Read implements [io.Reader].
func (u *unevenReader) Read(p []byte) (int, error) {
	u.next = u.next%(64<<10) + 1
	return u.r.Read(p[:min(len(p), u.next)])
}
