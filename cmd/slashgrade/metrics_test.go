package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
	"github.com/slashgrade/slashgrade/runner"
)

// oneJob is a queue with one message, and with leases.
type oneJob struct {
	waiting chan *queue.Message
	beats   chan time.Time
}

func (q *oneJob) Receive(ctx context.Context, _ int) ([]*queue.Message, error) {
	select {
	case m := <-q.waiting:
		return []*queue.Message{m}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (q *oneJob) Extend(context.Context, *queue.Message) error {
	q.beats <- time.Now()
	return nil
}

func (*oneJob) Complete(context.Context, *queue.Message, *jobspec.Report) (time.Time, error) {
	return time.Now(), nil
}
func (*oneJob) Release(context.Context, *queue.Message, time.Duration) error { return nil }
func (*oneJob) Lease() time.Duration                                         { return 300 * time.Millisecond }

// graded waits until the channel is closed.
type graded chan struct{}

func (g graded) Grade(_ context.Context, job *jobspec.Job) (*runner.Grading, error) {
	<-g
	report := runner.NewReport(job)
	report.Succeeded, report.Outcome, report.Results = true, jobspec.Graded, []byte(`{"score":1}`)
	report.Stamp(runner.Timestamps(job))
	return runner.NewGrading(report, nil), nil
}

func scrape(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, response.Status, err)
	}
	return string(text)
}

func TestMetrics(t *testing.T) {
	driver := &oneJob{waiting: make(chan *queue.Message, 1), beats: make(chan time.Time, 1000)}
	figures := newMetrics(driver.Lease())
	opts := &queue.WorkerOptions{}
	figures.watch(opts)
	end := make(graded)
	worker := queue.NewWorker(driver, end, nil, opts)
	url, stop, err := figures.serve(t.Context(), ":0", worker)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	}()
	if !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("figures are served at %s, want the loopback", url)
	}
	fetch, stopFetch := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		worker.Run(fetch, t.Context())
		close(ended)
	}()
	driver.waiting <- &queue.Message{Job: &jobspec.Job{ID: "1"}}
	<-driver.beats
	<-driver.beats
	if text := scrape(t, url); strings.Contains(text, metricOldest+" 0\n") || !strings.Contains(text, metricLease+" 0.3\n") {
		t.Errorf("while a job runs:\n%s", grep(text, "slashgrade"))
	}
	close(end)
	stopFetch()
	<-ended
	text := scrape(t, url)
	for _, want := range []string{metricAnswered + `{outcome="graded"} 1`, metricOldest + " 0\n", metricHeartbeat + `_bucket{le="0.15"}`, "process_resident_memory_bytes"} {
		if !strings.Contains(text, want) {
			t.Errorf("the figures lack %q:\n%s", want, grep(text, "slashgrade"))
		}
	}
	if strings.Contains(text, metricHeartbeat+"_count 0") {
		t.Error("no heartbeat was counted")
	}
}

func grep(text, word string) string {
	var found strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, word) {
			found.WriteString(line)
		}
	}
	return found.String()
}

func TestMetricsAreExplained(t *testing.T) {
	figures := newMetrics(time.Minute)
	worker := queue.NewWorker(&oneJob{}, nil, nil, &queue.WorkerOptions{})
	_, stop, err := figures.serve(t.Context(), "127.0.0.1:0", worker)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stop() }()
	figures.answered.WithLabelValues("graded").Inc()
	text, err := os.ReadFile("../../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	families, err := figures.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "slashgrade_") {
			continue
		}
		own++
		if !strings.Contains(string(text), "| `"+family.GetName()+"` |") {
			t.Errorf("docs/operating.md has no row for %s", family.GetName())
		}
	}
	if own != 4 {
		t.Errorf("%d figures are our own, want 4", own)
	}
}
