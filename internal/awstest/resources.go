package awstest

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/slashgrade/slashgrade/internal/awsclient"
	"github.com/slashgrade/slashgrade/internal/testenv"
)

// Services are plain clients of LocalStack, for what a test prepares and looks at.
type Services struct {
	SQS *sqs.Client
	S3  *s3.Client
}

// NewServices connects to LocalStack, around any Proxy.
func NewServices(tb testing.TB) *Services {
	tb.Helper()
	endpoint := testenv.NeedsLocalStack(tb)
	o := &awsclient.Options{Endpoint: endpoint, Stall: time.Minute, Attempts: 3, MaxBackoff: time.Second}
	o.Load = append(o.Load, Credentials)
	client, err := awsclient.New(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	return &Services{
		SQS: sqs.NewFromConfig(client.Config, func(o *sqs.Options) { o.BaseEndpoint = &endpoint }),
		S3: s3.NewFromConfig(client.Config, func(o *s3.Options) {
			o.BaseEndpoint, o.UsePathStyle = &endpoint, true
		}),
	}
}

// Queue makes a queue with the attributes, for example VisibilityTimeout, and returns its name and URL.
func (s *Services) Queue(tb testing.TB, attributes map[string]string) (name, url string) {
	tb.Helper()
	name = unique()
	made, err := s.SQS.CreateQueue(tb.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		tb.Fatalf("make a queue: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := cleanup(tb)
		defer cancel()
		if _, err := s.SQS.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: made.QueueUrl}); err != nil {
			tb.Errorf("delete the queue: %v", err)
		}
	})
	return name, *made.QueueUrl
}

// Drain takes what is in the queue and returns the bodies. It waits up to a second for the first.
func (s *Services) Drain(ctx context.Context, url string) ([]string, error) {
	var bodies []string
	for {
		got, err := s.SQS.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
		if err != nil || len(got.Messages) == 0 {
			return bodies, err
		}
		for i := range got.Messages {
			bodies = append(bodies, *got.Messages[i].Body)
			remove := &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: got.Messages[i].ReceiptHandle}
			if _, err := s.SQS.DeleteMessage(ctx, remove); err != nil {
				return bodies, err
			}
		}
	}
}

// Count says how many messages wait in the queue and how many are with a receiver.
func (s *Services) Count(tb testing.TB, url string) (waiting, taken string) {
	tb.Helper()
	names := []types.QueueAttributeName{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"}
	got, err := s.SQS.GetQueueAttributes(tb.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: names})
	if err != nil {
		tb.Fatalf("count the messages: %v", err)
	}
	return got.Attributes[string(names[0])], got.Attributes[string(names[1])]
}

// Bucket makes a bucket and returns its name. What a test puts there goes with it.
func (s *Services) Bucket(tb testing.TB) string {
	tb.Helper()
	name := unique()
	if _, err := s.S3.CreateBucket(tb.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		tb.Fatalf("make a bucket: %v", err)
	}
	tb.Cleanup(func() {
		ctx, cancel := cleanup(tb)
		defer cancel()
		s.empty(ctx, tb, name)
		if _, err := s.S3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &name}); err != nil {
			tb.Errorf("delete the bucket: %v", err)
		}
	})
	return name
}

func (s *Services) empty(ctx context.Context, tb testing.TB, bucket string) {
	tb.Helper()
	pages := s3.NewListObjectsV2Paginator(s.S3, &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			tb.Errorf("list the bucket: %v", err)
			return
		}
		for i := range page.Contents {
			if _, err := s.S3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: page.Contents[i].Key}); err != nil {
				tb.Errorf("empty the bucket: %v", err)
			}
		}
	}
}

// cleanup outlives t's own context, which has ended when cleanups run.
func cleanup(tb testing.TB) (context.Context, context.CancelFunc) {
	tb.Helper()
	return context.WithTimeout(context.WithoutCancel(tb.Context()), 30*time.Second)
}

// unique is a name that both services take.
func unique() string {
	return "slashgrade-test-" + strings.ToLower(rand.Text())
}

// Object is the body and content type of what lies in the bucket under key.
func (s *Services) Object(tb testing.TB, bucket, key string) *s3.GetObjectOutput {
	tb.Helper()
	got, err := s.S3.GetObject(tb.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	if err != nil {
		tb.Fatalf("get %q: %v", key, err)
	}
	tb.Cleanup(func() { _ = got.Body.Close() })
	return got
}
