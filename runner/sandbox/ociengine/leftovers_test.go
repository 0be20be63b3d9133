//go:build linux

package ociengine_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/ociengine"
)

// Environment of a second process of this test's program, which is killed.
const (
	leaveIn    = "SLASHGRADE_TEST_LEAVE_IN"
	leaveGuest = "SLASHGRADE_TEST_LEAVE_GUEST"
	leaveBy    = "SLASHGRADE_TEST_LEAVE_BY" // a key of makers
	killed     = "killed-runner"
)

// leave starts two containers of the runner that will be killed, says so, and waits to be.
func leave(dir string) {
	ctx := context.Background()
	guests := dockerengine.NewGuestFiles(os.DirFS(os.Getenv(leaveGuest)))
	docker, err := dockerengine.New(ctx, guests, &dockerengine.Options{})
	if err == nil {
		err = startTwo(ctx, &ociengine.Options{Docker: docker, Guests: guests, Dir: dir})
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	select {}
}

func startTwo(ctx context.Context, opts *ociengine.Options) error {
	engine, err := makers()[os.Getenv(leaveBy)](opts)
	if err != nil {
		return err
	}
	image, err := engine.Image(ctx, testenv.Image)
	if err != nil {
		return err
	}
	for range 2 {
		_, err := sandbox.Open(ctx, engine, &sandbox.Spec{
			Image: image, Profile: sandbox.Profiles()[sandbox.Strict], Runner: killed, Job: "left",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// TestKilledRunner kills a runner with two containers. The next one on its folder removes them, and nothing of another runner.
func TestKilledRunner(t *testing.T) {
	for kind := range makers() {
		t.Run(kind, func(t *testing.T) { sweepKilled(t, kind) })
	}
}

func sweepKilled(t *testing.T, kind string) {
	t.Helper()
	dir := t.TempDir()
	engine := newEngine(t, ociengine.Options{Dir: dir})
	image, err := engine.Image(t.Context(), testenv.Image)
	if err != nil {
		t.Fatal(err)
	}
	other := start(t, engine, &sandbox.Spec{Image: image, Profile: sandbox.Profiles()[sandbox.Strict], Runner: "other-runner"})
	killRunner(t, dir, kind)
	if left := mountsBelow(t, filepath.Join(dir, killed)); len(left) < 5 {
		t.Fatalf("the killed runner left only the mounts %q", left)
	}
	removed, err := engine.Sweep(t.Context(), killed)
	if err != nil || removed != 2 {
		t.Errorf("the sweep removed %d containers, %v, want 2", removed, err)
	}
	if left := mountsBelow(t, filepath.Join(dir, killed)); len(left) > 1 {
		t.Errorf("the sweep left the mounts %q", left)
	}
	for _, hierarchy := range []string{"memory", "pids", "unified", "."} {
		left, _ := filepath.Glob(filepath.Join("/sys/fs/cgroup", hierarchy, "slashgrade", killed, "*/cgroup.procs"))
		if len(left) > 0 {
			t.Errorf("the sweep left the cgroups %q", left)
		}
	}
	if out := command(t, "", "docker", "ps", "-aq", "--filter", "label=org.slashgrade.lease="+killed); out != "" {
		t.Errorf("the sweep left the leases %q", out)
	}
	if state, err := other.State(t.Context()); err != nil || !state.Running {
		t.Errorf("another runner's container is %+v, %v", state, err)
	}
	// The folder is used again, as by the next start of the runner, and removed with its end.
	start(t, engine, &sandbox.Spec{Image: image, Profile: sandbox.Profiles()[sandbox.Strict], Runner: killed})
}

// TestReap is a container whose removal was broken off: it is left until the next look, and others go on.
func TestReap(t *testing.T) {
	for kind, by := range makers() {
		t.Run(kind, func(t *testing.T) { reapStuck(t, by, "reaped-"+kind) })
	}
}

func reapStuck(t *testing.T, by maker, runner string) {
	t.Helper()
	dir := t.TempDir()
	engine := makeEngine(t, by, ociengine.Options{Dir: dir})
	image, err := engine.Image(t.Context(), testenv.Image)
	if err != nil {
		t.Fatal(err)
	}
	spec := &sandbox.Spec{Image: image, Profile: sandbox.Profiles()[sandbox.Strict], Runner: runner}
	runs, left := start(t, engine, spec), start(t, engine, spec)
	before := mountsBelow(t, dir)
	broken, cancel := context.WithCancel(t.Context())
	cancel()
	if err := left.Remove(broken); err == nil {
		t.Fatal("a removal that was broken off had no error")
	}
	for look, want := range []int{1, 0} {
		if removed, err := engine.Reap(t.Context(), runner); err != nil || removed != want {
			t.Errorf("look %d removed %d containers, %v, want %d", look, removed, err, want)
		}
	}
	if after := mountsBelow(t, dir); len(after) >= len(before) || len(after) < 2 {
		t.Errorf("of the mounts %q there are %q", before, after)
	}
	if state, err := runs.State(t.Context()); err != nil || !state.Running {
		t.Errorf("the other container is %+v, %v", state, err)
	}
}

// killRunner has another process start containers and kills it.
func killRunner(t *testing.T, dir, kind string) {
	t.Helper()
	runner := exec.Command(os.Args[0], "-test.run=^$")
	runner.Env = append(runner.Environ(), leaveIn+"="+dir, leaveGuest+"="+testenv.GuestFolder(t), leaveBy+"="+kind)
	out, err := runner.StdoutPipe()
	if err == nil {
		err = runner.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said, err := bufio.NewReader(out).ReadString('\n')
	if said != "ready\n" {
		rest, _ := io.ReadAll(out)
		t.Errorf("the runner said %q, %v%s", said, err, rest)
	}
	if err := runner.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = runner.Wait()
}

// start starts a container that is removed when the test ends.
func start(t *testing.T, engine sandbox.Engine, spec *sandbox.Spec) sandbox.Container {
	t.Helper()
	container, err := engine.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		if err := container.Remove(ctx); err != nil {
			t.Error(err)
		}
	})
	return container
}

// mountsBelow lists what is mounted at or below a folder.
func mountsBelow(tb testing.TB, folder string) []string {
	tb.Helper()
	text, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		tb.Fatal(err)
	}
	var below []string
	for line := range strings.Lines(string(text)) {
		if path := strings.Fields(line)[1]; path == folder || strings.HasPrefix(path, folder+"/") {
			below = append(below, path)
		}
	}
	return below
}

// TestStartFails finds nothing left of containers that could not be started, and the reason in the error.
func TestStartFails(t *testing.T) {
	folder := t.TempDir()
	program := func(name, script string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]struct{ runtime, want string }{
		"its runtime fails":          {program("fails", `while [ $# -gt 0 ]; do [ "$1" = --log ] && echo '{"msg":"no luck today"}' > "$2"; shift; done; exit 1`), "no luck today"},
		"its runtime starts nothing": {program("nothing", "exit 0"), "find the guest"},
		"its runtime hangs":          {program("hangs", "exec sleep 1000"), "no time left"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			engine := newEngine(t, ociengine.Options{Dir: dir, Runtime: c.runtime})
			image, err := engine.Image(t.Context(), testenv.Image)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, errors.New("no time left"))
			defer cancel()
			container, err := engine.Start(ctx, &sandbox.Spec{Image: image, Profile: sandbox.Profiles()[sandbox.Strict], Runner: "start-fails"})
			if err == nil {
				t.Fatalf("container %s was started", container.ID())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %q, want it to say %q", err, c.want)
			}
			if left := mountsBelow(t, filepath.Join(dir, "start-fails")); len(left) > 1 {
				t.Errorf("mounts were left: %q", left)
			}
		})
	}
}

// TestNoRuntime is a machine without one.
func TestNoRuntime(t *testing.T) {
	testenv.NeedsOCI(t)
	if _, err := ociengine.New(&ociengine.Options{Runtime: "no-such-runtime"}); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("got %v, want %v", err, exec.ErrNotFound)
	}
}

// TestRunnerNames refuses ids that would lead out of the runner's folder.
func TestRunnerNames(t *testing.T) {
	dir := t.TempDir()
	engine := newEngine(t, ociengine.Options{Dir: dir})
	image, err := engine.Image(t.Context(), testenv.Image)
	if err != nil {
		t.Fatal(err)
	}
	for _, runner := range []string{"", ".", "..", "../x", "a/b", "a b", "@runtime", strings.Repeat("x", 65)} {
		spec := &sandbox.Spec{Image: image, Profile: sandbox.Profiles()[sandbox.Strict], Runner: runner}
		if _, err := engine.Start(t.Context(), spec); err == nil {
			t.Errorf("a container of runner %q was started", runner)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) || len(entries) > 0 {
		t.Errorf("folders were made: %v, %v", entries, err)
	}
}
