package sqsqueue

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/slashgrade/slashgrade/internal/awsclient"
)

// service is the way to SQS.
type service struct {
	client      *sqs.Client
	connections *awsclient.Client
	timeout     time.Duration // of one request
}

// target is a queue: what it is called in messages and where it is.
type target struct {
	name, url string
}

func connect(ctx context.Context, o *Options) (*service, error) {
	connections, err := awsclient.New(ctx, &awsclient.Options{
		Endpoint: o.Endpoint, Region: o.Region, Load: o.Load,
		// A long poll is silent for all of its time.
		Stall:    o.WaitTime + o.RequestTimeout,
		Attempts: attempts, MaxBackoff: maxBackoff,
	})
	if err != nil {
		return nil, fmt.Errorf("connect to SQS: %w", err)
	}
	client := sqs.NewFromConfig(connections.Config, func(to *sqs.Options) {
		if o.Endpoint != "" {
			to.BaseEndpoint = &o.Endpoint
		}
	})
	return &service{client: client, connections: connections, timeout: o.RequestTimeout}, nil
}

// Close closes idle connections. What it belongs to stays usable.
func (s *service) Close() {
	s.connections.Close()
}

// target takes a queue's name or URL; role says in errors what it is for.
func (s *service) target(ctx context.Context, role, nameOrURL string) (target, error) {
	if strings.HasPrefix(nameOrURL, "https://") || strings.HasPrefix(nameOrURL, "http://") {
		return target{name: nameOrURL[strings.LastIndex(nameOrURL, "/")+1:], url: nameOrURL}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	out, err := s.client.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &nameOrURL})
	if err != nil {
		return target{}, fmt.Errorf("find the %s queue %q in region %s: %w", role, nameOrURL, s.connections.Config.Region, err)
	}
	return target{name: nameOrURL, url: aws.ToString(out.QueueUrl)}, nil
}

func (s *service) send(ctx context.Context, to *target, body string) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if _, err := s.client.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: &to.url, MessageBody: &body}); err != nil {
		return fmt.Errorf("send to the queue %s: %w", to.name, err)
	}
	return nil
}
