package sqsqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// noReceipt is a receipt handle that SQS never gave.
const noReceipt = "slashgrade-probe"

// Right is one call and whether it is allowed.
type Right struct {
	// Name is as IAM has it, with the queue: "sqs:SendMessage on results".
	Name string
	// Err is why not; nil if it is.
	Err error
}

// Probe is what a look at the queues found.
type Probe struct {
	// Rights are the calls that a runner makes.
	Rights []Right
	// Waiting and Taken count the messages of the jobs queue, roughly; -1 where we may not ask.
	Waiting, Taken int
	// MaxReceives is how often a message may be received before the jobs queue's redrive policy moves it; 0 is no policy, -1 unknown.
	MaxReceives int
	// ServerTime is the service's clock, between the instants Before and After of ours; zero where it did not say.
	Before, After, ServerTime time.Time
}

// Probe looks at the queues without taking, adding or changing a message: each call is one that SQS must refuse, and what it says
// tells whether it would refuse a good one.
func (q *Queue) Probe(ctx context.Context) *Probe {
	p := &Probe{Waiting: -1, Taken: -1, MaxReceives: -1}
	q.attributes(ctx, p)
	receipt, none := noReceipt, int32(0)
	p.try("sqs:ChangeMessageVisibility on jobs", func() error {
		_, err := q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
			QueueUrl: &q.jobs.url, ReceiptHandle: &receipt, VisibilityTimeout: none,
		})
		return err
	})
	p.try("sqs:DeleteMessage on jobs", func() error {
		_, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.jobs.url, ReceiptHandle: &receipt})
		return err
	})
	p.try("sqs:ReceiveMessage on jobs", func() error {
		// 11 messages are more than a call may ask for.
		_, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.jobs.url, MaxNumberOfMessages: MaxReceive + 1})
		return err
	})
	p.try("sqs:SendMessage on results", func() error { return q.sendNothing(ctx, q.results.url) })
	if q.deadLetters != nil {
		p.try("sqs:SendMessage on dead letters", func() error { return q.sendNothing(ctx, q.deadLetters.url) })
	}
	return p
}

func (q *Queue) sendNothing(ctx context.Context, url string) error {
	_, err := q.client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: []types.SendMessageBatchRequestEntry{}})
	return err
}

// attributes asks for what a runner can do without.
func (q *Queue) attributes(ctx context.Context, p *Probe) {
	p.Before = time.Now()
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &q.jobs.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	p.After = time.Now()
	if err != nil {
		return
	}
	p.ServerTime, _ = awsmiddleware.GetServerTime(out.ResultMetadata)
	p.Waiting = number(out.Attributes, types.QueueAttributeNameApproximateNumberOfMessages)
	p.Taken = number(out.Attributes, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible)
	p.MaxReceives = maxReceives(out.Attributes[string(types.QueueAttributeNameRedrivePolicy)])
}

func number(attributes map[string]string, name types.QueueAttributeName) int {
	n, err := strconv.Atoi(attributes[string(name)])
	if err != nil {
		return -1
	}
	return n
}

// try notes whether SQS refused the call for what is wrong with it, or for who we are. No answer at all is an error too.
func (p *Probe) try(name string, call func() error) {
	err := call()
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		switch status := response.HTTPStatusCode(); {
		case status == 401 || status == 403:
		case status < 500:
			err = nil
		}
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	p.Rights = append(p.Rights, Right{Name: name, Err: err})
}

// maxReceives reads a redrive policy, in which the number is a text for some and a number for others.
func maxReceives(policy string) int {
	var read struct {
		Max any `json:"maxReceiveCount"`
	}
	if json.Unmarshal([]byte(policy), &read) != nil || read.Max == nil {
		return 0
	}
	n, err := strconv.Atoi(fmt.Sprint(read.Max))
	if err != nil {
		return -1
	}
	return n
}
