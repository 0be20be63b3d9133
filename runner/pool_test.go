package runner_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// TestPool grades in containers that waited: nothing but the time may tell, and nothing of a job reaches the next.
func TestPool(t *testing.T) {
	b := newBench(t)
	pool := sandbox.NewPool(b.engine, &sandbox.PoolOptions{Places: 1})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { pool.Run(ctx) })
	defer running.Wait()
	defer stop()
	leaves := &job{script: leave + "\ntest ! -e /tmp/earlier || exit 9; touch /tmp/earlier", results: perfect}
	for round := range 4 {
		waitFor(t, func() bool { return round == 0 || pool.Waiting() == 1 })
		graders := runner.New(b.engine, content(leaves.pack(t)), &runner.Options{ID: b.id, Version: "test", Pool: pool})
		grading, err := graders.Grade(t.Context(), leaves.spec())
		if err != nil {
			t.Fatal(err)
		}
		if !grading.Report.Succeeded || string(grading.Report.Results) != perfect {
			t.Errorf("the report is %+v", grading.Report)
		}
		if err := grading.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
}

func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatal("it did not come about within 30 s")
		}
		time.Sleep(5 * time.Millisecond)
	}
}
