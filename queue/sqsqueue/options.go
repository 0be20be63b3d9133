package sqsqueue

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/slashgrade/slashgrade/jobspec"
)

// Defaults and limits of Options.
const (
	// DefaultVisibilityTimeout is that of PrairieLearn's own host.
	DefaultVisibilityTimeout = 60 * time.Second
	// MaxVisibilityTimeout is SQS's.
	MaxVisibilityTimeout = 12 * time.Hour
	// DefaultWaitTime is the longest poll that SQS has, and the cheapest way to wait.
	DefaultWaitTime = 20 * time.Second
	// MaxWaitTime is SQS's.
	MaxWaitTime = 20 * time.Second
	// DefaultRequestTimeout leaves time for more tries within one visibility timeout.
	DefaultRequestTimeout = 10 * time.Second
)

const (
	// attempts is how often the SDK sends one request: a connection that broke while idle is worth a second try, the rest is the
	// worker's to judge.
	attempts = 2
	// maxBackoff keeps the second try within the request timeout.
	maxBackoff = time.Second
)

// Options say which queues and how. Queues are given by name or by URL; the zero value of everything else is a default. Credentials
// come the AWS way (environment, profile, the machine's role).
type Options struct {
	// JobsQueue is where jobs come from.
	JobsQueue string
	// ResultsQueue is where events go.
	ResultsQueue string
	// DeadLetterQueue takes messages that nobody can answer. Empty leaves them to the jobs queue's redrive policy.
	DeadLetterQueue string
	// Endpoint is the URL of an SQS that is not AWS's. Empty is AWS, or what AWS_ENDPOINT_URL_SQS or AWS_ENDPOINT_URL name.
	Endpoint string
	// Region is the queues' AWS region; empty is the environment's or profile's, and us-east-1 where an Endpoint is given.
	Region string
	// VisibilityTimeout is how long a message stays ours without Extend: whole seconds, 1 s to MaxVisibilityTimeout.
	VisibilityTimeout time.Duration
	// WaitTime is how long Receive waits for a message: whole seconds, 1 s to MaxWaitTime.
	WaitTime time.Duration
	// MaxTimeout is the longest time limit of a job; a message that asks for more gets this and a warning. 0 is jobspec.MaxTimeout.
	MaxTimeout time.Duration
	// RequestTimeout is how long any other request may take, a second try included; for Receive it comes on top of WaitTime.
	RequestTimeout time.Duration
	// Logger takes what is set aside; nil is slog.Default.
	Logger *slog.Logger
	// Load holds more options for the AWS SDK's loading of its configuration.
	Load []func(*config.LoadOptions) error
}

func (o *Options) withDefaults() (Options, error) {
	var r Options
	if o != nil {
		r = *o
	}
	if r.JobsQueue == "" {
		return r, errors.New("no jobs queue is configured (sqs.jobs_queue)")
	}
	if r.VisibilityTimeout == 0 {
		r.VisibilityTimeout = DefaultVisibilityTimeout
	}
	if r.WaitTime == 0 {
		r.WaitTime = DefaultWaitTime
	}
	if r.MaxTimeout <= 0 {
		r.MaxTimeout = jobspec.MaxTimeout
	}
	if r.RequestTimeout <= 0 {
		r.RequestTimeout = DefaultRequestTimeout
	}
	if r.Logger == nil {
		r.Logger = slog.Default()
	}
	return r, errors.Join(
		wholeSeconds("visibility timeout (sqs.visibility_timeout)", r.VisibilityTimeout, MaxVisibilityTimeout),
		wholeSeconds("wait time (sqs.wait_time)", r.WaitTime, MaxWaitTime),
	)
}

func wholeSeconds(what string, d, most time.Duration) error {
	if d < time.Second || d > most || d%time.Second != 0 {
		return fmt.Errorf("the %s must be whole seconds from 1s to %s, not %s", what, most, d)
	}
	return nil
}
