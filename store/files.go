// Package store is where a job's files lie: the archive that the platform left, and the results, log and archive that slashgrade
// leaves. Drivers are s3store for S3 and dirstore for a folder; storetest is the suite that every driver passes.
package store

import (
	"context"
	"errors"
	"io"

	"github.com/slashgrade/slashgrade/jobspec"
)

// ErrNotExist is wrapped by Open for a file that is not there or that the store refuses to give, and by Put for a place that cannot be:
// trying again cannot help. Every other error may pass: the store could not be asked.
var ErrNotExist = errors.New("file does not exist")

// Files reads and writes the files of jobs. Implementations are safe for concurrent use and never let a location or name lead
// outside what they were opened on.
type Files interface {
	// Open returns the file's bytes as a stream. The reader resumes a broken transfer itself or fails; it never ends early
	// without an error. The caller closes it.
	Open(ctx context.Context, at jobspec.Location, name string) (io.ReadCloser, error)
	// Put stores all of r under the name, in place of what stood there. The file is seen whole or not at all: if r fails, what
	// stood there stays. Memory use is bounded whatever r's length. An error that wraps ErrNotExist says that the location itself
	// cannot be: no such bucket.
	Put(ctx context.Context, at jobspec.Location, name string, r io.Reader) error
}
