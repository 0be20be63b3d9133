package sqsqueue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/internal/awstest"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
	"github.com/slashgrade/slashgrade/queue/sqsqueue"
)

func TestSentMessage(t *testing.T) {
	b := newBench(t, setup{})
	job := newJob("7")
	job.Entrypoint = []string{"/grade/tests/run.sh", "a b"}
	if err := b.Send(t.Context(), job); err != nil {
		t.Fatal(err)
	}
	const want = `{"jobId":"7","image":"example/grader:1","entrypoint":"/grade/tests/run.sh 'a b'","s3Bucket":"grading",` +
		`"s3RootKey":"job_7","timeout":30,"enableNetworking":false,"environment":{}}`
	if diff := cmp.Diff([]string{want}, b.events(t, b.jobs, 1)); diff != "" {
		t.Errorf("the message differs (-want +got):\n%s", diff)
	}
}

// The texts are the contract, byte for byte.
func TestEvents(t *testing.T) {
	b := newBench(t, setup{})
	b.send(t, "7")
	m := b.receiveOne(t)
	m.Job.ReceivedAt = time.Date(2026, 11, 22, 16, 3, 51, 285_900_000, time.FixedZone("CET", 3600))
	if err := b.Announce(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	const received = `{"jobId":"7","event":"job_received","data":{"receivedTime":"2026-11-22T15:03:51.285Z"}}`
	if diff := cmp.Diff([]string{received}, b.events(t, b.results, 1)); diff != "" {
		t.Errorf("job_received differs (-want +got):\n%s", diff)
	}
	report := &jobspec.Report{
		JobID: "7", ReceivedTime: "2026-11-22T15:03:51.285Z", Succeeded: true, Outcome: jobspec.Graded,
		Results: json.RawMessage("{\n \"score\" : 1, \"output\": \"<a&b> \uFFFF\"}"),
	}
	if _, err := b.Complete(t.Context(), m, report); err != nil {
		t.Fatal(err)
	}
	const result = `{"jobId":"7","event":"grading_result","data":{"job_id":"7","received_time":"2026-11-22T15:03:51.285Z",` +
		`"succeeded":true,"results":{"score":1,"output":"<a&b> \uffff"},"outcome":"graded","timestamps":{` +
		`"grading_finished_at":null,"grading_received_at":null,"grading_requested_at":null,"grading_started_at":null,` +
		`"grading_submitted_at":null}}}`
	if diff := cmp.Diff([]string{result}, b.events(t, b.results, 1)); diff != "" {
		t.Errorf("grading_result differs (-want +got):\n%s", diff)
	}
}

// sized is a report whose event has so many bytes, of which most are in characters of three bytes.
func sized(t *testing.T, id string, eventBytes int) *jobspec.Report {
	t.Helper()
	r := &jobspec.Report{JobID: id, Succeeded: true, Results: json.RawMessage(`""`)}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	missing := eventBytes - len(data) - len(`{"jobId":"","event":"grading_result","data":}`) - len(id)
	text := strings.Repeat("€", missing/3) + strings.Repeat("x", missing%3)
	r.Results = json.RawMessage(`"` + text + `"`)
	return r
}

func TestInlineLimitCountsBytes(t *testing.T) {
	b := newBench(t, setup{})
	for _, c := range []struct {
		bytes  int
		inline bool
	}{{sqsqueue.MaxInline, true}, {sqsqueue.MaxInline + 1, false}, {900_000, false}} {
		b.send(t, "7")
		if _, err := b.Complete(t.Context(), b.receiveOne(t), sized(t, "7", c.bytes)); err != nil {
			t.Errorf("%d bytes: %v", c.bytes, err)
			continue
		}
		event := b.events(t, b.results, 1)[0]
		switch {
		case c.inline && len(event) != c.bytes:
			t.Errorf("the event has %d bytes, want %d", len(event), c.bytes)
		case !c.inline && event != `{"jobId":"7","event":"grading_result"}`:
			t.Errorf("the event of %d bytes became %.100q, want one without data", c.bytes, event)
		}
	}
}

// Each call of an answer fails in turn.
func TestOrderOfComplete(t *testing.T) {
	for _, c := range []struct {
		fails     string
		wantCalls []string
		answered  bool
		wantErr   string
	}{
		{"nothing", []string{"SendMessage", "DeleteMessage"}, true, ""},
		{"SendMessage", []string{"SendMessage"}, false, "send grading_result of job \"7\""},
		{"DeleteMessage", []string{"SendMessage", "DeleteMessage"}, true, "delete the message of job \"7\", which is answered"},
	} {
		t.Run(c.fails, func(t *testing.T) {
			b := newBench(t, setup{})
			b.send(t, "7")
			m := b.receiveOne(t)
			b.proxy.Break(awstest.FailCalls(c.fails))
			at, err := b.Complete(t.Context(), m, &jobspec.Report{JobID: "7"})
			if at.IsZero() == c.answered || !matches(err, c.wantErr) {
				t.Errorf("got %v, %v, want answered %v and error %q", at, err, c.answered, c.wantErr)
			}
			if diff := cmp.Diff(c.wantCalls, b.proxy.Calls()); diff != "" {
				t.Errorf("the calls differ (-want +got):\n%s", diff)
			}
		})
	}
}

func matches(err error, want string) bool {
	if want == "" {
		return err == nil
	}
	return err != nil && strings.Contains(err.Error(), want)
}

// The instant is when the answer was accepted, not when the message was deleted.
func TestGradedAtIsBeforeTheDelete(t *testing.T) {
	b := newBench(t, setup{})
	b.send(t, "7")
	m := b.receiveOne(t)
	var deleting time.Time
	b.proxy.Break(func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		if call.Name == "DeleteMessage" {
			deleting = time.Now()
		}
		next.ServeHTTP(w, call.Request)
	})
	at, err := b.Complete(t.Context(), m, &jobspec.Report{JobID: "7"})
	if err != nil || at.After(deleting) {
		t.Errorf("answered at %s (%v), deleted at %s", at, err, deleting)
	}
}

// An answer that was sent is deleted although the context ends meanwhile: it would only come again to be answered twice.
func TestContextEndsBetweenSendAndDelete(t *testing.T) {
	b := newBench(t, setup{})
	b.send(t, "7")
	m := b.receiveOne(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	b.proxy.Break(func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		if call.Name == "DeleteMessage" {
			cancel()
		}
		next.ServeHTTP(w, call.Request)
	})
	if at, err := b.Complete(ctx, m, &jobspec.Report{JobID: "7"}); err != nil || at.IsZero() {
		t.Errorf("got %v, %v", at, err)
	}
	if waiting, taken := b.services.Count(t, b.jobs); waiting != "0" || taken != "0" {
		t.Errorf("%s messages wait and %s are taken, want none", waiting, taken)
	}
}

func TestErrorsNameTheCall(t *testing.T) {
	b := newBench(t, setup{})
	b.send(t, "7")
	m := b.receiveOne(t)
	for _, c := range []struct {
		call, want string
		do         func() error
	}{
		{"ReceiveMessage", "receive from the jobs queue", func() error { _, err := b.Receive(t.Context(), 1); return err }},
		{"ChangeMessageVisibility", `extend the visibility of job "7"`, func() error { return b.Extend(t.Context(), m) }},
		{"ChangeMessageVisibility", `give back job "7"`, func() error { return b.Release(t.Context(), m, 0) }},
		{"SendMessage", `send job_received of job "7"`, func() error { return b.Announce(t.Context(), m) }},
		{"SendMessage", `send job "8"`, func() error { return b.Send(t.Context(), newJob("8")) }},
	} {
		b.proxy.Break(awstest.FailCalls(c.call))
		if err := c.do(); !matches(err, c.want) {
			t.Errorf("%s fails: got %v, want %q", c.call, err, c.want)
		}
		if calls := b.proxy.Calls(); !cmp.Equal(calls, []string{c.call}) {
			t.Errorf("%s fails: called %v, want one call", c.call, calls)
		}
	}
}

// A connection that breaks gets one second try of the SDK, and no more.
func TestBrokenConnection(t *testing.T) {
	b := newBench(t, setup{})
	for _, c := range []struct {
		tries int
		works bool
	}{{1, true}, {2, false}} {
		b.proxy.Break(func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
			if call.Nth <= c.tries {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, call.Request)
		})
		if err := b.Send(t.Context(), newJob("7")); (err == nil) != c.works {
			t.Errorf("broken %d times: got %v, want success: %v", c.tries, err, c.works)
		}
	}
}

// A listener finds each job's result, in whatever order it asks, and passes over what is none.
func TestListener(t *testing.T) {
	b := newBench(t, setup{})
	l, err := sqsqueue.NewListener(t.Context(), b.options(b.jobs, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	for _, id := range []string{"1", "2"} {
		b.send(t, id)
		m := b.receiveOne(t)
		if err := b.Announce(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Complete(t.Context(), m, &jobspec.Report{JobID: id}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for _, id := range []string{"2", "1"} {
		if err := l.Wait(ctx, id); err != nil {
			t.Errorf("job %s: %v", id, err)
		}
	}
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := l.Wait(short, "1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a result that was waited for is there again: %v", err)
	}
}

func TestForeignHandle(t *testing.T) {
	b := newBench(t, setup{})
	m := &queue.Message{Job: newJob("7"), Handle: 7}
	_, completing := b.Complete(t.Context(), m, &jobspec.Report{})
	for _, err := range []error{completing, b.Extend(t.Context(), m), b.Release(t.Context(), m, 0)} {
		if !matches(err, "another driver's") {
			t.Errorf("got %v, want an error about the handle", err)
		}
	}
	if calls := b.proxy.Calls(); len(calls) > 0 {
		t.Errorf("SQS was called: %v", calls)
	}
}

// The queue's own visibility timeout does not matter, and Lease tells the truth about what Receive asked for.
func TestVisibilityIsAskedForAtReceive(t *testing.T) {
	b := newBench(t, setup{lease: 30 * time.Second, attributes: attributes(1)})
	b.send(t, "7")
	b.receiveOne(t)
	for range 2 { // two polls of a second
		if messages, err := b.Receive(t.Context(), 1); err != nil || len(messages) > 0 {
			t.Fatalf("received %v, %v, want nothing for 30 s", messages, err)
		}
	}
}

func TestMaxTimeoutOfTheOperator(t *testing.T) {
	b := newBench(t, setup{})
	name := b.jobs[strings.LastIndex(b.jobs, "/")+1:]
	for limit, want := range map[time.Duration]time.Duration{0: jobspec.MaxTimeout, 20 * time.Minute: 15 * time.Minute} {
		o := b.options(name, 0)
		o.MaxTimeout = limit
		q, err := sqsqueue.New(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		b.Queue = q
		const body = `{"jobId":"7","image":"x","entrypoint":null,"s3Bucket":"b","s3RootKey":"r","timeout":900,"enableNetworking":false,"environment":{}}`
		if err := b.sender.SendRaw(t.Context(), body); err != nil {
			t.Fatal(err)
		}
		if m := b.receiveOne(t); m.Refusal != nil || m.Job.Timeout != want {
			t.Errorf("limit %s: got %s (%v), want %s", limit, m.Job.Timeout, m.Refusal, want)
		}
		q.Close()
	}
}

func TestBadOptions(t *testing.T) {
	b := newBench(t, setup{})
	name := b.jobs[strings.LastIndex(b.jobs, "/")+1:]
	for _, c := range []struct {
		name   string
		change func(*sqsqueue.Options)
		want   string
	}{
		{"no jobs queue", func(o *sqsqueue.Options) { o.JobsQueue = "" }, "no jobs queue is configured (sqs.jobs_queue)"},
		{"no results queue", func(o *sqsqueue.Options) { o.ResultsQueue = "" }, "no results queue is configured (sqs.results_queue)"},
		{"unknown jobs queue", func(o *sqsqueue.Options) { o.JobsQueue = "nope" }, `find the jobs queue "nope" in region us-east-1`},
		{"unknown results queue", func(o *sqsqueue.Options) { o.ResultsQueue = "nope" }, `find the results queue "nope"`},
		{"unknown dead-letter queue", func(o *sqsqueue.Options) { o.DeadLetterQueue = "nope" }, `find the dead-letter queue "nope"`},
		{"visibility", func(o *sqsqueue.Options) { o.VisibilityTimeout = 1500 * time.Millisecond }, "sqs.visibility_timeout"},
		{"long visibility", func(o *sqsqueue.Options) { o.VisibilityTimeout = 13 * time.Hour }, "from 1s to 12h0m0s, not 13h0m0s"},
		{"wait", func(o *sqsqueue.Options) { o.WaitTime = 21 * time.Second }, "sqs.wait_time"},
		{"endpoint", func(o *sqsqueue.Options) { o.Endpoint = "localhost" }, "is not a URL such as"},
	} {
		o := b.options(name, 0)
		c.change(o)
		if q, err := sqsqueue.New(t.Context(), o); !matches(err, c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
			if q != nil {
				q.Close()
			}
		}
	}
	if _, err := sqsqueue.New(t.Context(), nil); !matches(err, "no jobs queue is configured") {
		t.Errorf("no options: got %v", err)
	}
}

func ExampleQueue() {
	q, err := sqsqueue.New(context.Background(), &sqsqueue.Options{JobsQueue: "grading_jobs_dev"})
	fmt.Println(q, err)
	// Output: <nil> no results queue is configured (sqs.results_queue): nobody would be told what came of a job
}
