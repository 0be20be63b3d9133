package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"golang.org/x/sync/errgroup"

	"github.com/slashgrade/slashgrade/internal/awsclient"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue/sqsqueue"
	"github.com/slashgrade/slashgrade/store/s3store"
)

const (
	// region is LocalStack's.
	region = "us-east-1"
	// lastPoll is the pause after a runner has ended: LocalStack does not notice that its last poll was cut off, and would give it a
	// message of the next.
	lastPoll = 2 * time.Second
	// lease is short, so that jobs of a second have heartbeats.
	lease = 4 * time.Second
)

// platform is PrairieLearn's side on LocalStack: a bucket and two queues of this run's own.
type platform struct {
	*options
	connections *awsclient.Client
	queues      *sqs.Client
	objects     *s3.Client
	name        string
	urls        []string // jobs, results
}

func fixedCredentials(o *config.LoadOptions) error {
	return config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", "test", ""))(o)
}

func newPlatform(ctx context.Context, o *options) (*platform, error) {
	settings := &awsclient.Options{Endpoint: o.endpoint, Region: region, Stall: time.Minute, Attempts: 3, MaxBackoff: time.Second}
	settings.Load = append(settings.Load, fixedCredentials)
	connections, err := awsclient.New(ctx, settings)
	if err != nil {
		return nil, err
	}
	p := &platform{
		options: o, connections: connections, name: "slashgrade-load-" + strings.ToLower(rand.Text()[:10]),
		queues:  sqs.NewFromConfig(connections.Config, func(to *sqs.Options) { to.BaseEndpoint = &o.endpoint }),
		objects: s3.NewFromConfig(connections.Config, func(to *s3.Options) { to.BaseEndpoint, to.UsePathStyle = &o.endpoint, true }),
	}
	if _, err := p.objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &p.name}); err != nil {
		return nil, fmt.Errorf("is LocalStack there (`make localstack`)? %w", err)
	}
	for _, kind := range []string{"-jobs", "-results"} {
		made, err := p.queues.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String(p.name + kind)})
		if err != nil {
			return nil, err
		}
		p.urls = append(p.urls, aws.ToString(made.QueueUrl))
	}
	return p, nil
}

// close removes what newPlatform made, with all that lies in it.
func (p *platform) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	defer p.connections.Close()
	var errs []error
	for _, url := range p.urls {
		_, err := p.queues.DeleteQueue(ctx, &sqs.DeleteQueueInput{QueueUrl: &url})
		errs = append(errs, err)
	}
	pages := s3.NewListObjectsV2Paginator(p.objects, &s3.ListObjectsV2Input{Bucket: &p.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		for i := range page.Contents {
			_, err := p.objects.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &p.name, Key: page.Contents[i].Key})
			errs = append(errs, err)
		}
	}
	_, err := p.objects.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &p.name})
	return errors.Join(append(errs, err)...)
}

// queueOptions are those of a runner on this platform.
func (p *platform) queueOptions() *sqsqueue.Options {
	o := &sqsqueue.Options{JobsQueue: p.urls[0], ResultsQueue: p.urls[1], Endpoint: p.endpoint, Region: region, WaitTime: time.Second}
	o.Load = append(o.Load, fixedCredentials)
	return o
}

// send uploads and sends the jobs, with none running.
func (p *platform) send(ctx context.Context, job *work, jobs int) error {
	sender, err := sqsqueue.NewSender(ctx, p.queueOptions())
	if err != nil {
		return err
	}
	defer sender.Close()
	sending, ctx := errgroup.WithContext(ctx)
	sending.SetLimit(4)
	for range jobs {
		sending.Go(func() error {
			id := rand.Text()
			at := jobspec.Location{Bucket: p.name, Root: "job_" + id}
			_, err := p.objects.PutObject(ctx, &s3.PutObjectInput{
				Bucket: &at.Bucket, Key: aws.String(at.Root + "/" + jobspec.ArchiveName), Body: bytes.NewReader(job.archive),
			})
			if err != nil {
				return err
			}
			return sender.Send(ctx, &jobspec.Job{ID: id, Image: job.image, Entrypoint: job.entrypoint, Timeout: jobLimit, Files: at})
		})
	}
	return sending.Wait()
}

// collect waits for so many grading_results.
func (p *platform) collect(ctx context.Context, jobs int) error {
	answered := map[string]bool{}
	for len(answered) < jobs {
		got, err := p.queues.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &p.urls[1], MaxNumberOfMessages: 10, WaitTimeSeconds: 5})
		if err != nil {
			return err
		}
		remove := &sqs.DeleteMessageBatchInput{QueueUrl: &p.urls[1]}
		for i := range got.Messages {
			remove.Entries = append(remove.Entries, types.DeleteMessageBatchRequestEntry{
				Id: aws.String(fmt.Sprint(i)), ReceiptHandle: got.Messages[i].ReceiptHandle,
			})
			var event struct{ JobID, Event string }
			if err := json.Unmarshal([]byte(aws.ToString(got.Messages[i].Body)), &event); err != nil {
				return err
			}
			if event.Event == "grading_result" {
				answered[event.JobID] = true
			}
		}
		if len(remove.Entries) > 0 {
			if _, err := p.queues.DeleteMessageBatch(ctx, remove); err != nil {
				return err
			}
		}
	}
	return nil
}

// timed sends the jobs, lets the runner loose on them, and returns how long it took until the last was answered.
func (p *platform) timed(ctx context.Context, job *work, jobs int, run func(context.Context) (stop func() error, err error)) (took time.Duration, err error) {
	time.Sleep(lastPoll)
	if err := p.send(ctx, job, jobs); err != nil {
		return 0, err
	}
	stop, err := run(ctx)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	err = p.collect(ctx, jobs)
	took = time.Since(begin)
	return took, errors.Join(err, stop())
}

// capacitySQS measures through LocalStack, which is one process and the narrowest place: a rate counts only beside that of a runner that
// makes the same calls and runs nothing.
func (o *options) capacitySQS(ctx context.Context) (result *table, err error) {
	job, err := o.trivial(nil)
	if err != nil {
		return nil, err
	}
	p, err := newPlatform(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.close(ctx)) }()
	jobs := o.count(o.jobs, 200)
	result = &table{title: "Capacity through LocalStack's SQS and S3", head: []string{
		"at once", "no-op runner, jobs/s", "slashgrade, jobs/s", "ratio", "age of heartbeats, p95, s",
	}}
	for _, workers := range o.workers {
		idle, err := p.timed(ctx, job, jobs, func(ctx context.Context) (func() error, error) { return p.noOp(ctx, workers) })
		if err != nil {
			return nil, fmt.Errorf("no-op runner: %w", err)
		}
		age := ""
		busy, err := p.timed(ctx, job, jobs, func(ctx context.Context) (func() error, error) {
			s, err := p.serve(ctx, workers)
			if err != nil {
				return nil, err
			}
			return func() (err error) {
				age, err = s.heartbeatAge(ctx)
				return errors.Join(err, s.close())
			}, nil
		})
		if err != nil {
			return nil, err
		}
		result.add(fmt.Sprint(workers), fmt.Sprintf("%.1f", perSecond(jobs, idle)), fmt.Sprintf("%.1f", perSecond(jobs, busy)), ratio(idle, busy), age)
	}
	result.note("%d jobs wait in the queue; a rate is from the runner's readiness to the last answer.", jobs)
	result.note("The visibility timeout was %s; a heartbeat's age is told when the next is heard or the job is over, as an upper bound.", lease)
	return result, nil
}

func (p *platform) serve(ctx context.Context, workers int) (*server, error) {
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"} {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	return startServer(ctx, p.options, "--runner.concurrency", fmt.Sprint(workers), "--pool.places", fmt.Sprint(p.places),
		"--runner.archive=false", "--sqs.endpoint", p.endpoint, "--sqs.region", region, "--sqs.jobs_queue", p.urls[0],
		"--sqs.results_queue", p.urls[1], "--sqs.wait_time", "1s", "--sqs.visibility_timeout", lease.String())
}

// noOp makes the calls that a runner makes for each job, through the same queue and store, and grades nothing.
func (p *platform) noOp(ctx context.Context, workers int) (stop func() error, err error) {
	queue, err := sqsqueue.New(ctx, p.queueOptions())
	if err != nil {
		return nil, err
	}
	settings := &s3store.Options{Endpoint: p.endpoint, Region: region}
	settings.Load = append(settings.Load, fixedCredentials)
	files, err := s3store.New(ctx, settings)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	running, ctx := errgroup.WithContext(ctx)
	for range workers {
		running.Go(func() error {
			for ctx.Err() == nil {
				if err := nothing(ctx, queue, files); err != nil && ctx.Err() == nil {
					return err
				}
			}
			return nil
		})
	}
	return func() error {
		cancel()
		err := running.Wait()
		queue.Close()
		files.Close()
		return err
	}, nil
}
