package dockerengine_test

import (
	"testing"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/sandboxtest"
)

func newEngine(t *testing.T, pull dockerengine.PullPolicy) *dockerengine.Engine {
	t.Helper()
	testenv.NeedsDocker(t)
	engine, err := dockerengine.New(t.Context(), dockerengine.NewGuestFiles(testenv.Guest(t)), &dockerengine.Options{Pull: pull})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	return engine
}

func TestTrial(t *testing.T) {
	engine := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullMissing})
	bench := &sandboxtest.Bench{Engine: engine, Runner: "test"}
	run := bench.Run(t, &sandboxtest.Job{Script: `id; ls -la /grade /grade/tests; cat /proc/self/status | grep -i cap; cat /proc/self/oom_score_adj; pwd; env; ls -la /proc/1/fd/; echo x > /proc/1/fd/1; kill -TERM 1; mkdir /grade/results; echo '{"score":1}' > /grade/results/results.json; df -h; ls -la /.slashgrade; mount | head -50;ulimit -a`})
	t.Logf("%s", run.Output)
	t.Logf("%+v %+v %s", run.Ending, run.Ended, run.Results)
	t.Logf("%s %s", run.StartedAt, run.FinishedAt)
}
