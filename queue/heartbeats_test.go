package queue_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slashgrade/slashgrade/queue"
)

// longest is the longest time between two beats of one job, or the job's begin and its first.
func longest(begin time.Time, beats []beat) (longest time.Duration) {
	last := map[string]time.Time{}
	for _, b := range beats {
		since, ok := last[b.job]
		if !ok {
			since = begin
		}
		longest, last[b.job] = max(longest, b.at.Sub(since)), b.at
	}
	return longest
}

func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(map[string]int{"extend": 2})
		b.grader.takes = 305 * time.Second
		var ages []time.Duration
		b.opts.HeartbeatAge = func(age time.Duration) { ages = append(ages, age) }
		begin := time.Now()
		// Fetching ends in the middle of the job: a drain must keep the message for as long as it takes.
		b.run(40*time.Second, message("1"))
		// At 20, 30 and 40 s, of which the first two fail, and each 20 s from there.
		if got := b.count("extend"); got != 16 {
			t.Errorf("%d heartbeats in 305 s with a lease of 60 s, want 16", got)
		}
		if got := longest(begin, b.driver.extended); got > 25*time.Second {
			t.Errorf("a heartbeat was %s old before the next, of a lease of a minute", got)
		}
		if len(ages) != 15 || ages[0] != 40*time.Second || ages[1] != 20*time.Second || ages[14] != 5*time.Second {
			t.Errorf("the ages that were told are %v", ages)
		}
		if len(b.driver.answered) != 1 {
			t.Error("the job was not answered")
		}
	})
}

// Beats that are due together are sent together, whenever their jobs began: a queue may put them into one call.
func TestHeartbeatsGoTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(nil)
		const jobs = 20
		b.opts.Concurrency, b.grader.takes = jobs, 10*time.Minute
		for i := range jobs {
			time.AfterFunc(time.Duration(i)*777*time.Millisecond, func() { b.driver.waiting <- message(fmt.Sprint(i)) })
		}
		b.run(time.Minute)
		instants := map[time.Time]int{}
		for _, beat := range b.driver.extended {
			instants[beat.at]++
		}
		if len(instants) > 70 || len(b.driver.extended) < 28*jobs {
			t.Errorf("%d heartbeats of 20 jobs in ten minutes came at %d instants, want one of six each minute", len(b.driver.extended), len(instants))
		}
	})
}

func TestShortJobsHaveNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(nil)
		var messages []*queue.Message
		for i := range 30 {
			messages = append(messages, message(fmt.Sprint(i)))
		}
		told := 0
		b.opts.HeartbeatAge = func(age time.Duration) {
			if told++; age != 5*time.Second {
				t.Errorf("a job of 5 s tells of an age of %s", age)
			}
		}
		b.run(5*time.Minute, messages...)
		if b.count("extend") != 0 || told != 30 {
			t.Errorf("%d heartbeats, and %d ages of 30 jobs", b.count("extend"), told)
		}
	})
}

// A queue that takes its time for a beat gets no second one meanwhile, and none after the job's end.
func TestSlowHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(nil)
		b.driver.extending, b.grader.takes = 25*time.Second, 66*time.Second
		b.driver.waiting <- message("1")
		fetch, stop := context.WithTimeout(t.Context(), 5*time.Minute)
		defer stop()
		worker := queue.NewWorker(b.driver, b.grader, b.files, &b.opts)
		oldest := make(chan time.Duration, 1)
		time.AfterFunc(44*time.Second, func() { oldest <- worker.OldestHeartbeat() })
		worker.Run(fetch, t.Context())
		// Sent at 20 and 50 s.
		if got := b.count("extend"); got != 2 {
			t.Errorf("%d heartbeats", got)
		}
		if got := <-oldest; got != 44*time.Second || worker.OldestHeartbeat() != 0 {
			t.Errorf("the oldest heartbeat was %s old, and %s at the end", got, worker.OldestHeartbeat())
		}
	})
}

// A beat that comes after a release would take the message from whoever has it then.
func TestNoHeartbeatAfterARelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(map[string]int{"grade": -1})
		b.driver.extending, b.grader.takes = 15*time.Second, 22*time.Second
		calls := b.run(5*time.Minute, message("1"))
		if b.count("extend") != 1 || calls[len(calls)-1] != "release" {
			t.Errorf("calls: %v", calls)
		}
	})
}
