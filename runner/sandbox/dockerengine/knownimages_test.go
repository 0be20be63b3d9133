package dockerengine_test

import (
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
)

// known waits until the engine is not asked about the image any more.
func known(t *testing.T, proxy *engineProxy, engine *dockerengine.Engine, name string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		before := proxy.described.Load()
		mustHave(t, engine, name)
		if proxy.described.Load() == before {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the engine is asked about the image again and again")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestKnownImage is not asked about for every job, and forgotten when somebody tags another image with its name.
func TestKnownImage(t *testing.T) {
	proxy := newEngineProxy(t)
	engine := proxy.engine(t)
	first, second := build(t, "LABEL version=1"), build(t, "LABEL version=2")
	want := mustHave(t, engine, second).ID
	known(t, proxy, engine, first)
	if mustHave(t, engine, first).ID == want {
		t.Fatal("two images are one")
	}
	docker(t, "tag", second, first)
	deadline := time.Now().Add(30 * time.Second)
	for mustHave(t, engine, first).ID != want {
		if time.Now().After(deadline) {
			t.Fatal("another image has the name, and the old one is still returned")
		}
		time.Sleep(5 * time.Millisecond)
	}
	image := mustHave(t, engine, first)
	image.Warning = "written by one job"
	known(t, proxy, engine, first)
	if again := mustHave(t, engine, first); again.Warning != "" {
		t.Errorf("the next job's image has the warning %q", again.Warning)
	}
}

// TestKnownImageOfLostEngine is not known any more when the events are not followed: the engine may have been another meanwhile.
func TestKnownImageOfLostEngine(t *testing.T) {
	proxy := newEngineProxy(t)
	engine := proxy.engine(t)
	known(t, proxy, engine, testenv.Image)
	proxy.cut()
	deadline := time.Now().Add(30 * time.Second)
	for {
		if _, err := engine.Image(t.Context(), testenv.Image); err != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("an image is known although the engine is gone")
		}
		time.Sleep(5 * time.Millisecond)
	}
}
