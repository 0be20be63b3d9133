//go:build linux

package ociengine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testengine"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/ociengine"
)

// elsewhere is a Docker engine whose images are not in folders on this machine.
type elsewhere struct{ ociengine.Docker }

var errElsewhere = errors.New("they are elsewhere")

func (e elsewhere) LocalLayers(context.Context) error { return errElsewhere }

func (e elsewhere) Lease(ctx context.Context, image *sandbox.Image, runner string) (string, []string, error) {
	id, _, err := e.Docker.Lease(ctx, image, runner)
	return id, []string{"/no/such/folder"}, err
}

// TestTrial succeeds here, leaves nothing, and says what does not work.
func TestTrial(t *testing.T) {
	dir := t.TempDir()
	docker := testengine.Open(t, "")
	broken := filepath.Join(t.TempDir(), "runc")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		opts ociengine.Options
		want string // "" is success
	}{
		"works":              {ociengine.Options{Docker: docker}, ""},
		"no images":          {ociengine.Options{Docker: elsewhere{docker}}, errElsewhere.Error()},
		"no working runtime": {ociengine.Options{Docker: docker, Runtime: broken}, "start the container by " + broken},
		"no guest":           {ociengine.Options{Docker: docker, Guests: dockerengine.NewGuestFiles(os.DirFS(t.TempDir()))}, "make build"},
	} {
		t.Run(name, func(t *testing.T) {
			c.opts.Dir = dir
			err := newEngine(t, c.opts).Trial(t.Context(), sandbox.Profiles()[sandbox.PrairieLearn])
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
			left, _ := filepath.Glob(filepath.Join(dir, "*"))
			if mounts := mountsBelow(t, dir); len(left)+len(mounts) > 0 {
				t.Errorf("the trial left %q and the mounts %q", left, mounts)
			}
		})
	}
}

// TestImagesElsewhere has the Docker engine make the containers of images whose files are not here, and keeps no lease for them.
func TestImagesElsewhere(t *testing.T) {
	guests := dockerengine.NewGuestFiles(testenv.Guest(t))
	engine := newEngine(t, ociengine.Options{Dir: t.TempDir(), Docker: elsewhere{testengine.Open(t, "")}, Guests: guests})
	image, err := engine.Image(t.Context(), testenv.Image)
	if err != nil {
		t.Fatal(err)
	}
	const runner = "elsewhere"
	for range 2 {
		container := start(t, engine, &sandbox.Spec{Image: image, Profile: sandbox.Profiles()[sandbox.Strict], Runner: runner})
		if out := command(t, "", "docker", "inspect", "--format", "{{.State.Running}}", container.ID()); out != "true" {
			t.Errorf("the Docker engine says of container %s: %s", container.ID(), out)
		}
	}
	if leases := command(t, "", "docker", "ps", "-aq", "--filter", "label=org.slashgrade.lease="+runner); leases != "" {
		t.Errorf("there are the leases %q", leases)
	}
}
