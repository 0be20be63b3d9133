package sandboxtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

func tryTrials() trials {
	return trials{"works": trialWorks, "no such runtime": trialOfNothing, "time limit": trialTooLong}
}

func (t *trial) spec(profile *sandbox.Profile) *sandbox.Spec {
	t.Helper()
	image, err := t.Engine.Image(t.Context(), testenv.Image)
	if err != nil {
		t.Fatal(err)
	}
	return &sandbox.Spec{Image: image, Profile: profile, Runner: t.Runner, Job: t.Name()}
}

// trialWorks reads the container's limits from inside.
func trialWorks(t *trial) {
	for _, profile := range []*sandbox.Profile{small(), sandbox.Profiles()[sandbox.Strict]} {
		profile.Runtime = t.profile(&Job{}).Runtime
		spec := t.spec(profile)
		tried, err := sandbox.Try(t.Context(), t.Engine, spec, time.Minute)
		if err != nil {
			t.Error(err)
			continue
		}
		if tried.Took <= 0 || tried.Facts["kernel"] == "" {
			t.Errorf("%s: the trial took %s and found %v", profile.Name, tried.Took, tried.Facts)
		}
		user := "0"
		if profile.User != "" {
			user = "1000"
		}
		for name, want := range map[string]string{
			"memory": strconv.FormatInt(t.containerBytes(profile, spec.Image), 10), "swap": "0", "cpu": fmt.Sprint(int(profile.CPUs * 100)),
			"processes": strconv.FormatInt(profile.ContainerProcesses(), 10), "seccomp": "2", "user": user,
			"capabilities": mask(profile.Capabilities),
		} {
			if got, seen := tried.Facts[name]; seen && got != want {
				t.Errorf("%s: the container's %s is %s, want %s", profile.Name, name, got, want)
			}
		}
	}
}

func trialOfNothing(t *trial) {
	profile := small()
	profile.Runtime = "no-such-runtime"
	if tried, err := sandbox.Try(t.Context(), t.Engine, t.spec(profile), time.Minute); err == nil || !strings.Contains(err.Error(), "no-such-runtime") {
		t.Errorf("got %+v, %v, want an error that names the runtime", tried, err)
	}
}

// trialTooLong is a runtime that hangs, as some do on machines that they do not support.
func trialTooLong(t *trial) {
	began := time.Now()
	tried, err := sandbox.Try(t.Context(), hanging{}, t.spec(small()), time.Second)
	if err == nil || !strings.Contains(err.Error(), "longer than 1s") || errors.Is(err, context.Canceled) {
		t.Errorf("got %+v, %v, want an error that says how long it took", tried, err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the trial ended after %s", took)
	}
}

// hanging is an engine whose containers never start.
type hanging struct{ sandbox.Engine }

// Start implements [sandbox.Engine].
func (hanging) Start(ctx context.Context, _ *sandbox.Spec) (sandbox.Container, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
