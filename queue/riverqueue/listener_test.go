package riverqueue_test

import (
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
)

// A driver hears of jobs that another handle inserts; the look that River takes by itself once a second would make this twice as long.
func TestNewsOfInserts(t *testing.T) {
	path := newPath(t)
	driver := newDriver(t, open(t, path), "runner", 1)
	platform := open(t, path)
	const rounds = 20
	begin := time.Now()
	for range rounds {
		insert(t, platform, &jobspec.Job{Image: "x"})
		complete(t, driver, receive(t, driver))
	}
	if took := time.Since(begin); took > rounds*time.Second/4 {
		t.Errorf("%d jobs took %s from insert to answer: they came by the poll", rounds, took)
	}
}

// BenchmarkJob is one small job through the queue: insert, receive, answer.
func BenchmarkJob(b *testing.B) {
	q, driver := openBench(b)
	for b.Loop() {
		if _, err := q.Insert(b.Context(), &jobspec.Job{Image: "x"}); err != nil {
			b.Fatal(err)
		}
		messages, err := driver.Receive(b.Context(), 1)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := driver.Complete(b.Context(), messages[0], &jobspec.Report{}); err != nil {
			b.Fatal(err)
		}
	}
}
