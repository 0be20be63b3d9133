package sqsqueue_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/internal/awstest"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
)

// receiveAll takes n messages, with as few calls as the queue allows.
func (b *bench) receiveAll(t *testing.T, n int) []*queue.Message {
	t.Helper()
	var all []*queue.Message
	for deadline := time.Now().Add(time.Minute); len(all) < n && time.Now().Before(deadline); {
		messages, err := b.Receive(t.Context(), n-len(all))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, messages...)
	}
	if len(all) != n {
		t.Fatalf("%d messages came, want %d", len(all), n)
	}
	return all
}

func ids(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// gate holds calls of one name back until it is opened; the others go to the fault behind it.
type gate struct {
	name   string
	behind awstest.Fault
	held   chan struct{} // one for each call that is held
	open   chan struct{}
}

func newGate(name string, behind awstest.Fault) *gate {
	return &gate{name: name, behind: behind, held: make(chan struct{}, 100), open: make(chan struct{})}
}

func (g *gate) fault(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
	if call.Name == g.name {
		g.held <- struct{}{}
		<-g.open
	}
	if g.behind != nil {
		g.behind(w, call, next)
		return
	}
	next.ServeHTTP(w, call.Request)
}

// completeAll answers the messages at the same time, while both lanes of sending are held, and returns the error of each job.
func (b *bench) completeAll(t *testing.T, g *gate, messages []*queue.Message, report func(id string) *jobspec.Report) map[string]error {
	t.Helper()
	b.proxy.Break(g.fault)
	var mu sync.Mutex
	errs := map[string]error{}
	var working sync.WaitGroup
	for i, m := range messages {
		working.Go(func() {
			at, err := b.Complete(t.Context(), m, report(m.Job.ID))
			if (err == nil) == at.IsZero() {
				t.Errorf("job %s: %v, %v", m.Job.ID, at, err)
			}
			mu.Lock()
			defer mu.Unlock()
			errs[m.Job.ID] = err
		})
		if i < 2 {
			<-g.held // it has its lane
		}
	}
	time.AfterFunc(500*time.Millisecond, func() { close(g.open) }) // by then the others wait; what does not is batched later
	working.Wait()
	return errs
}

func small(id string) *jobspec.Report { return &jobspec.Report{JobID: id} }

func (b *bench) wantAnswers(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, body := range b.events(t, b.results, len(want)) {
		var event struct {
			JobID string `json:"jobId"`
		}
		if err := json.Unmarshal([]byte(body), &event); err != nil {
			t.Fatal(err)
		}
		got = append(got, event.JobID)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answered jobs (-want +got):\n%s", diff)
	}
}

// What becomes ready while two sends are under way goes in one call, and so do the deletes; each is answered and gone.
func TestAnswersAreBatched(t *testing.T) {
	b := newBench(t, setup{})
	b.send(t, ids(10)...)
	messages := b.receiveAll(t, 10)
	for id, err := range b.completeAll(t, newGate("SendMessage", nil), messages, small) {
		if err != nil {
			t.Errorf("job %s: %v", id, err)
		}
	}
	calls := map[string]int{}
	for _, call := range b.proxy.Calls() {
		calls[call]++
	}
	if calls["SendMessage"] != 2 || calls["SendMessageBatch"] < 1 || calls["SendMessageBatch"] > 2 {
		t.Errorf("ten answers took %v, want 2 sent alone and the rest in a batch", calls)
	}
	if deletes := calls["DeleteMessage"] + calls["DeleteMessageBatch"]; deletes > 8 {
		t.Errorf("ten deletes took %d calls: %v", deletes, calls)
	}
	b.wantAnswers(t, ids(10)...)
	if waiting, taken := b.services.Count(t, b.jobs); waiting != "0" || taken != "0" {
		t.Errorf("%s messages wait and %s are taken, want none", waiting, taken)
	}
}

// A batch holds what SQS takes in one call: ten answers near the limit of a message are ten calls.
func TestBatchesKeepTheSizeLimit(t *testing.T) {
	b := newBench(t, setup{})
	b.send(t, ids(6)...)
	messages := b.receiveAll(t, 6)
	errs := b.completeAll(t, newGate("SendMessage", nil), messages, func(id string) *jobspec.Report { return sized(t, id, 120_000) })
	for id, err := range errs {
		if err != nil {
			t.Errorf("job %s: %v", id, err)
		}
	}
	sends := 0
	for _, call := range b.proxy.Calls() {
		if strings.HasPrefix(call, "SendMessage") {
			sends++
		}
	}
	if sends < 4 {
		t.Errorf("720 kB went in %d calls", sends)
	}
	b.wantAnswers(t, ids(6)...)
}

// lose has SQS say that it does not take the entry of a batch with the text in its body, and passes the others on.
func lose(text string) awstest.Fault {
	return func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		if call.Name != "SendMessageBatch" && call.Name != "DeleteMessageBatch" {
			next.ServeHTTP(w, call.Request)
			return
		}
		var request struct {
			QueueURL string           `json:"QueueUrl"`
			Entries  []map[string]any `json:"Entries"`
		}
		body, _ := io.ReadAll(call.Request.Body)
		if err := json.Unmarshal(body, &request); err != nil {
			panic(err)
		}
		var failed []map[string]any
		request.Entries = slices.DeleteFunc(request.Entries, func(entry map[string]any) bool {
			lost := strings.Contains(fmt.Sprint(entry), text)
			if lost {
				failed = append(failed, map[string]any{"Id": entry["Id"], "Code": "InternalError", "SenderFault": false, "Message": "lost"})
			}
			return lost
		})
		rest, _ := json.Marshal(request)
		call.Request.Body, call.Request.ContentLength = io.NopCloser(bytes.NewReader(rest)), int64(len(rest))
		recorded := httptest.NewRecorder()
		next.ServeHTTP(recorded, call.Request)
		answer := map[string]any{}
		if err := json.Unmarshal(recorded.Body.Bytes(), &answer); err != nil {
			panic(err)
		}
		answer["Failed"] = failed
		maps.Copy(w.Header(), recorded.Header())
		w.Header().Del("Content-Length")
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// One entry of a batch fails: only its job is not answered, and its message stays.
func TestPartOfABatchFails(t *testing.T) {
	b := newBench(t, setup{})
	b.send(t, ids(8)...)
	messages := b.receiveAll(t, 8)
	unlucky := messages[5].Job.ID
	errs := b.completeAll(t, newGate("SendMessage", lose(`"jobId":"`+unlucky+`"`)), messages, small)
	for id, err := range errs {
		if id == unlucky && !matches(err, "InternalError: lost") {
			t.Errorf("the unlucky job %s: %v", id, err)
		}
		if id != unlucky && err != nil {
			t.Errorf("job %s: %v", id, err)
		}
	}
	b.proxy.Break(nil)
	if _, taken := b.services.Count(t, b.jobs); taken != "1" {
		t.Errorf("%s messages are still ours, want that of the job that was not answered", taken)
	}
	if at, err := b.Complete(t.Context(), messages[5], small(unlucky)); err != nil || at.IsZero() {
		t.Errorf("the second try: %v", err)
	}
	b.wantAnswers(t, ids(8)...)
}

// SQS refuses a batch as a whole: each entry then goes alone, so that a bad one does not take the others with it.
func TestRefusedBatchGoesOneByOne(t *testing.T) {
	b := newBench(t, setup{})
	b.send(t, ids(6)...)
	messages := b.receiveAll(t, 6)
	for id, err := range b.completeAll(t, newGate("SendMessage", awstest.FailCalls("SendMessageBatch")), messages, small) {
		if err != nil {
			t.Errorf("job %s: %v", id, err)
		}
	}
	b.wantAnswers(t, ids(6)...)
}

// The connection breaks in a batch: all of it fails, nothing is deleted, and the worker may try again.
func TestBrokenBatch(t *testing.T) {
	b := newBench(t, setup{})
	b.send(t, ids(6)...)
	messages := b.receiveAll(t, 6)
	errs := b.completeAll(t, newGate("SendMessage", func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		if call.Name == "SendMessageBatch" {
			panic(http.ErrAbortHandler)
		}
		next.ServeHTTP(w, call.Request)
	}), messages, small)
	failed := 0
	for _, err := range errs {
		if err != nil {
			failed++
		}
	}
	if failed == 0 || failed > 4 {
		t.Errorf("%d of 6 answers failed, want those of the batch", failed)
	}
	if _, taken := b.services.Count(t, b.jobs); taken != fmt.Sprint(failed) {
		t.Errorf("%s messages are still ours, want the %d that were not answered", taken, failed)
	}
}

// Whoever gives up while waiting for a lane is not sent.
func TestWithdrawn(t *testing.T) {
	b := newBench(t, setup{})
	b.send(t, ids(3)...)
	messages := b.receiveAll(t, 3)
	g := newGate("SendMessage", nil)
	b.proxy.Break(g.fault)
	var working sync.WaitGroup
	for _, m := range messages[:2] {
		working.Go(func() { _, _ = b.Complete(t.Context(), m, small(m.Job.ID)) })
		<-g.held
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if at, err := b.Complete(ctx, messages[2], small(messages[2].Job.ID)); !errors.Is(err, context.DeadlineExceeded) || !at.IsZero() {
		t.Errorf("got %v, %v, want the context's error", at, err)
	}
	close(g.open)
	working.Wait()
	b.wantAnswers(t, messages[0].Job.ID, messages[1].Job.ID)
}

// Connections are kept: a second burst opens none.
func TestConnectionsAreKept(t *testing.T) {
	const burst = 24 // more than the SDK keeps by itself
	b := newBench(t, setup{})
	together := func() {
		g := newGate("SendMessage", nil)
		b.proxy.Break(g.fault)
		var working sync.WaitGroup
		for i := range burst {
			working.Go(func() {
				if err := b.Send(t.Context(), newJob(fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			})
		}
		for range burst {
			<-g.held
		}
		close(g.open)
		working.Wait()
	}
	together()
	before := b.proxy.Opened()
	together()
	if opened := b.proxy.Opened() - before; opened > 0 {
		t.Errorf("a second burst of %d calls opened %d connections", burst, opened)
	}
}
