//go:build linux

package ociengine_test

import (
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/ociengine"
)

// TestLeaseGone starts containers although somebody removed what keeps the image's files: with the image there, and with another
// container's removal of it.
func TestLeaseGone(t *testing.T) {
	engine := newEngine(t, ociengine.Options{Dir: t.TempDir()})
	const runner = "lease-gone"
	lines := []string{"RUN echo lease > /lease"}
	name := build(t, lines...)
	image, err := engine.Image(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	spec := &sandbox.Spec{Image: image, Profile: sandbox.Profiles()[sandbox.Strict], Runner: runner}
	first := start(t, engine, spec)
	lease := command(t, "", "docker", "ps", "-aq", "--filter", "label=org.slashgrade.lease="+runner)
	if lease == "" {
		t.Fatal("there is no lease")
	}
	// The image may be removed by an operator; its files stay for the runner.
	command(t, "", "docker", "image", "rm", "--force", name)
	start(t, engine, spec)
	// Without the lease they are gone: an error of ours, and no container.
	command(t, "", "docker", "rm", lease)
	if _, err := engine.Start(t.Context(), spec); err == nil {
		t.Error("a container of an image that is gone was started")
	}
	if state, err := first.State(t.Context()); err != nil || !state.Running {
		t.Errorf("the first container is %+v, %v", state, err)
	}
	command(t, "", "docker", "tag", testenv.Image, name) // for the cleanup
}

// TestLeaseOfEachRunner has one lease for all containers of an image, and each runner its own.
func TestLeaseOfEachRunner(t *testing.T) {
	engine := newEngine(t, ociengine.Options{Dir: t.TempDir()})
	image, err := engine.Image(t.Context(), testenv.Image)
	if err != nil {
		t.Fatal(err)
	}
	count := func(runner string) int {
		return len(strings.Fields(command(t, "", "docker", "ps", "-aq", "--filter", "label=org.slashgrade.lease="+runner)))
	}
	for _, runner := range []string{"leases-one", "leases-two"} {
		spec := &sandbox.Spec{Image: image, Profile: sandbox.Profiles()[sandbox.Strict], Runner: runner}
		for range 3 {
			start(t, engine, spec)
		}
		if leases := count(runner); leases != 1 {
			t.Errorf("three containers of one image have %d leases, want 1", leases)
		}
	}
	if _, err := engine.Sweep(t.Context(), "leases-one"); err != nil {
		t.Error(err)
	}
	if one, two := count("leases-one"), count("leases-two"); one != 0 || two != 1 {
		t.Errorf("after the sweep of one runner there are %d and %d leases, want 0 and 1", one, two)
	}
}
