package sqsqueue

import (
	"context"
	"fmt"

	"github.com/slashgrade/slashgrade/jobspec"
)

// Sender is the platform's side of the jobs queue. It is safe for concurrent use.
type Sender struct {
	service
	jobs target
}

// NewSender connects to Options.JobsQueue; the other queues are not looked at.
func NewSender(ctx context.Context, opts *Options) (*Sender, error) {
	o, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	connected, err := connect(ctx, &o)
	if err != nil {
		return nil, err
	}
	s := &Sender{service: *connected}
	if s.jobs, err = s.target(ctx, "jobs", o.JobsQueue); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Send puts the job on the queue in PrairieLearn's form. Its archive must be in the store already: a worker may take it at once.
func (s *Sender) Send(ctx context.Context, job *jobspec.Job) error {
	body, err := jobspec.MarshalMessage(job)
	if err != nil {
		return fmt.Errorf("write the message of job %q: %w", job.ID, err)
	}
	if err := s.SendRaw(ctx, sendable(string(body))); err != nil {
		return fmt.Errorf("send job %q: %w", job.ID, err)
	}
	return nil
}

// SendRaw puts any body on the queue: for trying what a worker makes of it.
func (s *Sender) SendRaw(ctx context.Context, body string) error {
	return s.send(ctx, &s.jobs, body)
}
