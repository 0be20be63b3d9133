package s3store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/store"
)

const (
	// PartSize is the least size that S3 takes for a part that is not the last: 5 MiB. Parts go one at a time.
	PartSize = 5 << 20
	// maxParts is S3's limit, so a file may have 48.8 GiB.
	maxParts = 10_000
	// abortTimeout is for removing the parts of a failed upload, also where the upload's own time is over.
	abortTimeout = 30 * time.Second
)

var errTooManyParts = fmt.Errorf("the file is larger than %d parts of %d bytes", maxParts, PartSize)

// Put stores r under the name: in one request if it is shorter than PartSize, else in parts of which S3 makes the object at the end.
// Parts of an upload that failed are removed; what a killed process left is for the bucket's lifecycle rule. The error wraps
// store.ErrNotExist where S3 has no such bucket or can have no such key.
func (s *Store) Put(ctx context.Context, at jobspec.Location, name string, r io.Reader) error {
	p, err := locate(at, name)
	if err != nil {
		return fmt.Errorf("store %s: %w: %w", p, store.ErrNotExist, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.transferTimeout, errTooSlow)
	defer cancel()
	if err := s.put(ctx, p, r); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w (%w)", cause, err)
		} else if impossible(err) {
			err = fmt.Errorf("%w: %w", store.ErrNotExist, err)
		}
		return fmt.Errorf("store %s: %w", p, err)
	}
	return nil
}

// impossible says whether S3's answer is that nothing can ever be stored there. A right that is missing is no such answer: it is the
// operator's to give.
func impossible(err error) bool {
	refusal, ok := errors.AsType[smithy.APIError](err)
	return ok && slices.Contains([]string{"NoSuchBucket", "InvalidBucketName", "KeyTooLongError"}, refusal.ErrorCode())
}

func (s *Store) put(ctx context.Context, p place, r io.Reader) error {
	part, _ := s.parts.Get().(*[]byte)
	defer s.parts.Put(part)
	n, err := fill(*part, r)
	if err == nil {
		return s.putParts(ctx, p, *part, r)
	}
	if !errors.Is(err, errEnded) {
		return err
	}
	_, err = s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &p.bucket, Key: &p.key, ContentType: contentType(p.key),
		Body: bytes.NewReader((*part)[:n]), ContentLength: aws.Int64(int64(n)),
	})
	return err
}

// putParts stores part, which is full, and what r still has.
func (s *Store) putParts(ctx context.Context, p place, part []byte, r io.Reader) error {
	made, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &p.bucket, Key: &p.key, ContentType: contentType(p.key),
	})
	if err != nil {
		return err
	}
	u := &upload{client: s.client, place: p, id: made.UploadId}
	err = u.send(ctx, part, r)
	if err == nil {
		err = u.complete(ctx)
	}
	if err != nil {
		return errors.Join(err, u.abort(ctx))
	}
	return nil
}

// upload is a multipart upload in progress.
type upload struct {
	client *s3.Client
	place  place
	id     *string
	parts  []types.CompletedPart
}

// send uploads part and then fills it again and again from r.
func (u *upload) send(ctx context.Context, part []byte, r io.Reader) error {
	n, ended := len(part), false
	for n > 0 {
		err := u.sendPart(ctx, part[:n])
		if err != nil || ended {
			return err
		}
		n, err = fill(part, r)
		if ended = errors.Is(err, errEnded); err != nil && !ended {
			return err
		}
	}
	return nil
}

func (u *upload) sendPart(ctx context.Context, part []byte) error {
	if len(u.parts) == maxParts {
		return errTooManyParts
	}
	number := aws.Int32(int32(len(u.parts)) + 1) //nolint:gosec // at most maxParts
	out, err := u.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &u.place.bucket, Key: &u.place.key, UploadId: u.id, PartNumber: number,
		Body: bytes.NewReader(part), ContentLength: aws.Int64(int64(len(part))),
	})
	if err != nil {
		return err
	}
	// The part's checksum was checked when it came. It is not repeated at the end: S3 wants that only of an upload that announced it.
	u.parts = append(u.parts, types.CompletedPart{PartNumber: number, ETag: out.ETag})
	return nil
}

func (u *upload) complete(ctx context.Context) error {
	_, err := u.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &u.place.bucket, Key: &u.place.key, UploadId: u.id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: u.parts},
	})
	return err
}

// abort removes the parts. Its context outlives ctx, whose end is a common reason for an upload to fail.
func (u *upload) abort(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
	defer cancel()
	_, err := u.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &u.place.bucket, Key: &u.place.key, UploadId: u.id,
	})
	if err != nil {
		return fmt.Errorf("remove the parts: %w", err)
	}
	return nil
}

func newPart() any {
	part := make([]byte, PartSize)
	return &part
}

// errEnded is that a source ended well. io.ReadFull cannot be used: it says io.ErrUnexpectedEOF for that, and so does a source
// that broke.
var errEnded = errors.New("the source ended")

// fill reads until part is full. It returns errEnded where r ended first, and r's own error where r failed.
func fill(part []byte, r io.Reader) (int, error) {
	n := 0
	for n < len(part) {
		m, err := r.Read(part[n:])
		n += m
		if err == io.EOF {
			return n, errEnded
		}
		if err != nil {
			return n, fmt.Errorf("read what to store: %w", err)
		}
	}
	return n, nil
}

// contentType is what a browser that staff open the object with should know. PrairieLearn does not look at it.
func contentType(key string) *string {
	switch path.Ext(key) {
	case ".json":
		return aws.String("application/json")
	case ".log":
		return aws.String("text/plain; charset=utf-8")
	case ".gz":
		return aws.String("application/gzip")
	default:
		return aws.String("application/octet-stream")
	}
}
