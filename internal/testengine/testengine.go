// Package testengine gives tests a real engine of which they leave nothing behind.
package testengine

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
)

const (
	// sweepWait bounds the removal of what a test left, on a busy machine.
	sweepWait = time.Minute
	// poolWait bounds a pool's first container, and a Python interpreter's start in it, on a busy machine.
	poolWait = time.Minute
)

// Open connects to the Docker engine at the host, "" for the usual one, until the test ends. The test is stopped where no engine answers.
func Open(tb testing.TB, host string) *dockerengine.Engine {
	tb.Helper()
	testenv.NeedsDocker(tb)
	engine, err := dockerengine.New(tb.Context(), dockerengine.NewGuestFiles(testenv.Guest(tb)), &dockerengine.Options{
		Host: host, Pull: dockerengine.PullPolicy{When: dockerengine.PullMissing},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := engine.Close(); err != nil {
			tb.Error(err)
		}
	})
	return engine
}

// New is the Docker engine, and a runner's id of the test's own. The test fails if containers with the id are left at its end.
func New(tb testing.TB) (engine *dockerengine.Engine, runner string) {
	tb.Helper()
	engine = Open(tb, "")
	// The folder's name tells two processes apart that run the same test.
	runner = strings.NewReplacer("/", "-").Replace(strings.ToLower("test-" + tb.Name() + tb.TempDir()))
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), sweepWait)
		defer cancel()
		if left, err := engine.Sweep(ctx, runner); left != 0 || err != nil {
			tb.Errorf("%d containers were left, %v", left, err)
		}
	})
	return engine, runner
}

// Waiting is a pool with one place of the runner's, in which a container of the image waits, with the image's warm-up if it has one. It
// is emptied when the test ends.
func Waiting(tb testing.TB, engine sandbox.Engine, image, runner string, log *slog.Logger) *sandbox.Pool {
	tb.Helper()
	found, err := engine.Image(tb.Context(), image)
	if err != nil {
		tb.Fatal(err)
	}
	pool := sandbox.NewPool(engine, &sandbox.PoolOptions{Places: 1, Log: log})
	ctx, stop := context.WithCancel(tb.Context())
	var running sync.WaitGroup
	running.Go(func() { pool.Run(ctx) })
	tb.Cleanup(running.Wait)
	tb.Cleanup(stop)
	pool.Warm(&sandbox.Spec{Image: found, Profile: sandbox.Profiles()[sandbox.PrairieLearn], Runner: runner, Warmup: true})
	for deadline := time.Now().Add(poolWait); pool.Waiting() == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("no container waited after %v", poolWait)
		}
	}
	return pool
}
