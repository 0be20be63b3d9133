package dockerengine_test

import (
	"testing"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/sandboxtest"
)

// TestRuntime runs the conformance suite in another of the engine's runtimes, which SLASHGRADE_TEST_RUNTIME names; `make test-gvisor` does.
func TestRuntime(t *testing.T) {
	runtime := testenv.Runtime(t)
	engine := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullMissing})
	if err := engine.PrepareNetwork(t.Context(), runtime, &dockerengine.NetworkOptions{Mode: dockerengine.NetworkOpen}); err != nil {
		t.Fatal(err)
	}
	sandboxtest.Run(t, &sandboxtest.Bench{Engine: sandboxtest.WithRuntime(engine, runtime), Runner: runtime, Build: build, Kill: kill})
}
