package queue_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
)

// recording is a driver with a record of its own.
type recording struct{ *fakeDriver }

func (r *recording) Record(context.Context, *queue.Message, time.Time) error { return r.call("record") }

func TestNextJobStartsBesideTheCleanUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(nil)
		b.grader.removal = time.Minute
		begin := time.Now()
		var answers []time.Duration
		b.opts.Answered = func(*jobspec.Report) { answers = append(answers, time.Since(begin)) }
		fetch, stop := context.WithTimeout(t.Context(), 7*time.Second)
		defer stop()
		b.driver.waiting <- message("1")
		b.driver.waiting <- message("2")
		queue.NewWorker(&recording{b.driver}, b.grader, b.files, &b.opts).Run(fetch, t.Context())
		if diff := cmp.Diff([]time.Duration{5 * time.Second, 10 * time.Second}, answers); diff != "" {
			t.Errorf("with one slot, grading of 5 s and removals of a minute, answers came after (-want +got):\n%s", diff)
		}
		// The second job waits with its clean-up until the first one's is over, and the worker ends after both.
		if took := time.Since(begin); took != 2*time.Minute+5*time.Second {
			t.Errorf("the worker ended after %s", took)
		}
		if b.grader.left != 0 || b.count("record") != 2 || b.count("put archive.tar.gz") != 2 || b.count("put output.log") != 2 {
			t.Errorf("%d containers are left, and of two jobs was done: %v", b.grader.left, b.calls)
		}
	})
}

// An engine that removes nothing must not be filled: as many containers as run, and as many again.
func TestCleanUpsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(map[string]int{"remove": -1})
		b.opts.Concurrency, b.grader.removal = 3, time.Hour
		var messages []*queue.Message
		for i := range 20 {
			messages = append(messages, message(fmt.Sprint(i)))
		}
		b.run(30*time.Minute, messages...)
		if len(b.driver.answered) != 6 || b.grader.mostLeft != 6 {
			t.Errorf("%d jobs were answered and %d containers stood at once, want 6", len(b.driver.answered), b.grader.mostLeft)
		}
	})
}

// A job that goes back leaves a container too.
func TestCleanUpAfterAFailedAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(map[string]int{"send": -1})
		b.grader.removal = time.Hour
		begin := time.Now()
		calls := b.run(7*time.Second, message("1"))
		if b.count("release") != 1 || b.count("put archive.tar.gz") != 0 || calls[len(calls)-1] != "remove" {
			t.Errorf("calls: %v", calls)
		}
		if took := time.Since(begin); took < time.Hour {
			t.Errorf("the worker ended after %s, before the removal", took)
		}
	})
}
