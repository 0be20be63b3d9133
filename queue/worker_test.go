package queue_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/store"
)

// record is every call that reaches the queue, the store and the grader, in order, and which of them fail.
type record struct {
	mu    sync.Mutex
	calls []string
	fail  map[string]int // by call: how many times it fails; -1 is always
}

var errBroken = errors.New("broken")

func (r *record) call(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, name)
	left := r.fail[name]
	if left == 0 {
		return nil
	}
	r.fail[name] = left - 1
	return fmt.Errorf("%s: %w", name, errBroken)
}

func (r *record) count(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, call := range r.calls {
		if call == name {
			n++
		}
	}
	return n
}

// fakeDriver hands out its messages once.
type fakeDriver struct {
	*record
	lease    time.Duration
	waiting  chan *queue.Message
	limits   []int
	rests    []time.Duration // of releases
	answered []*jobspec.Report

	extending time.Duration // what an Extend takes
	extended  []beat        // each Extend, failed or not
}

// beat is an extension of a job's lease, when it was over.
type beat struct {
	job string
	at  time.Time
}

func (d *fakeDriver) Receive(ctx context.Context, limit int) ([]*queue.Message, error) {
	d.mu.Lock()
	d.limits = append(d.limits, limit)
	d.mu.Unlock()
	select {
	case m := <-d.waiting:
		if err := d.call("receive"); err != nil {
			d.waiting <- m
			return nil, err
		}
		return []*queue.Message{m}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (d *fakeDriver) Extend(_ context.Context, m *queue.Message) error {
	time.Sleep(d.extending)
	d.mu.Lock()
	d.extended = append(d.extended, beat{m.Job.ID, time.Now()})
	d.mu.Unlock()
	return d.call("extend")
}

func (d *fakeDriver) Announce(context.Context, *queue.Message) error { return d.call("announce") }

func (d *fakeDriver) Complete(_ context.Context, _ *queue.Message, r *jobspec.Report) (time.Time, error) {
	if err := d.call("send"); err != nil {
		return time.Time{}, err
	}
	d.mu.Lock()
	d.answered = append(d.answered, r)
	d.mu.Unlock()
	return time.Now(), d.call("delete")
}

func (d *fakeDriver) Release(_ context.Context, _ *queue.Message, after time.Duration) error {
	d.mu.Lock()
	d.rests = append(d.rests, after)
	d.mu.Unlock()
	return d.call("release")
}

func (d *fakeDriver) Lease() time.Duration { return d.lease }

// fakeFiles keeps files in memory.
type fakeFiles struct {
	*record
	files map[string]string
}

func (f *fakeFiles) Open(_ context.Context, at jobspec.Location, name string) (io.ReadCloser, error) {
	if err := f.call("open " + name); err != nil {
		return nil, err
	}
	text, ok := f.files[at.Root+"/"+name]
	if !ok {
		return nil, store.ErrNotExist
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func (f *fakeFiles) Put(_ context.Context, at jobspec.Location, name string, r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := f.call("put " + name); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[at.Root+"/"+name] = string(text)
	return nil
}

// fakeGrader takes a while and leaves a container.
type fakeGrader struct {
	*record
	takes time.Duration
	now   int // running now
	most  int

	removal  time.Duration // what the removal of a container takes
	left     int           // containers that are not removed
	mostLeft int
}

func (g *fakeGrader) Grade(ctx context.Context, job *jobspec.Job) (*runner.Grading, error) {
	g.mu.Lock()
	g.now++
	g.most = max(g.most, g.now)
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		g.now--
		g.mu.Unlock()
	}()
	select {
	case <-time.After(g.takes):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if err := g.call("grade"); err != nil {
		return nil, err
	}
	g.mu.Lock()
	g.left++
	g.mostLeft = max(g.mostLeft, g.left)
	g.mu.Unlock()
	report := runner.NewReport(job)
	report.Succeeded, report.Outcome, report.Results = true, jobspec.Graded, []byte(`{"score":1}`)
	report.Stamp(runner.Timestamps(job))
	return runner.NewGrading(report, g), nil
}

func (g *fakeGrader) Archive(_ context.Context, w io.Writer, _ int64) ([]string, error) {
	_, err := io.WriteString(w, "an archive")
	return nil, err
}

func (g *fakeGrader) Close(context.Context) error {
	time.Sleep(g.removal)
	g.mu.Lock()
	g.left--
	g.mu.Unlock()
	return g.call("remove")
}

// bench is a worker with everything around it recorded.
type bench struct {
	record
	driver *fakeDriver
	files  *fakeFiles
	grader *fakeGrader
	opts   queue.WorkerOptions
}

func newBench(fail map[string]int) *bench {
	b := &bench{record: record{fail: fail}}
	b.driver = &fakeDriver{record: &b.record, lease: time.Minute, waiting: make(chan *queue.Message, 100)}
	b.files = &fakeFiles{record: &b.record, files: map[string]string{}}
	b.grader = &fakeGrader{record: &b.record, takes: 5 * time.Second}
	return b
}

func message(id string) *queue.Message {
	return &queue.Message{Job: &jobspec.Job{
		ID: id, DeliveryID: "delivery-" + id, Files: jobspec.Location{Bucket: "b", Root: "job_" + id}, ReceivedAt: time.Now(),
	}}
}

// run lets the worker work for so long and returns what was called.
func (b *bench) run(lasts time.Duration, messages ...*queue.Message) []string {
	for _, m := range messages {
		b.driver.waiting <- m
	}
	fetch, cancel := context.WithTimeout(context.Background(), lasts)
	defer cancel()
	queue.NewWorker(b.driver, b.grader, b.files, &b.opts).Run(fetch, context.Background())
	return b.calls
}

func TestOrderOnTheWire(t *testing.T) {
	const always = -1
	answered := []string{
		"receive", "announce", "grade", "put results.json", "send", "delete", "put archive.tar.gz", "put output.log", "remove",
	}
	for name, test := range map[string]struct {
		fail map[string]int
		want []string
	}{
		"all is well":                  {nil, answered},
		"job_received fails":           {map[string]int{"announce": always}, answered},
		"the message stays":            {map[string]int{"delete": always}, answered},
		"the archive is not stored":    {map[string]int{"put archive.tar.gz": always}, answered},
		"the log is not stored":        {map[string]int{"put output.log": always}, answered},
		"the container is not removed": {map[string]int{"remove": always}, answered},
		"the results are stored the second time": {map[string]int{"put results.json": 1}, []string{
			"receive", "announce", "grade", "put results.json", "put results.json", "send", "delete",
			"put archive.tar.gz", "put output.log", "remove",
		}},
		"the results are never stored": {map[string]int{"put results.json": always}, []string{
			"receive", "announce", "grade", "put results.json", "put results.json", "put results.json", "release", "remove",
		}},
		"the answer is sent the third time": {map[string]int{"send": 2}, []string{
			"receive", "announce", "grade", "put results.json", "send", "send", "send", "delete",
			"put archive.tar.gz", "put output.log", "remove",
		}},
		"the answer is never sent": {map[string]int{"send": always}, []string{
			"receive", "announce", "grade", "put results.json", "send", "send", "send", "release", "remove",
		}},
		"the engine fails":              {map[string]int{"grade": always}, []string{"receive", "announce", "grade", "release"}},
		"the engine and the queue fail": {map[string]int{"grade": always, "release": always}, []string{"receive", "announce", "grade", "release"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if diff := cmp.Diff(test.want, newBench(test.fail).run(25*time.Second, message("1"))); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestRedelivery(t *testing.T) {
	stored := func(change func(*jobspec.Report)) string {
		report := &jobspec.Report{JobID: "1", DeliveryID: "delivery-1", Succeeded: true, Outcome: jobspec.Graded, Results: []byte(`{"score":0.5}`)}
		change(report)
		text, err := report.Encode("  ")
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	fromStore := []string{"receive", "open results.json", "send", "delete"}
	graded := []string{
		"receive", "open results.json", "announce", "grade", "put results.json", "send", "delete", "put archive.tar.gz", "put output.log", "remove",
	}
	for name, test := range map[string]struct {
		stored string
		want   []string
		score  string
	}{
		"stored by this message":    {stored(func(*jobspec.Report) {}), fromStore, `{"score":0.5}`},
		"stored by another message": {stored(func(r *jobspec.Report) { r.DeliveryID = "other" }), graded, `{"score":1}`},
		"stored by another program": {stored(func(r *jobspec.Report) { r.DeliveryID = "" }), graded, `{"score":1}`},
		"of another job":            {stored(func(r *jobspec.Report) { r.JobID = "2" }), graded, `{"score":1}`},
		"not a report":              {"<html>", graded, `{"score":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(nil)
				b.files.files["job_1/results.json"] = test.stored
				again := message("1")
				again.Deliveries = 2
				if diff := cmp.Diff(test.want, b.run(25*time.Second, again)); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				if got := compact(t, b.driver.answered[0].Results); got != test.score {
					t.Errorf("answered with %s, want %s", got, test.score)
				}
			})
		})
	}
}

func compact(t *testing.T, text []byte) string {
	t.Helper()
	return strings.Join(strings.Fields(string(text)), "")
}

func TestRefusalIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(nil)
		bad := message("7")
		bad.Refusal = &queue.Refusal{Reason: "/timeout must be above 0, found -5"}
		want := []string{"receive", "put results.json", "send", "delete", "put output.log"}
		if diff := cmp.Diff(want, b.run(time.Second, bad)); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		report := b.driver.answered[0]
		if report.Succeeded || report.Outcome != jobspec.JobInvalid || !strings.Contains(report.Message, "/timeout must be above 0") {
			t.Errorf("the answer does not say why: %+v", report)
		}
	})
}

func TestSecondStopGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(nil)
		b.grader.takes = time.Hour
		b.driver.waiting <- message("1")
		fetch, stopFetch := context.WithCancelCause(t.Context())
		work, stopWork := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { stopFetch(queue.ErrGivenBack) })
		time.AfterFunc(2*time.Minute, func() { stopWork(queue.ErrGivenBack) })
		begin := time.Now()
		queue.NewWorker(b.driver, b.grader, b.files, &b.opts).Run(fetch, work)
		if took := time.Since(begin); took != 2*time.Minute {
			t.Errorf("it stopped after %s", took)
		}
		if b.count("release") != 1 || b.count("send") != 0 {
			t.Errorf("the job was not just given back: %v", b.calls)
		}
	})
}

// holding is a driver that takes messages ahead; when gives back is noted.
type holding struct {
	*fakeDriver
	gaveBack time.Time
}

func (h *holding) GiveBack(context.Context) error {
	h.gaveBack = time.Now()
	return h.call("give back")
}

// What waits in a driver goes back with the first stop: the job that runs may take an hour more.
func TestFirstStopGivesBackWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(map[string]int{"give back": -1})
		b.grader.takes = time.Hour
		b.driver.waiting <- message("1")
		fetch, stopFetch := context.WithTimeout(t.Context(), time.Minute)
		defer stopFetch()
		begin := time.Now()
		driver := &holding{fakeDriver: b.driver}
		queue.NewWorker(driver, b.grader, b.files, &b.opts).Run(fetch, t.Context())
		if after := driver.gaveBack.Sub(begin); after != time.Minute {
			t.Errorf("it gave back after %s, want a minute", after)
		}
		if b.count("give back") != 1 || b.count("send") != 1 {
			t.Errorf("it gave back not once, or the job that ran was not answered: %v", b.calls)
		}
	})
}

func TestReceivesIntoFreeSlotsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(nil)
		b.opts.Concurrency = 3
		var messages []*queue.Message
		for i := range 20 {
			messages = append(messages, message(fmt.Sprint(i)))
		}
		b.run(5*time.Minute, messages...)
		if len(b.driver.answered) != 20 || b.grader.most != 3 {
			t.Errorf("%d of 20 jobs were answered, at most %d at once; want 3 at once", len(b.driver.answered), b.grader.most)
		}
		for _, limit := range b.driver.limits {
			if limit < 1 || limit > 3 {
				t.Errorf("it asked for %d messages", limit)
			}
		}
	})
}

func TestFailuresOfOursSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(map[string]int{"receive": -1})
		b.run(10*time.Minute, message("1"))
		// 1 + 2 + 4 + 8 + 16 s, then one each 30 s.
		if got := b.count("receive"); got < 15 || got > 30 {
			t.Errorf("%d tries to receive in 10 minutes", got)
		}
	})
}

func TestRestBeforeAnotherTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(map[string]int{"grade": -1})
		var messages []*queue.Message
		for deliveries := range 6 {
			m := message(fmt.Sprint(deliveries))
			m.Refusal, m.Deliveries = nil, deliveries
			messages = append(messages, m)
		}
		b.run(5*time.Minute, messages...)
		want := []time.Duration{10 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, time.Minute}
		if diff := cmp.Diff(want, b.driver.rests); diff != "" {
			t.Errorf("rests (-want +got):\n%s", diff)
		}
	})
}
