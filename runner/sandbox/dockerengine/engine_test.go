package dockerengine_test

import (
	"crypto/rand"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func newEngine(t *testing.T, pull dockerengine.PullPolicy) *dockerengine.Engine {
	t.Helper()
	testenv.NeedsDocker(t)
	engine, err := dockerengine.New(t.Context(), dockerengine.NewGuestFiles(testenv.Guest(t)), &dockerengine.Options{Pull: pull})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return engine
}

// TestConformance runs the suite in the runtime of the engine that SLASHGRADE_TEST_RUNTIME names, else in its default one.
func TestConformance(t *testing.T) {
	runtime := os.Getenv("SLASHGRADE_TEST_RUNTIME")
	runner := "conformance" + runtime
	engine := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullMissing})
	if err := engine.PrepareNetwork(t.Context(), runner, &dockerengine.NetworkOptions{Mode: dockerengine.NetworkOpen}); err != nil {
		t.Fatal(err)
	}
	bench := &sandboxtest.Bench{
		Engine: sandboxtest.WithRuntime(engine, runtime), Runner: runner, Lacks: lacks(t, engine, runtime), Build: build, Kill: kill,
	}
	if runtime == "runsc" {
		bench.Timeout = 2 * time.Minute // pipes and signals cost several times as much in gVisor
	}
	sandboxtest.Run(t, bench)
}

// docker runs the command line client, as an operator does, and returns what it prints.
func docker(tb testing.TB, args ...string) string {
	tb.Helper()
	return dockerReads(tb, "", args...)
}

func dockerReads(tb testing.TB, stdin string, args ...string) string {
	tb.Helper()
	command := exec.Command("docker", args...) // also when the test's context has ended
	command.Env = append(command.Environ(), "DOCKER_BUILDKIT=0", "DOCKER_CLI_HINTS=false")
	command.Stdin = strings.NewReader(stdin)
	out, err := command.CombinedOutput()
	if err != nil {
		tb.Errorf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// build implements Build of the bench.
func build(tb testing.TB, lines ...string) string {
	tb.Helper()
	name := "slashgrade-test/" + strings.ToLower(strings.NewReplacer("/", "-", "#", "-", "_", "-", "'", "", ",", "", ":", "").Replace(tb.Name()))
	name += ":" + strings.ToLower(rand.Text())
	dockerfile := "FROM " + testenv.Image + "\nLABEL org.slashgrade.test=1\n" + strings.Join(lines, "\n") + "\n"
	dockerReads(tb, dockerfile, "build", "--force-rm", "-t", name, "-")
	tb.Cleanup(func() { docker(tb, "image", "rm", "--force", name) })
	return name
}

// kill implements Kill of the bench.
func kill(tb testing.TB, container string) {
	tb.Helper()
	docker(tb, "kill", container)
}
