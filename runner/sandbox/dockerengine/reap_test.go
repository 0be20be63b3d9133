package dockerengine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
)

var _ sandbox.Reaper = (*dockerengine.Engine)(nil)

// reap fails the test unless the engine removes so many.
func reap(t *testing.T, engine *dockerengine.Engine, runner string, want int) {
	t.Helper()
	if removed, err := engine.Reap(t.Context(), runner); err != nil || removed != want {
		t.Errorf("%d containers were removed, %v, want %d", removed, err, want)
	}
}

// open starts a container that waits for its job, as a pool's or a job's does.
func open(t *testing.T, engine *dockerengine.Engine, runner string) *sandbox.Session {
	t.Helper()
	session, err := sandbox.Open(t.Context(), engine, specOf(mustHave(t, engine, testenv.Image), runner))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := session.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return session
}

func exists(t *testing.T, container string) bool {
	t.Helper()
	return docker(t, "ps", "--all", "--quiet", "--filter", "id="+container) != ""
}

// TestReap is a runner whose first process was killed, and that runs on beside another runner.
func TestReap(t *testing.T) {
	killed := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullMissing})
	living := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullMissing})
	left, waits, others := open(t, killed, "reaped"), open(t, living, "reaped"), open(t, killed, "reaped-not")
	docker(t, "kill", open(t, killed, "reaped").Container()) // ended, not removed
	reap(t, living, "reaped", 2)
	for session, want := range map[*sandbox.Session]bool{left: false, waits: true, others: true} {
		if got := exists(t, session.Container()); got != want {
			t.Errorf("container %s is there: %t, want %t", session.Container(), got, want)
		}
	}
	reap(t, living, "reaped", 0)
	for _, session := range []*sandbox.Session{waits, others} {
		ending, err := session.Run(t.Context(), &sandbox.Command{Argv: []string{"true"}, Timeout: 20 * time.Second}, nil)
		if err != nil || ending.Ended == nil || ending.Ended.Status != 0 {
			t.Errorf("a container that is needed ended with %+v, %v", ending, err)
		}
		if err := session.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	reap(t, living, "reaped", 0)
}

// TestReapUnknown is a container that a call has made which failed on its way back.
func TestReapUnknown(t *testing.T) {
	engine := newEngine(t, dockerengine.PullPolicy{When: dockerengine.PullMissing})
	known := open(t, engine, "unknown")
	instance := docker(t, "inspect", "--format", "{{index .Config.Labels \""+dockerengine.LabelInstance+"\"}}", known.Container())
	stranger := docker(t, "create", "--label", dockerengine.LabelRunner+"=unknown", "--label", dockerengine.LabelInstance+"="+instance, testenv.Image)
	t.Cleanup(func() { docker(t, "rm", "--force", stranger) })
	reap(t, engine, "unknown", 0) // it may be on its way to us
	reap(t, engine, "unknown", 1)
	if exists(t, stranger) || !exists(t, known.Container()) {
		t.Error("another container was removed")
	}
}

// TestReapFailedRemoval is an engine that does not remove a container after its job.
func TestReapFailedRemoval(t *testing.T) {
	proxy := newEngineProxy(t)
	engine := proxy.engine(t)
	session := open(t, engine, "stuck")
	call := "DELETE "
	proxy.hang.Store(&call)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := session.Close(ctx); err == nil {
		t.Fatal("a removal that was not answered had no error")
	}
	nothing := "no call"
	proxy.hang.Store(&nothing)
	if !exists(t, session.Container()) {
		t.Fatal("the container went all the same")
	}
	reap(t, engine, "stuck", 1)
	if exists(t, session.Container()) {
		t.Error("the container is there still")
	}
}

// TestReapWithoutEngine is told, and tried again by the next look.
func TestReapWithoutEngine(t *testing.T) {
	proxy := newEngineProxy(t)
	engine := proxy.engine(t)
	proxy.cut()
	if _, err := engine.Reap(t.Context(), "gone"); err == nil || !strings.Contains(err.Error(), "list the containers") {
		t.Errorf("got %v, want an error that says what failed", err)
	}
}
