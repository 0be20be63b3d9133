package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// maxResumes is how often one transfer is taken up again. Each time the request itself is tried Options.Attempts times; a path that
// breaks more often than this brings no archive through in a job's time.
const maxResumes = 8

// transfer reads one object and hides that it may take several requests.
type transfer struct {
	fetch  func(offset int64, etag *string) (*s3.GetObjectOutput, error)
	pause  func(try int) error
	cancel context.CancelFunc

	body    io.ReadCloser
	etag    *string
	offset  int64 // of the next byte
	size    int64 // of the object, -1 if S3 did not say
	resumes int
	err     error // io.EOF, or why there is nothing more to read
}

// start sends the first request, so that an object that is not there is seen before the first byte.
func (t *transfer) start() error {
	out, err := t.fetch(0, nil)
	if err != nil {
		return err
	}
	t.body, t.etag, t.size = out.Body, out.ETag, -1
	if out.ContentLength != nil {
		t.size = *out.ContentLength
	}
	return nil
}

// Read gives io.EOF only after the object's last byte.
func (t *transfer) Read(p []byte) (int, error) {
	for t.err == nil {
		n, err := t.body.Read(p)
		t.offset += int64(n)
		if err != nil {
			t.err = t.after(err)
		}
		if n > 0 || len(p) == 0 {
			return n, nil
		}
	}
	return 0, t.err
}

// Close ends the transfer, also in the middle.
func (t *transfer) Close() error {
	t.cancel()
	if !errors.Is(t.err, io.EOF) {
		t.err = fs.ErrClosed
	}
	return t.body.Close()
}

// after decides what the end of a body means: nil is that the transfer goes on with a new one.
func (t *transfer) after(err error) error {
	switch {
	case errors.Is(err, io.EOF) && (t.size < 0 || t.offset == t.size):
		return io.EOF
	case t.offset == t.size: // all bytes came and their checksum is wrong
		return fmt.Errorf("check what was read: %w", err)
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	if t.resumes == maxResumes {
		return fmt.Errorf("read byte %d of %d, broken %d times: %w", t.offset, t.size, t.resumes+1, err)
	}
	t.resumes++
	if err := t.resume(); err != nil {
		return fmt.Errorf("resume at byte %d of %d: %w", t.offset, t.size, err)
	}
	return nil
}

// resume puts a body in place that begins at offset.
func (t *transfer) resume() error {
	if err := t.pause(t.resumes); err != nil {
		return err
	}
	out, err := t.fetch(t.offset, t.etag)
	if err != nil {
		return err
	}
	if got := aws.ToString(out.ContentRange); t.offset > 0 && !strings.HasPrefix(got, fmt.Sprintf("bytes %d-", t.offset)) {
		return errors.Join(fmt.Errorf("the store answered with the range %q", got), out.Body.Close())
	}
	_ = t.body.Close() // broken already; its error was the reason to resume
	t.body = out.Body
	return nil
}
