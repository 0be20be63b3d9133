// Package storetest is the suite that every [store.Files] passes: what is put comes back, whole or not at all, whatever
// its size and however odd the location and the name are.
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

// Harness is what the suite needs of a store.
type Harness struct {
	// Open gives the store under test. It is called once for each subtest; what it makes is cleaned up through
	// t.Cleanup. It may give the same store each time: every subtest writes below a root of its own.
	Open func(t *testing.T) store.Files
	// Bucket is a bucket that exists in the store.
	Bucket string
	// Refused lists locations and names of OddNames that the product behind the store cannot hold, by their Label, with
	// the reason. For them Put may fail; if it does not, the rules hold for them too. A nil map is for a store that
	// takes every name.
	Refused map[string]string
	// CheckOutside, unless nil, runs after the hostile names were written and read, and fails t if anything came to lie outside
	// the store.
	CheckOutside func(t *testing.T)
}

// Run runs the whole suite. It takes a few seconds and writes about 150 MiB.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(*testing.T, *fixture)
	}{
		{"round trip", testRoundTrip},
		{"empty file", testEmpty},
		{"stream of unknown length", testLargeStream},
		{"bounded memory", testBoundedMemory},
		{"overwrite", testOverwrite},
		{"overwrite while reading", testOverwriteWhileReading},
		{"not exist", testNotExist},
		{"a name is no folder", testNameIsNoFolder},
		{"failing reader", testFailingReader},
		{"odd names", testOddNames},
		{"concurrent puts", testConcurrentPuts},
		{"cancelled", testCancelled},
		{"cancelled in the middle", testCancelledInTheMiddle},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, newFixture(t, h)) })
	}
}

// fixture is one subtest's store and its own root in it.
type fixture struct {
	Harness
	files store.Files
	root  string
}

func newFixture(t *testing.T, h Harness) *fixture {
	t.Helper()
	return &fixture{Harness: h, files: h.Open(t), root: "storetest-" + strings.ToLower(rand.Text())}
}

// at is the subtest's own location.
func (f *fixture) at() jobspec.Location {
	return jobspec.Location{Bucket: f.Bucket, Root: f.root}
}

func (f *fixture) put(t *testing.T, name, content string) {
	t.Helper()
	if err := f.files.Put(t.Context(), f.at(), name, stream(strings.NewReader(content))); err != nil {
		t.Fatalf("put %q: %v", name, err)
	}
}

// want fails t unless the file holds the content.
func (f *fixture) want(t *testing.T, name, content string) {
	t.Helper()
	got, err := f.read(t, f.at(), name)
	if err != nil {
		t.Fatalf("read %q: %v", name, err)
	}
	sameBytes(t, name, got, []byte(content))
}

func (f *fixture) wantMissing(t *testing.T, at jobspec.Location, name string) {
	t.Helper()
	if _, err := f.read(t, at, name); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("open %q below %q: got %v, want an error that is store.ErrNotExist", name, at.Root, err)
	}
}

func (f *fixture) read(t *testing.T, at jobspec.Location, name string) ([]byte, error) {
	t.Helper()
	file, err := f.files.Open(t.Context(), at, name)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(file)
	if closeErr := file.Close(); closeErr != nil {
		t.Errorf("close %q: %v", name, closeErr)
	}
	return data, err
}

// sameBytes reports a difference without printing megabytes.
func sameBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%q: got %d bytes beginning %.40q, want %d beginning %.40q", what, len(got), got, len(want), want)
	}
}

// stream hides everything about r but Read, so that a store cannot ask for its length or seek in it.
func stream(r io.Reader) io.Reader {
	return struct{ io.Reader }{r}
}
