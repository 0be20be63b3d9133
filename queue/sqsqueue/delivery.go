package sqsqueue

import (
	"errors"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
)

// delivery is one message as SQS gave it.
type delivery struct {
	id, receipt, body string
	sent              time.Time // zero if SQS did not say
	receives          int       // approximately, this one included
}

func receivedAttributes() []types.MessageSystemAttributeName {
	return []types.MessageSystemAttributeName{
		types.MessageSystemAttributeNameSentTimestamp, types.MessageSystemAttributeNameApproximateReceiveCount,
	}
}

func newDelivery(m *types.Message) *delivery {
	d := &delivery{id: aws.ToString(m.MessageId), receipt: aws.ToString(m.ReceiptHandle), body: aws.ToString(m.Body)}
	if ms, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64); err == nil {
		d.sent = time.UnixMilli(ms).UTC()
	}
	if n, err := strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)]); err == nil {
		d.receives = n
	}
	return d
}

// message reads the body. The error is that nothing in it says whom to answer.
func (d *delivery) message(received time.Time, maxTimeout time.Duration) (*queue.Message, error) {
	job, refusal, err := parse([]byte(d.body), maxTimeout)
	if err != nil {
		return nil, err
	}
	job.SubmittedAt, job.ReceivedAt, job.DeliveryID = d.sent, received, d.id
	return &queue.Message{Job: job, Refusal: refusal, Deliveries: d.receives, Handle: receipt(d.receipt)}, nil
}

// parse tells a good job, a job to refuse and an unreadable message apart.
func parse(body []byte, maxTimeout time.Duration) (*jobspec.Job, *queue.Refusal, error) {
	job, err := jobspec.ParseMessageWithin(body, maxTimeout)
	if err == nil {
		return job, nil, nil
	}
	var bad *jobspec.MessageError
	if errors.As(err, &bad) && bad.Job != nil && bad.Job.ID != "" {
		return bad.Job, &queue.Refusal{Reason: bad.Reason, Problems: bad.Problems, ProblemCount: bad.ProblemCount}, nil
	}
	return nil, nil, err
}
