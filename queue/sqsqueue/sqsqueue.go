// Package sqsqueue speaks PrairieLearn's protocol on Amazon SQS: jobs come from one queue, events go to another. It is also the queue for
// many hosts that are not PrairieLearn's.
//
// # Wire
//
// A job is the JSON object of jobspec.MarshalMessage. Two events answer it, compact JSON on the results queue, and no other is ever sent:
//
//	{"jobId":"7","event":"job_received","data":{"receivedTime":"2026-11-22T15:03:51.285Z"}}
//	{"jobId":"7","event":"grading_result","data":{the Report}}
//
// The second has no data where the whole body would exceed [MaxInline] bytes; the platform then reads results.json from the job's place in
// the store. The worker has put it there before it calls Complete.
//
// # Leases
//
// A message is taken for the visibility timeout and taken back by SQS after it. SQS delivers at least once: two receivers can hold
// one message, and a delete can be lost. A Receive that its context cuts short may have been given messages that nobody sees: they
// are back after one visibility timeout.
//
// # Calls
//
// Receive is one call for as many messages as the worker has free slots, at most [MaxReceive]. An event, a delete or a heartbeat that is ready while at
// most one of its kind is under way goes at once and alone; those that become ready meanwhile go together in one call, each with a
// fate of its own. Connections are kept.
//
// # Messages that nobody can answer
//
// A message without a readable jobId goes to the dead-letter queue where one is configured (sent there, then deleted). Without one it
// is logged once and left alone: the jobs queue's own redrive policy counts its receives.
//
// Needed rights are sqs:GetQueueUrl (where queues are given by name), ReceiveMessage, ChangeMessageVisibility and DeleteMessage on the jobs
// queue, SendMessage on the others. Queues are standard ones, not FIFO.
package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
)

// MaxReceive is how many messages SQS gives at once, at most.
const MaxReceive = 10

// Queue is a queue.Driver and a queue.Announcer. It is safe for concurrent use.
type Queue struct {
	service
	jobs, results target
	deadLetters   *target // nil where none is configured
	visibility    time.Duration
	wait          time.Duration
	maxTimeout    time.Duration // of a job
	log           *slog.Logger
	aside         remembered
	events        *batcher // to the results queue
	removals      *batcher // from the jobs queue
	leases        *batcher // of its messages, extended or ended
}

var (
	_ queue.Driver    = (*Queue)(nil)
	_ queue.Announcer = (*Queue)(nil)
)

// New connects to the jobs queue and the results queue. It fails where either is not configured or, given by name, does not exist.
func New(ctx context.Context, opts *Options) (*Queue, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.ResultsQueue == "" {
		return nil, errors.New("no results queue is configured (sqs.results_queue): nobody would be told what came of a job")
	}
	connected, err := connect(ctx, &o)
	if err != nil {
		return nil, err
	}
	q := &Queue{
		service: *connected, visibility: o.VisibilityTimeout, wait: o.WaitTime, maxTimeout: o.MaxTimeout, log: o.Logger,
	}
	if err := q.find(ctx, &o); err != nil {
		q.Close()
		return nil, err
	}
	q.events, q.removals, q.leases = q.sends(q.results), q.deletes(q.jobs), q.visibilities(q.jobs, q.visibility)
	return q, nil
}

func (q *Queue) find(ctx context.Context, o *Options) (err error) {
	if q.jobs, err = q.target(ctx, "jobs", o.JobsQueue); err != nil {
		return err
	}
	if q.results, err = q.target(ctx, "results", o.ResultsQueue); err != nil {
		return err
	}
	if o.DeadLetterQueue == "" {
		return nil
	}
	deadLetters, err := q.target(ctx, "dead-letter", o.DeadLetterQueue)
	q.deadLetters = &deadLetters
	return err
}

// Receive waits up to the wait time for messages and returns at most limit of them, at most MaxReceive. What nobody can answer is set aside.
func (q *Queue) Receive(ctx context.Context, limit int) ([]*queue.Message, error) {
	out, err := q.receive(ctx, limit)
	received := time.Now()
	if ctx.Err() != nil && err != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("receive from the jobs queue %s: %w", q.jobs.name, err)
	}
	messages := make([]*queue.Message, 0, len(out.Messages))
	for i := range out.Messages {
		d := newDelivery(&out.Messages[i])
		m, err := d.message(received, q.maxTimeout)
		if err != nil {
			q.setAside(ctx, d, err)
			continue
		}
		messages = append(messages, m)
	}
	return messages, nil
}

func (q *Queue) receive(ctx context.Context, limit int) (*sqs.ReceiveMessageOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, q.wait+q.timeout)
	defer cancel()
	return q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl:                    &q.jobs.url,
		MaxNumberOfMessages:         int32(min(max(limit, 1), MaxReceive)),
		WaitTimeSeconds:             seconds(q.wait),
		VisibilityTimeout:           seconds(q.visibility),
		MessageSystemAttributeNames: receivedAttributes(),
	})
}

// Extend makes the message invisible to others for another visibility timeout. SQS ends a message's lease for good 12 hours after
// it was received.
func (q *Queue) Extend(ctx context.Context, m *queue.Message) error {
	if err := q.changeVisibility(ctx, m, q.visibility); err != nil {
		return fmt.Errorf("extend the visibility of job %q: %w", m.Job.ID, err)
	}
	return nil
}

// Release makes the message visible to all receivers when the time has passed.
func (q *Queue) Release(ctx context.Context, m *queue.Message, after time.Duration) error {
	if err := q.changeVisibility(ctx, m, after); err != nil {
		return fmt.Errorf("give back job %q: %w", m.Job.ID, err)
	}
	return nil
}

func (q *Queue) changeVisibility(ctx context.Context, m *queue.Message, timeout time.Duration) error {
	receipt, err := receiptOf(m)
	if err != nil {
		return err
	}
	_, err = q.leases.do(ctx, visibility(timeout, receipt))
	return err
}

// Announce sends job_received.
func (q *Queue) Announce(ctx context.Context, m *queue.Message) error {
	body, err := receivedEvent(m.Job)
	if err != nil {
		return fmt.Errorf("write job_received of job %q: %w", m.Job.ID, err)
	}
	if _, err := q.events.do(ctx, body); err != nil {
		return fmt.Errorf("send job_received of job %q: %w", m.Job.ID, err)
	}
	return nil
}

// Complete sends grading_result and then deletes the message. The instant is when the call that sent it returned. Once the event is sent the
// message is deleted even if ctx ends.
func (q *Queue) Complete(ctx context.Context, m *queue.Message, r *jobspec.Report) (time.Time, error) {
	receipt, err := receiptOf(m)
	if err != nil {
		return time.Time{}, fmt.Errorf("answer job %q: %w", m.Job.ID, err)
	}
	body, err := resultEvent(m.Job, r)
	if err != nil {
		return time.Time{}, fmt.Errorf("write grading_result of job %q: %w", m.Job.ID, err)
	}
	answered, err := q.events.do(ctx, body)
	if err != nil {
		return time.Time{}, fmt.Errorf("send grading_result of job %q: %w", m.Job.ID, err)
	}
	if err := q.remove(context.WithoutCancel(ctx), receipt); err != nil {
		return answered, fmt.Errorf("delete the message of job %q, which is answered: %w", m.Job.ID, err)
	}
	return answered, nil
}

// Lease is the visibility timeout.
func (q *Queue) Lease() time.Duration {
	return q.visibility
}

func (q *Queue) remove(ctx context.Context, receipt string) error {
	_, err := q.removals.do(ctx, receipt)
	return err
}

// seconds are what SQS counts in; Options hold whole ones only.
func seconds(d time.Duration) int32 {
	return int32(d / time.Second) //nolint:gosec // Options bound it by 12 hours
}

// receiptOf is the receipt handle of this delivery, which SQS wants instead of the message's id.
func receiptOf(m *queue.Message) (string, error) {
	receipt, ok := m.Handle.(receipt)
	if !ok {
		return "", fmt.Errorf("the message is another driver's: its handle is a %T", m.Handle)
	}
	return string(receipt), nil
}

// receipt is the Handle of this driver's messages.
type receipt string
