package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/slashgrade/slashgrade/doctor"
	"github.com/slashgrade/slashgrade/queue/riverqueue"
	"github.com/slashgrade/slashgrade/queue/sqsqueue"
	"github.com/slashgrade/slashgrade/store/s3store"
)

// fewReceives is what a job needs to live through two failures of ours.
const fewReceives = 3

func (v *visit) lookAtRiver(ctx context.Context) []doctor.Finding {
	const name = "queue"
	path := filepath.Join(v.config.Runner.DataDir, "queue.db")
	if _, err := os.Stat(path); err != nil {
		return []doctor.Finding{doctor.Good(name, "embedded; %s is not there yet, the first start makes it", path)}
	}
	river, err := riverqueue.Open(ctx, path, nil)
	if err != nil {
		return []doctor.Finding{doctor.Bad(name, "Look at the disk and at who owns the file. A copy of it from before the damage can take its place.", "%v", err)}
	}
	v.onClose(river.Close)
	depth, err := river.Depth(ctx)
	if err != nil {
		return []doctor.Finding{doctor.Bad(name, "The file is damaged or not a queue's.", "%v", err)}
	}
	return []doctor.Finding{doctor.Good(name, "embedded, %s: %d jobs wait, %d run", path, depth.Waiting, depth.Running)}
}

func (v *visit) lookAtSQS(ctx context.Context) []doctor.Finding {
	const name = "queue"
	queue, err := sqsqueue.New(ctx, v.sqsOptions())
	if err != nil {
		return []doctor.Finding{doctor.Bad(name, "Look at the queues' names, at sqs.region and sqs.endpoint, and at the credentials (the AWS way).", "%v", err)}
	}
	v.onClose(func() error { queue.Close(); return nil })
	return sqsFindings(queue.Probe(ctx), v.config)
}

func sqsFindings(p *sqsqueue.Probe, config *Config) []doctor.Finding {
	const name = "queue"
	found := []doctor.Finding{doctor.Good(name, "%s: %s", config.SQS.JobsQueue, waiting(p))}
	if p.MaxReceives > 0 && p.MaxReceives < fewReceives {
		found = append(found, doctor.Poor(name, fmt.Sprintf("Set maxReceiveCount of its redrive policy to %d or more.", fewReceives),
			"a job that came %d times is given up by the queue: too few for failures of a host", p.MaxReceives))
	}
	for _, right := range p.Rights {
		if right.Err != nil {
			found = append(found, doctor.Bad("rights", "Give this host's credentials the right, or look at the network if there is no answer.", "%v", right.Err))
		}
	}
	if len(found) == 1 {
		found = append(found, doctor.Good("rights", "receive, extend, delete and send are allowed"))
	}
	if !p.ServerTime.IsZero() {
		found = append(found, doctor.Clock("SQS", p.ServerTime, p.Before, p.After))
	}
	return found
}

func waiting(p *sqsqueue.Probe) string {
	if p.Waiting < 0 {
		return "how many jobs wait may not be asked (sqs:GetQueueAttributes), which is all right"
	}
	return fmt.Sprintf("about %d jobs wait, %d are with runners", p.Waiting, p.Taken)
}

func (v *visit) lookAtS3(ctx context.Context) []doctor.Finding {
	const name = "bucket"
	opts := v.s3Options()
	opts.Attempts = 1 // a look, not a job that must come through
	store, err := s3store.New(ctx, opts)
	if err != nil {
		return []doctor.Finding{doctor.Bad(name, "Look at s3.endpoint, s3.region and the credentials (the AWS way).", "%v", err)}
	}
	v.onClose(func() error { store.Close(); return nil })
	bucket := v.config.S3.Bucket
	reading, writing := store.Probe(ctx, bucket)
	if writing != nil {
		return []doctor.Finding{doctor.Bad(name, "Look at the name (s3.bucket; jobs name their own) and at the right.", "%v", writing)}
	}
	if reading != nil {
		return []doctor.Finding{doctor.Poor(name, "Make sure of s3:GetObject. Without s3:ListBucket, which a runner does not need, S3 says this in any case.", "%v", reading)}
	}
	return []doctor.Finding{doctor.Good(name, "%s can be read and written", bucket)}
}
