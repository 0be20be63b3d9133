package storetest

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/slashgrade/slashgrade/jobspec"
)

const (
	writers = 8
	rounds  = 5
	// concurrentSize is more than one write of any copying loop, so that two puts at once can mix if nothing keeps them apart.
	concurrentSize = 256 << 10
)

// testConcurrentPuts lets writers replace one file over and over, each with a letter of its own, while a reader looks on.
func testConcurrentPuts(t *testing.T, f *fixture) {
	f.put(t, jobspec.ResultsName, strings.Repeat("a", concurrentSize))
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			content := strings.Repeat(string(rune('a'+i)), concurrentSize)
			for range rounds {
				if err := f.files.Put(t.Context(), f.at(), jobspec.ResultsName, stream(strings.NewReader(content))); err != nil {
					t.Errorf("put: %v", err)
				}
			}
		})
	}
	group.Go(func() {
		for range writers * rounds {
			f.wantOneLetter(t)
		}
	})
	group.Wait()
	f.wantOneLetter(t)
}

func (f *fixture) wantOneLetter(t *testing.T) {
	t.Helper()
	got, err := f.read(t, f.at(), jobspec.ResultsName)
	if err != nil {
		t.Errorf("read during puts: %v", err)
		return
	}
	if len(got) != concurrentSize || strings.Trim(string(got), string(got[0])) != "" {
		t.Errorf("got %d bytes beginning %.20q: want the whole content of one put", len(got), got)
	}
}

func testCancelled(t *testing.T, f *fixture) {
	f.put(t, jobspec.ResultsName, "old")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if file, err := f.files.Open(ctx, f.at(), jobspec.ResultsName); !errors.Is(err, context.Canceled) {
		t.Errorf("open under a cancelled context: got %v, %v, want context.Canceled", file, err)
	}
	if _, err := f.files.Open(ctx, f.at(), "missing"); isMissing(err) {
		t.Errorf("open under a cancelled context says that the file does not exist: %v", err)
	}
	if err := f.files.Put(ctx, f.at(), jobspec.ResultsName, strings.NewReader("new")); !errors.Is(err, context.Canceled) {
		t.Errorf("put under a cancelled context: got %v, want context.Canceled", err)
	}
	f.want(t, jobspec.ResultsName, "old")
}

func testCancelledInTheMiddle(t *testing.T, f *fixture) {
	f.put(t, jobspec.ResultsName, "old")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	content := io.MultiReader(
		strings.NewReader(strings.Repeat("n", pastFirstPart)),
		&callReader{cancel},
		strings.NewReader(strings.Repeat("n", pastFirstPart)),
	)
	if err := f.files.Put(ctx, f.at(), jobspec.ResultsName, content); !errors.Is(err, context.Canceled) {
		t.Errorf("put cancelled in the middle: got %v, want context.Canceled", err)
	}
	f.want(t, jobspec.ResultsName, "old")
}

// callReader is empty and calls the function when it is reached.
type callReader struct{ call func() }

// Read implements [io.Reader].
func (r *callReader) Read([]byte) (int, error) {
	r.call()
	return 0, io.EOF
}
