package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/store"
)

// errTooSlow ends a transfer at Options.TransferTimeout.
var errTooSlow = errors.New("the transfer took too long")

// Open returns the object as a stream that resumes broken transfers. The error wraps store.ErrNotExist where S3 says that bucket or
// object is not there, not to be read by us, archived away, or could not have such a name.
func (s *Store) Open(ctx context.Context, at jobspec.Location, name string) (io.ReadCloser, error) {
	p, err := locate(at, name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w: %w", p, store.ErrNotExist, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.transferTimeout, errTooSlow)
	t := &transfer{
		fetch:  func(offset int64, etag *string) (*s3.GetObjectOutput, error) { return s.get(ctx, p, offset, etag) },
		pause:  func(try int) error { return s.pause(ctx, try) },
		cancel: cancel,
	}
	if err := t.start(); err != nil {
		cancel()
		return nil, fmt.Errorf("open %s: %w", p, err)
	}
	return t, nil
}

// get asks for the object from offset on, of the version that etag names if there is one.
func (s *Store) get(ctx context.Context, p place, offset int64, etag *string) (*s3.GetObjectOutput, error) {
	input := &s3.GetObjectInput{Bucket: &p.bucket, Key: &p.key, IfMatch: etag}
	if offset > 0 {
		input.Range = aws.String(fmt.Sprintf("bytes=%d-", offset))
	}
	out, err := s.client.GetObject(ctx, input)
	if err != nil {
		return nil, explain(ctx, err)
	}
	return out, nil
}

// pause waits before a try, and less long if ctx ends.
func (s *Store) pause(ctx context.Context, try int) error {
	delay, err := s.backoff.BackoffDelay(try, nil)
	if err != nil {
		return fmt.Errorf("choose a pause: %w", err)
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// explain gives an error of the SDK the cause that ended ctx, or store.ErrNotExist, where these apply.
func explain(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case cause != nil:
		return fmt.Errorf("%w (%w)", cause, err)
	case absent(err):
		return fmt.Errorf("%w: %w", store.ErrNotExist, err)
	default:
		return err
	}
}

// absent says whether S3's answer to a read is about the object and final. Other refusals with status 403 are about our credentials.
func absent(err error) bool {
	if refusal, ok := errors.AsType[smithy.APIError](err); ok {
		switch refusal.ErrorCode() {
		case "NoSuchKey", "NoSuchBucket", "AccessDenied", "AllAccessDisabled", "InvalidObjectState", "InvalidBucketName", "KeyTooLongError":
			return true
		}
	}
	var response *awshttp.ResponseError
	return errors.As(err, &response) && response.HTTPStatusCode() == http.StatusNotFound
}
