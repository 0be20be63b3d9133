package s3store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// probeKey is an object that is never made.
const probeKey = "slashgrade-probe/nothing"

// Probe says whether the bucket is there and may be read from and written to, without putting anything into it: it asks for an object that is
// not there, and adds a part to an upload that was never begun. Without the right s3:ListBucket S3 says of an object that is not there
// that it is forbidden: reading is then such an error although it may be allowed.
func (s *Store) Probe(ctx context.Context, bucket string) (reading, writing error) {
	_, err := s.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: aws.String(probeKey)})
	if reading = judge(err, "NoSuchKey"); reading != nil {
		reading = fmt.Errorf("read from the bucket %q (s3:GetObject): %w", bucket, reading)
	}
	_, err = s.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &bucket, Key: aws.String(probeKey), UploadId: aws.String("none"), PartNumber: aws.Int32(1), Body: strings.NewReader("x"),
	})
	if writing = judge(err, "NoSuchUpload"); writing != nil {
		writing = fmt.Errorf("write to the bucket %q (s3:PutObject): %w", bucket, writing)
	}
	return reading, writing
}

// judge takes the refusal that a good request would not have met.
func judge(err error, expected string) error {
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[smithy.APIError](err); ok {
		switch refusal.ErrorCode() {
		case expected:
			return nil
		case "NoSuchBucket":
			return errors.New("there is no such bucket")
		}
	}
	var response *awshttp.ResponseError
	if errors.As(err, &response) && response.HTTPStatusCode() == http.StatusBadRequest {
		return nil // it was looked at and found odd, as it is
	}
	return err
}
