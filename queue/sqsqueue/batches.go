package sqsqueue

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// sends are SendMessage and SendMessageBatch to the queue.
func (s *service) sends(to target) *batcher {
	return &batcher{
		timeout: s.timeout,
		one: func(ctx context.Context, body string) error {
			_, err := s.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &to.url, MessageBody: &body})
			return err
		},
		many: func(ctx context.Context, bodies []string) ([]error, error) {
			input := &sqs.SendMessageBatchInput{QueueUrl: &to.url}
			for i := range bodies {
				input.Entries = append(input.Entries, types.SendMessageBatchRequestEntry{Id: entryID(i), MessageBody: &bodies[i]})
			}
			out, err := s.client.SendMessageBatch(ctx, input)
			if err != nil {
				return nil, err
			}
			done := make([]*string, len(out.Successful))
			for i := range out.Successful {
				done[i] = out.Successful[i].Id
			}
			return fates(len(bodies), done, out.Failed), nil
		},
	}
}

// deletes are DeleteMessage and DeleteMessageBatch by receipt.
func (s *service) deletes(from target) *batcher {
	return &batcher{
		timeout: s.timeout,
		one: func(ctx context.Context, receipt string) error {
			_, err := s.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &from.url, ReceiptHandle: &receipt})
			return err
		},
		many: func(ctx context.Context, receipts []string) ([]error, error) {
			input := &sqs.DeleteMessageBatchInput{QueueUrl: &from.url}
			for i := range receipts {
				input.Entries = append(input.Entries, types.DeleteMessageBatchRequestEntry{Id: entryID(i), ReceiptHandle: &receipts[i]})
			}
			out, err := s.client.DeleteMessageBatch(ctx, input)
			if err != nil {
				return nil, err
			}
			done := make([]*string, len(out.Successful))
			for i := range out.Successful {
				done[i] = out.Successful[i].Id
			}
			return fates(len(receipts), done, out.Failed), nil
		},
	}
}

// visibilities are ChangeMessageVisibility and ChangeMessageVisibilityBatch; their texts are those of visibility. A call that hangs is given
// up when half of the lease is over, so that another can be made in time.
func (s *service) visibilities(of target, lease time.Duration) *batcher {
	return &batcher{
		timeout: min(s.timeout, lease/2),
		one: func(ctx context.Context, text string) error {
			timeout, receipt := readVisibility(text)
			_, err := s.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{
				QueueUrl: &of.url, ReceiptHandle: &receipt, VisibilityTimeout: timeout,
			})
			return err
		},
		many: func(ctx context.Context, texts []string) ([]error, error) {
			input := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &of.url}
			for i := range texts {
				timeout, receipt := readVisibility(texts[i])
				input.Entries = append(input.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
					Id: entryID(i), ReceiptHandle: &receipt, VisibilityTimeout: timeout,
				})
			}
			out, err := s.client.ChangeMessageVisibilityBatch(ctx, input)
			if err != nil {
				return nil, err
			}
			done := make([]*string, len(out.Successful))
			for i := range out.Successful {
				done[i] = out.Successful[i].Id
			}
			return fates(len(texts), done, out.Failed), nil
		},
	}
}

// visibility is what a batcher of visibilities is told: seconds and receipt.
func visibility(timeout time.Duration, receipt string) string {
	return strconv.Itoa(int(seconds(timeout))) + " " + receipt
}

func readVisibility(text string) (timeout int32, receipt string) {
	before, receipt, _ := strings.Cut(text, " ")
	number, _ := strconv.ParseInt(before, 10, 32) // visibility wrote it
	return int32(number), receipt
}

// entryID is an entry's name within its batch.
func entryID(index int) *string { return aws.String(strconv.Itoa(index)) }

// fates says of each entry of a batch what became of it; nil is good.
func fates(n int, done []*string, failed []types.BatchResultErrorEntry) []error {
	all := make([]error, n)
	for i := range all {
		all[i] = errUnmentioned
	}
	set := func(id *string, fate error) {
		if i, err := strconv.Atoi(aws.ToString(id)); err == nil && i >= 0 && i < n {
			all[i] = fate
		}
	}
	for _, id := range done {
		set(id, nil)
	}
	for i := range failed {
		set(failed[i].Id, fmt.Errorf("SQS refused it in a batch: %s: %s", aws.ToString(failed[i].Code), aws.ToString(failed[i].Message)))
	}
	return all
}
