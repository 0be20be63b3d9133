//go:build linux

package ociengine_test

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/ociengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/sandboxtest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(leaveIn); dir != "" {
		leave(dir)
	}
	goleak.VerifyTestMain(m)
}

// newDocker connects to the Docker engine that has the images.
func newDocker(t *testing.T, guests *dockerengine.GuestFiles) *dockerengine.Engine {
	t.Helper()
	testenv.NeedsDocker(t)
	docker, err := dockerengine.New(t.Context(), guests, &dockerengine.Options{
		Pull: dockerengine.PullPolicy{When: dockerengine.PullMissing},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := docker.Close(); err != nil {
			t.Error(err)
		}
	})
	return docker
}

// newEngine makes an engine; only what the options lack is given.
func newEngine(t *testing.T, opts ociengine.Options) *ociengine.Engine {
	t.Helper()
	testenv.NeedsOCI(t)
	guests := dockerengine.NewGuestFiles(testenv.Guest(t))
	if opts.Guests == nil {
		opts.Guests = guests
	}
	if opts.Docker == nil {
		opts.Docker = newDocker(t, guests)
	}
	engine, err := ociengine.New(&opts)
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

func TestConformance(t *testing.T) {
	const runner = "conformance-oci"
	dir, guests := t.TempDir(), dockerengine.NewGuestFiles(testenv.Guest(t))
	docker := newDocker(t, guests) // runs the jobs with a network
	if err := docker.PrepareNetwork(t.Context(), runner, &dockerengine.NetworkOptions{Mode: dockerengine.NetworkOpen}); err != nil {
		t.Fatal(err)
	}
	sandboxtest.Run(t, &sandboxtest.Bench{
		Engine: newEngine(t, ociengine.Options{Dir: dir, Docker: docker, Guests: guests}), Runner: runner, DiskInMemory: true, Build: build,
		Kill: func(tb testing.TB, container string) {
			tb.Helper()
			runc(tb, filepath.Join(dir, runner), "kill", container, "KILL")
		},
	})
}

// runc is what an operator does who knows nothing of jobs.
func runc(tb testing.TB, runner string, args ...string) string {
	tb.Helper()
	return command(tb, "", append([]string{"runc", "--root", filepath.Join(runner, "@runtime")}, args...)...)
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
