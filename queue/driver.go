// Package queue takes jobs from where platforms put them and answers each once. [Worker] is the one loop for every queue; a
// [Driver] is what a queue must be able to do; drivers are sqsqueue (PrairieLearn's protocol on SQS) and riverqueue (embedded in a
// SQLite file). Package queuetest is the suite that every driver passes.
//
// # Delivery
//
// A job is delivered at least once and answered once: the report is stored before the answer is sent, the answer is sent before the
// message is removed, and a message that comes again is answered from the stored report.
package queue

import (
	"context"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/schemas"
)

// Message is one delivery of a job.
type Message struct {
	// Job is what to grade. Where Refusal is set, only the fields that could be read are.
	Job *jobspec.Job
	// Refusal says why the job can never be graded, nil for a good one. The worker answers it with a failed Report.
	Refusal *Refusal
	// Deliveries counts how often the message was delivered, this time included: 1 is the first. Queues may count roughly.
	Deliveries int
	// Handle is the driver's own.
	Handle any
}

// Redelivered says that the message was delivered before, perhaps to a worker that ended in the middle of it.
func (m *Message) Redelivered() bool { return m.Deliveries > 1 }

// Refusal is why a message can never be graded.
type Refusal struct {
	// Reason is one paragraph for course staff that names the place and the rule.
	Reason string
	// Problems are the places one by one, at most schemas.MaxShown; ProblemCount says how many there are.
	Problems     []schemas.Violation
	ProblemCount int
}

// Driver is a queue of jobs. Implementations are safe for concurrent use, return errors as they come and never retry: the worker does.
type Driver interface {
	// Receive waits until there is at least one message and returns at most limit, or returns none and no error when its own poll
	// ended. It returns ctx's error when ctx ends. A message that has no job that could be answered never leaves Receive:
	// the driver sets it aside with the reason in its log.
	Receive(ctx context.Context, limit int) ([]*Message, error)
	// Extend keeps the message ours for another lease (see Lease). Queues without leases return nil.
	Extend(ctx context.Context, m *Message) error
	// Complete delivers the report and then removes the message. The instant at which the answer was accepted is returned; it is
	// zero if it was not, and the error says why. An error beside an instant means that the message could not be removed: it may
	// come again.
	Complete(ctx context.Context, m *Message, r *jobspec.Report) (time.Time, error)
	// Release gives the message back for another try, here or elsewhere, once the time has passed (whole seconds; 0 is at once).
	// It is only for failures of ours: a message that can never be graded would come back for ever.
	Release(ctx context.Context, m *Message, after time.Duration) error
	// Lease is how long a received message stays ours without Extend; 0 is for ever.
	Lease() time.Duration
}

// Announcer is a Driver that also tells the platform that a job was taken. Failures are logged and ignored.
type Announcer interface {
	Announce(ctx context.Context, m *Message) error
}

// Recorder is a Driver that keeps the last timestamp, graded_at, which no answer can hold, in a record of its own.
type Recorder interface {
	Record(ctx context.Context, m *Message, gradedAt time.Time) error
}

// Holder is a Driver that takes messages before they are asked for. Once GiveBack is called it takes no more, and returns when what it
// holds is given back or ctx has ended. Messages that were received stay ours.
type Holder interface {
	GiveBack(ctx context.Context) error
}
