package fairqueue_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/internal/awstest"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
	"github.com/slashgrade/slashgrade/queue/fairqueue"
	"github.com/slashgrade/slashgrade/queue/queuetest"
	"github.com/slashgrade/slashgrade/queue/riverqueue"
	"github.com/slashgrade/slashgrade/queue/sqsqueue"
)

// ahead is small, since the suite expects what it does not receive to be left to others.
const ahead = 1

// embedded puts the fair order in front of the embedded queue, which must pass the suite of all queues all the same.
type embedded struct{}

func (embedded) ShortestLease() time.Duration { return 0 }

func (embedded) NewQueue(t *testing.T, _ time.Duration) queuetest.Queue {
	t.Helper()
	q, err := riverqueue.Open(t.Context(), filepath.Join(t.TempDir(), "queue.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	river, err := q.Driver(t.Context(), "suite", queuetest.Held+ahead)
	if err != nil {
		t.Fatal(err)
	}
	driver := fairqueue.New(t.Context(), river, &fairqueue.Options{Ahead: ahead, Share: fairqueue.ShareByImage})
	t.Cleanup(func() { _ = driver.Close() })
	return &fair{queue: q, driver: driver}
}

// fair is one queue of the suite.
type fair struct {
	queue  *riverqueue.Queue
	driver queue.Driver
	mu     sync.Mutex // guards ids
	ids    []string
}

func (f *fair) Driver() queue.Driver { return f.driver }

func (f *fair) Send(ctx context.Context, job *jobspec.Job) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ids = append(f.ids, job.ID)
	_, err := f.queue.Insert(ctx, job)
	return err
}

func (f *fair) Answers(ctx context.Context) ([]*jobspec.Report, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var reports []*jobspec.Report
	for _, id := range f.ids {
		record, err := f.queue.Record(ctx, id)
		if err != nil {
			return reports, err
		}
		if record.Report != nil {
			reports = append(reports, record.Report)
		}
	}
	return reports, ctx.Err()
}

func TestOnEmbeddedQueue(t *testing.T) { queuetest.Run(t, embedded{}) }

// sqs puts it in front of SQS, which has leases.
type sqs struct{}

func (sqs) ShortestLease() time.Duration { return 2 * time.Second }

func (sqs) NewQueue(t *testing.T, lease time.Duration) queuetest.Queue {
	t.Helper()
	proxy, services := awstest.New(t), awstest.NewServices(t)
	jobs, _ := services.Queue(t, nil)
	_, results := services.Queue(t, nil)
	opts := &sqsqueue.Options{JobsQueue: jobs, ResultsQueue: results, Endpoint: proxy.URL, VisibilityTimeout: lease, WaitTime: time.Second}
	opts.Load = append(opts.Load, awstest.Credentials)
	behind, err := sqsqueue.New(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(behind.Close)
	sender, err := sqsqueue.NewSender(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sender.Close)
	driver := fairqueue.New(t.Context(), behind, &fairqueue.Options{Ahead: ahead, Share: fairqueue.ShareByImage})
	t.Cleanup(func() { _ = driver.Close() })
	return &fairSQS{sender: sender, services: services, results: results, driver: driver}
}

// fairSQS is one queue of the suite on SQS.
type fairSQS struct {
	sender   *sqsqueue.Sender
	services *awstest.Services
	results  string
	driver   queue.Driver
	reports  []*jobspec.Report
}

func (f *fairSQS) Driver() queue.Driver { return f.driver }

func (f *fairSQS) Send(ctx context.Context, job *jobspec.Job) error { return f.sender.Send(ctx, job) }

func (f *fairSQS) Answers(ctx context.Context) ([]*jobspec.Report, error) {
	bodies, err := f.services.Drain(ctx, f.results)
	for _, body := range bodies {
		var event struct {
			Data *jobspec.Report `json:"data"`
		}
		if err := json.Unmarshal([]byte(body), &event); err != nil {
			return nil, fmt.Errorf("read the event %.200q: %w", body, err)
		}
		f.reports = append(f.reports, event.Data)
	}
	return f.reports, err
}

func TestOnSQS(t *testing.T) { queuetest.Run(t, sqs{}) }
