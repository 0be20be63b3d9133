// Package testengine gives tests a real engine of which they leave nothing behind.
package testengine

import (
	"context"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
)

// New is the Docker engine, and a runner's id of the test's own. The test is stopped where no engine answers, and fails if containers with the
// id are left at its end.
func New(tb testing.TB) (engine *dockerengine.Engine, runner string) {
	tb.Helper()
	testenv.NeedsDocker(tb)
	engine, err := dockerengine.New(tb.Context(), dockerengine.NewGuestFiles(testenv.Guest(tb)), &dockerengine.Options{
		Pull: dockerengine.PullPolicy{When: dockerengine.PullMissing},
	})
	if err != nil {
		tb.Fatal(err)
	}
	// The folder's name tells two processes apart that run the same test.
	runner = strings.NewReplacer("/", "-").Replace(strings.ToLower("test-" + tb.Name() + tb.TempDir()))
	tb.Cleanup(func() {
		if left, err := engine.Sweep(context.WithoutCancel(tb.Context()), runner); left != 0 || err != nil {
			tb.Errorf("%d containers were left, %v", left, err)
		}
		_ = engine.Close()
	})
	return engine, runner
}
