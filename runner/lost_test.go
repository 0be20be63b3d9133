package runner_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
)

var errStopped = errors.New("the runner stops")

func TestCancelled(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	go func() {
		waitForContainer(t, b.id)
		cancel(errStopped)
	}()
	grading, err := b.newRunner(content((&job{script: "sleep 20"}).pack(t))).Grade(ctx, (&job{}).spec())
	if grading != nil || !errors.Is(err, errStopped) {
		t.Errorf("got %+v, %v, want no report and %q", grading, err, errStopped)
	}
	if left := containers(t, b.id); len(left) > 0 {
		t.Errorf("containers are left: %v", left)
	}
}

// slow is a Files whose file never comes.
type slow struct{ asked chan struct{} }

func (s slow) Open(ctx context.Context, _ jobspec.Location, _ string) (io.ReadCloser, error) {
	close(s.asked)
	return &failing{until(ctx.Done()), errDown}, nil
}

// until gives nothing until it is closed, and then fails as a broken download does.
type until <-chan struct{}

func (u until) Read([]byte) (int, error) {
	<-u
	return 0, context.Canceled
}

// A job that is given back while its archive comes fails for that reason, not for that of the broken download.
func TestCancelledWhileUnpacking(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	files := slow{make(chan struct{})}
	go func() {
		<-files.asked
		cancel(errStopped)
	}()
	grading, err := b.newRunner(files).Grade(ctx, (&job{}).spec())
	if grading != nil || !errors.Is(err, errStopped) {
		t.Errorf("got %+v, %v, want no report and %q", grading, err, errStopped)
	}
}

// A container that vanishes while its engine lives is the job's outcome, or a student could make a job that every host tries again.
func TestContainerRemoved(t *testing.T) {
	b := newBench(t)
	removed := make(chan error, 1)
	go func() {
		removed <- exec.CommandContext(t.Context(), "docker", "rm", "-f", waitForContainer(t, b.id)).Run()
	}()
	got := b.grade(t, &job{script: "sleep 20"})
	if err := <-removed; err != nil {
		t.Fatal(err)
	}
	want := verdict{
		Outcome: jobspec.GuestLost, Results: null,
		Message: "Your grading job was ended from inside its container before it could finish. " +
			"Please check your code for anything that ends other processes before submitting again." + contact,
	}
	if diff := cmp.Diff(want, got.verdict()); diff != "" {
		t.Errorf("the verdict differs (-want +got):\n%s", diff)
	}
}

// containers are those of the runner that run.
func containers(t *testing.T, id string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "docker", "ps", "-q", "--filter", "label="+dockerengine.LabelRunner+"="+id).Output()
	if err != nil {
		t.Errorf("docker ps: %v", err)
	}
	return strings.Fields(string(out))
}

// waitForContainer returns the runner's container when its job runs.
func waitForContainer(t *testing.T, id string) string {
	t.Helper()
	ticks := time.NewTicker(50 * time.Millisecond)
	defer ticks.Stop()
	for range ticks.C {
		if t.Context().Err() != nil {
			break
		}
		for _, container := range containers(t, id) {
			out, _ := exec.CommandContext(t.Context(), "docker", "top", container).Output()
			if strings.Contains(string(out), "sleep") {
				return container
			}
		}
	}
	return ""
}

// wire is the way to the engine, which a test can cut.
type wire struct {
	socket   string
	listener net.Listener
	tasks    sync.WaitGroup

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func newWire(t *testing.T) *wire {
	t.Helper()
	w := &wire{socket: filepath.Join(t.TempDir(), "s")} // a socket's name may have some 100 bytes
	var err error
	if w.listener, err = net.Listen("unix", w.socket); err != nil {
		t.Fatal(err)
	}
	w.tasks.Go(func() {
		for near, err := w.listener.Accept(); err == nil; near, err = w.listener.Accept() {
			w.tasks.Go(func() { w.pass(near) })
		}
	})
	t.Cleanup(func() {
		w.sever()
		w.tasks.Wait()
	})
	return w
}

func (w *wire) pass(near net.Conn) {
	far, err := net.Dial("unix", strings.TrimPrefix(engineSocket(), "unix://"))
	if err != nil {
		_ = near.Close()
		return
	}
	w.mu.Lock()
	w.conns = append(w.conns, near, far)
	cut := w.cut
	w.mu.Unlock()
	if cut {
		_, _ = near.Close(), far.Close()
	}
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(near, far)
		_ = near.Close()
	})
	_, _ = io.Copy(far, near)
	_ = far.Close()
	back.Wait()
}

// sever cuts every connection, and there are no more.
func (w *wire) sever() {
	_ = w.listener.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for _, conn := range w.conns {
		_ = conn.Close()
	}
}

func engineSocket() string {
	if host := os.Getenv("DOCKER_HOST"); strings.HasPrefix(host, "unix://") {
		return host
	}
	return "unix:///var/run/docker.sock"
}

// An engine that goes away is a failure of ours, whenever it does: another host takes the job. The container ends by itself.
func TestEngineLost(t *testing.T) {
	b := newBench(t)
	w := newWire(t)
	engine, err := dockerengine.New(t.Context(), dockerengine.NewGuestFiles(testenv.Guest(t)), &dockerengine.Options{
		Host: "unix://" + w.socket, Pull: dockerengine.PullPolicy{When: dockerengine.PullMissing},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.Close() }()
	grader := runner.New(engine, content((&job{script: "sleep 20"}).pack(t)), &runner.Options{ID: b.id})
	go func() {
		waitForContainer(t, b.id)
		w.sever()
	}()
	grading, err := grader.Grade(t.Context(), (&job{}).spec())
	if grading != nil || err == nil || !strings.Contains(err.Error(), "the engine does not answer") {
		t.Errorf("in the middle: got %+v, %v, want no report and an error about the engine", grading, err)
	}
	if grading, err = grader.Grade(t.Context(), (&job{}).spec()); grading != nil || err == nil {
		t.Errorf("from the start: got %+v, %v, want no report and an error", grading, err)
	}
	waitUntilNone(t, b.id)
	if removed, err := b.engine.Sweep(t.Context(), b.id); err != nil || removed != 1 {
		t.Errorf("the sweep removed %d containers (%v), want the one that ended", removed, err)
	}
}

// waitUntilNone waits until no container of the runner runs.
func waitUntilNone(t *testing.T, id string) {
	t.Helper()
	ticks := time.NewTicker(100 * time.Millisecond)
	defer ticks.Stop()
	deadline := time.Now().Add(15 * time.Second)
	for len(containers(t, id)) > 0 {
		if time.Now().After(deadline) {
			t.Fatal("the container of a runner that is gone goes on")
		}
		<-ticks.C
	}
}
