package sqsqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// Listener is the platform's side of the results queue, for tests and for platforms that have no reader of their own. It takes every
// event away from whoever else listens. It is safe for concurrent use.
type Listener struct {
	service
	results target
	wait    int32

	polling sync.Mutex // one reads at a time, for all

	mu       sync.Mutex
	answered map[string]bool // job IDs whose grading_result came
}

// NewListener connects to Options.ResultsQueue.
func NewListener(ctx context.Context, opts *Options) (*Listener, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.ResultsQueue == "" {
		return nil, errors.New("no results queue is configured (sqs.results_queue)")
	}
	connected, err := connect(ctx, &o)
	if err != nil {
		return nil, err
	}
	l := &Listener{service: *connected, wait: seconds(o.WaitTime), answered: map[string]bool{}}
	if l.results, err = l.target(ctx, "results", o.ResultsQueue); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Wait returns when the job's grading_result has come. The report itself is in the store, whether the event carried it or not.
func (l *Listener) Wait(ctx context.Context, jobID string) error {
	for {
		if l.take(jobID) {
			return nil
		}
		if err := l.poll(ctx, jobID); err != nil {
			return fmt.Errorf("wait for the result of job %q: %w", jobID, err)
		}
	}
}

func (l *Listener) take(jobID string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	came := l.answered[jobID]
	delete(l.answered, jobID)
	return came
}

// poll reads the queue once, unless the job's event came while somebody else did.
func (l *Listener) poll(ctx context.Context, jobID string) error {
	l.polling.Lock()
	defer l.polling.Unlock()
	l.mu.Lock()
	came := l.answered[jobID]
	l.mu.Unlock()
	if came {
		return nil
	}
	out, err := l.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &l.results.url, MaxNumberOfMessages: MaxReceive, WaitTimeSeconds: l.wait,
	})
	if err != nil {
		return err
	}
	for i := range out.Messages {
		if err := l.note(ctx, aws.ToString(out.Messages[i].Body), out.Messages[i].ReceiptHandle); err != nil {
			return err
		}
	}
	return nil
}

func (l *Listener) note(ctx context.Context, body string, receipt *string) error {
	var e event
	if json.Unmarshal([]byte(body), &e) == nil && e.Event == "grading_result" {
		l.mu.Lock()
		l.answered[e.JobID] = true
		l.mu.Unlock()
	}
	_, err := l.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &l.results.url, ReceiptHandle: receipt})
	return err
}
