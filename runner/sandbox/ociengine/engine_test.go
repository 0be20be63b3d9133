//go:build linux

package ociengine_test

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/slashgrade/slashgrade/internal/testengine"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/nsengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/ociengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(leaveIn); dir != "" {
		leave(dir)
	}
	goleak.VerifyTestMain(m)
}

// maker makes an engine.
type maker func(*ociengine.Options) (*ociengine.Engine, error)

// makers are the ways in which containers of this engine are started.
func makers() map[string]maker {
	return map[string]maker{"runtime": ociengine.New, "namespaces": nsengine.New}
}

// newEngine makes an engine that starts containers by a runtime; only what the options lack is given.
func newEngine(t *testing.T, opts ociengine.Options) *ociengine.Engine {
	t.Helper()
	return makeEngine(t, ociengine.New, opts)
}

func makeEngine(t *testing.T, by maker, opts ociengine.Options) *ociengine.Engine {
	t.Helper()
	testenv.NeedsOCI(t)
	guests := dockerengine.NewGuestFiles(testenv.Guest(t))
	if opts.Guests == nil {
		opts.Guests = guests
	}
	if opts.Docker == nil {
		opts.Docker = testengine.Open(t, "")
	}
	engine, err := by(&opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
		if left := mountsBelow(t, opts.Dir); len(left) > 0 {
			t.Errorf("mounts were left: %q", left)
		}
	})
	return engine
}

// TestConformance runs the suite on both kinds, one after the other: each measures what the machine has left.
func TestConformance(t *testing.T) {
	for name, by := range makers() {
		t.Run(name, func(t *testing.T) {
			runner := "conformance-oci-" + name
			guests := dockerengine.NewGuestFiles(testenv.Guest(t))
			docker := testengine.Open(t, "") // runs the jobs with a network
			err := docker.PrepareNetwork(t.Context(), runner, &dockerengine.NetworkOptions{Mode: dockerengine.NetworkOpen})
			if err != nil {
				t.Fatal(err)
			}
			engine := makeEngine(t, by, ociengine.Options{Dir: t.TempDir(), Docker: docker, Guests: guests})
			sandboxtest.Run(t, &sandboxtest.Bench{
				Engine: engine, Runner: runner, DiskInMemory: true, Build: build,
				Kill: func(tb testing.TB, container string) {
					tb.Helper()
					kill(tb, filepath.Join(runner, container))
				},
			})
		})
	}
}

// kill is what an operator does who knows nothing of jobs: it kills the first process of a cgroup.
func kill(tb testing.TB, group string) {
	tb.Helper()
	list, err := filepath.Glob("/sys/fs/cgroup/pids/slashgrade/" + group + "/cgroup.procs")
	if err != nil || len(list) == 0 {
		list = []string{"/sys/fs/cgroup/slashgrade/" + group + "/cgroup.procs"}
	}
	text, err := os.ReadFile(list[0])
	if err != nil {
		tb.Fatal(err)
	}
	first, err := strconv.Atoi(strings.Fields(string(text))[0])
	if err == nil {
		err = syscall.Kill(first, syscall.SIGKILL)
	}
	if err != nil {
		tb.Error(err)
	}
}

func command(tb testing.TB, stdin string, argv ...string) string {
	tb.Helper()
	run := exec.Command(argv[0], argv[1:]...) // also when the test's context has ended
	run.Env = append(run.Environ(), "DOCKER_BUILDKIT=0", "DOCKER_CLI_HINTS=false")
	run.Stdin = strings.NewReader(stdin)
	out, err := run.CombinedOutput()
	if err != nil {
		tb.Errorf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// build implements Build of the bench.
func build(tb testing.TB, lines ...string) string {
	tb.Helper()
	name := "slashgrade-test/oci:" + strings.ToLower(rand.Text())
	dockerfile := "FROM " + testenv.Image + "\nLABEL org.slashgrade.test=1\n" + strings.Join(lines, "\n") + "\n"
	command(tb, dockerfile, "docker", "build", "--force-rm", "-t", name, "-")
	tb.Cleanup(func() { command(tb, "", "docker", "image", "rm", "--force", name) })
	return name
}
