package sqsqueue_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/slashgrade/slashgrade/internal/awstest"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
	"github.com/slashgrade/slashgrade/queue/queuetest"
	"github.com/slashgrade/slashgrade/queue/sqsqueue"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// bench is the queues of one test and a driver whose way to LocalStack passes a proxy.
type bench struct {
	*sqsqueue.Queue
	sender               *sqsqueue.Sender
	proxy                *awstest.Proxy
	services             *awstest.Services
	jobs, results, aside string // URLs; aside is the dead-letter queue, empty for none
	log                  *lines
	reports              []*jobspec.Report
}

// setup is what tests vary.
type setup struct {
	lease       time.Duration
	deadLetters string // "" for none, else anything
	attributes  map[string]string
}

func newBench(t *testing.T, s setup) *bench {
	t.Helper()
	b := &bench{proxy: awstest.New(t), services: awstest.NewServices(t), log: &lines{}}
	jobsName, jobs := b.services.Queue(t, s.attributes)
	_, results := b.services.Queue(t, nil)
	b.jobs, b.results = jobs, results
	o := b.options(jobsName, s.lease)
	if s.deadLetters != "" {
		o.DeadLetterQueue, b.aside = b.services.Queue(t, nil)
	}
	var err error
	if b.Queue, err = sqsqueue.New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if b.sender, err = sqsqueue.NewSender(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.sender.Close)
	b.proxy.Break(nil)
	return b
}

// options give the jobs queue by name and the results queue by URL.
func (b *bench) options(jobsName string, lease time.Duration) *sqsqueue.Options {
	o := &sqsqueue.Options{
		JobsQueue: jobsName, ResultsQueue: b.results, Endpoint: b.proxy.URL, VisibilityTimeout: lease, WaitTime: time.Second,
		Logger: slog.New(slog.NewJSONHandler(b.log, nil)),
	}
	o.Load = append(o.Load, awstest.Credentials)
	return o
}

func (b *bench) send(t *testing.T, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := b.Send(t.Context(), newJob(id)); err != nil {
			t.Fatal(err)
		}
	}
}

func (b *bench) receiveOne(t *testing.T) *queue.Message {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		messages, err := b.Receive(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(messages) == 1 {
			return messages[0]
		}
	}
	t.Fatal("no message came")
	return nil
}

// events waits for n messages on the queue and returns those that came.
func (b *bench) events(t *testing.T, url string, n int) []string {
	t.Helper()
	var all []string
	for deadline := time.Now().Add(30 * time.Second); len(all) < n && time.Now().Before(deadline); {
		bodies, err := b.services.Drain(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, bodies...)
	}
	if len(all) != n {
		t.Fatalf("%d messages came, want %d: %.300q", len(all), n, all)
	}
	return all
}

func newJob(id string) *jobspec.Job {
	return &jobspec.Job{
		ID: id, Image: "example/grader:1", Timeout: 30 * time.Second, Files: jobspec.Location{Bucket: "grading", Root: "job_" + id},
	}
}

// Driver, Send, Answers, SendRefused and SendUnreadable make the bench a queue of the suite.

func (b *bench) Driver() queue.Driver { return b.Queue }

func (b *bench) Send(ctx context.Context, job *jobspec.Job) error { return b.sender.Send(ctx, job) }

func (b *bench) SendRefused(ctx context.Context, id string) error {
	return b.sender.SendRaw(ctx, fmt.Sprintf(`{"jobId":%q,"image":"x","timeout":0}`, id))
}

func (b *bench) SendUnreadable(ctx context.Context) error {
	return b.sender.SendRaw(ctx, `{"jobId":7,"image":`)
}

func (b *bench) Answers(ctx context.Context) ([]*jobspec.Report, error) {
	bodies, err := b.services.Drain(ctx, b.results)
	if err != nil {
		return nil, err
	}
	for _, body := range bodies {
		var event struct {
			Data *jobspec.Report `json:"data"`
		}
		if err := json.Unmarshal([]byte(body), &event); err != nil {
			return nil, fmt.Errorf("read the event %.200q: %w", body, err)
		}
		b.reports = append(b.reports, event.Data)
	}
	return b.reports, nil
}

type harness struct{ deadLetters string }

func (harness) ShortestLease() time.Duration { return time.Second }

func (h harness) NewQueue(t *testing.T, lease time.Duration) queuetest.Queue {
	t.Helper()
	return newBench(t, setup{lease: lease, deadLetters: h.deadLetters})
}

func TestDriver(t *testing.T) {
	queuetest.Run(t, harness{deadLetters: "yes"})
}

// lines keeps what a logger writes.
type lines struct {
	mu   sync.Mutex // guards text
	text []map[string]any
}

func (l *lines) Write(p []byte) (int, error) {
	var line map[string]any
	if err := json.Unmarshal(p, &line); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, line)
	return len(p), nil
}

func (l *lines) all() []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]map[string]any(nil), l.text...)
}

func attributes(visibility int) map[string]string {
	return map[string]string{"VisibilityTimeout": strconv.Itoa(visibility)}
}
