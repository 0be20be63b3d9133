//go:build linux

package nsengine

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/slashgrade/slashgrade/internal/testengine"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/ociengine"
)

// instructionSize is the size of one in a filter.
const instructionSize = 8

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// changing changes descriptions on their way to a starter.
type changing struct {
	ociengine.Starter
	change func(*ociengine.Launch)
}

// Start implements [ociengine.Starter].
func (c *changing) Start(ctx context.Context, launch *ociengine.Launch) (int, error) {
	c.change(launch)
	return c.Starter.Start(ctx, launch)
}

// broken is a runtime that starts nothing.
type broken struct{}

var errBroken = errors.New("it is broken")

// Start implements [ociengine.Starter].
func (broken) Start(context.Context, *ociengine.Launch) (int, error) { return 0, errBroken }

type rig struct {
	engine *ociengine.Engine
	spec   *sandbox.Spec
}

// newRig makes an engine whose containers are started by the starter.
func newRig(t *testing.T, starter ociengine.Starter) *rig {
	t.Helper()
	testenv.NeedsOCI(t)
	guests := dockerengine.NewGuestFiles(testenv.Guest(t))
	engine, err := ociengine.New(&ociengine.Options{Docker: testengine.Open(t, ""), Guests: guests, Dir: t.TempDir(), Starter: starter})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	image, err := engine.Image(t.Context(), testenv.Image)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{engine: engine, spec: &sandbox.Spec{
		Image: image, Profile: sandbox.Profiles()[sandbox.PrairieLearn], Runner: "namespaces-" + strconv.Itoa(os.Getpid()),
	}}
}

// groups are the cgroups of the rig's containers.
func (r *rig) groups() []string {
	var found []string
	for _, pattern := range []string{"/sys/fs/cgroup/*/slashgrade/", "/sys/fs/cgroup/slashgrade/"} {
		list, _ := filepath.Glob(pattern + r.spec.Runner + "/*/cgroup.procs")
		found = append(found, list...)
	}
	return found
}

// reading reads the filters of what a starter starts, before anybody else waits for the processes.
type reading struct {
	ociengine.Starter
	t       *testing.T
	filters [][]byte
}

// Start implements [ociengine.Starter].
func (r *reading) Start(ctx context.Context, launch *ociengine.Launch) (int, error) {
	pid, err := r.Starter.Start(ctx, launch)
	if err != nil {
		return 0, err
	}
	filter, err := readFilter(pid)
	if err != nil {
		r.t.Error(err)
	}
	r.filters = append(r.filters, filter)
	return pid, nil
}

// TestFilter starts one container by the runtime and two without, of two sets of capabilities each: all of a set have the same filter.
func TestFilter(t *testing.T) {
	program, err := ociengine.FindRuntime("")
	if err != nil {
		testenv.NeedsOCI(t)
		t.Fatal(err)
	}
	started := 0
	read := &reading{Starter: NewStarter(&changing{program, func(*ociengine.Launch) { started++ }}), t: t}
	r := newRig(t, read)
	usual := sandbox.Profiles()[sandbox.PrairieLearn]
	wider := *usual
	wider.Capabilities = append(slices.Clone(usual.Capabilities), sandbox.Capability{Name: "SYS_CHROOT", Number: unix.CAP_SYS_CHROOT})
	for set, profile := range []*sandbox.Profile{usual, &wider} {
		r.spec.Profile = profile
		for range 3 {
			container, err := r.engine.Start(t.Context(), r.spec)
			if err == nil {
				err = container.Remove(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		filters := read.filters[3*set:]
		if len(filters[0]) < 100*instructionSize {
			t.Errorf("set %d: the runtime's filter has %d bytes", set, len(filters[0]))
		}
		if !bytes.Equal(filters[0], filters[1]) || !bytes.Equal(filters[0], filters[2]) {
			t.Errorf("set %d: the filters of containers made without the runtime differ from its own", set)
		}
	}
	if bytes.Equal(read.filters[0], read.filters[3]) {
		t.Error("two sets of capabilities have one filter")
	}
	if started != 2 {
		t.Errorf("the runtime started %d containers, want 2", started)
	}
}

// TestRefused has descriptions that a runtime might take and this does not: nothing is done in silence, and nothing is left.
func TestRefused(t *testing.T) {
	program, err := ociengine.FindRuntime("")
	if err != nil {
		testenv.NeedsOCI(t)
		t.Fatal(err)
	}
	own := NewStarter(program)
	change := func(*ociengine.Launch) {}
	r := newRig(t, &changing{own, func(launch *ociengine.Launch) { change(launch) }})
	first, err := r.engine.Start(t.Context(), r.spec) // the runtime's
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	for name, c := range map[string]struct {
		change func(*ociengine.Launch)
		want   string
	}{
		"unknown option": {func(l *ociengine.Launch) {
			l.Spec.Mounts[0].Options = append(l.Spec.Mounts[0].Options, "shared")
		}, `mount: proc on /proc: the option "shared" is not known`},
		"unknown file system": {func(l *ociengine.Launch) {
			l.Spec.Mounts = append(l.Spec.Mounts, specs.Mount{Type: "nosuch", Destination: "/x"})
		}, "mount: nosuch on /x: no such device"},
		"missing source": {func(l *ociengine.Launch) {
			l.Spec.Mounts = append(l.Spec.Mounts, specs.Mount{Type: "bind", Source: outside, Destination: "/x"})
		}, "open what is mounted from the machine: " + outside},
		"unknown limit": {func(l *ociengine.Launch) {
			l.Spec.Process.Rlimits = append(l.Spec.Process.Rlimits, specs.POSIXRlimit{Type: "RLIMIT_CPU"})
		}, "bound the process: the limit RLIMIT_CPU is not known"},
		"inherited capabilities": {func(l *ociengine.Launch) {
			l.Spec.Process.Capabilities.Inheritable = []string{"CAP_CHOWN"}
		}, "give privileges up: "},
		"effective capabilities": {func(l *ociengine.Launch) {
			l.Spec.Process.Capabilities.Effective = append([]string{"CAP_SYS_ADMIN"}, l.Spec.Process.Capabilities.Effective...)
		}, "give privileges up: "},
		"new privileges": {func(l *ociengine.Launch) { l.Spec.Process.NoNewPrivileges = false }, "give privileges up: "},
		"unknown parameter": {func(l *ociengine.Launch) {
			l.Spec.Linux.Sysctl["net.no_such"] = "1"
		}, "set the kernel's parameters: open /proc/sys/net/no_such"},
		"no memory limit": {func(l *ociengine.Launch) { l.Spec.Linux.Resources.Memory = nil }, "lacks a limit or its cgroup"},
		"link in the image": {func(l *ociengine.Launch) {
			_ = os.Remove(filepath.Join(l.Spec.Root.Path, "proc"))
			_ = os.Symlink("/tmp", filepath.Join(l.Spec.Root.Path, "proc"))
		}, "mount: proc on /proc: the image has no folder there"},
		"no program":   {func(l *ociengine.Launch) { l.Spec.Process.Args = []string{"/no/such"} }, "execute the guest: no such file"},
		"no guest":     {func(l *ociengine.Launch) { l.Guest += "s" }, "start the container's first process: no such file"},
		"no root":      {func(l *ociengine.Launch) { l.Spec.Root.Path = "/no/such" }, "enter the root: no such file"},
		"no arguments": {func(l *ociengine.Launch) { l.Spec.Process.Args = nil }, "the plan names no program"},
	} {
		t.Run(name, func(t *testing.T) {
			change = c.change
			container, err := r.engine.Start(t.Context(), r.spec)
			if err == nil {
				_ = container.Remove(t.Context())
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
			if left := r.groups(); len(left) > 0 {
				t.Errorf("there are the cgroups %q", left)
			}
		})
	}
	change = func(*ociengine.Launch) {}
	container, err := r.engine.Start(t.Context(), r.spec)
	if err != nil {
		t.Fatalf("after all these a container did not start: %v", err)
	}
	if err := container.Remove(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestGivenUp gives starts up at several moments; nothing is left of them.
func TestGivenUp(t *testing.T) {
	program, err := ociengine.FindRuntime("")
	if err != nil {
		testenv.NeedsOCI(t)
		t.Fatal(err)
	}
	var cancel context.CancelCauseFunc
	giveUp := errors.New("nobody wants it")
	own := NewStarter(program)
	r := newRig(t, &changing{own, func(*ociengine.Launch) {
		if cancel != nil {
			go func() {
				runtime.Gosched()
				cancel(giveUp)
			}()
		}
	}})
	for i := range 20 {
		ctx, stop := context.WithCancelCause(t.Context())
		if i > 0 { // the first is the runtime's
			cancel = stop
		}
		container, err := r.engine.Start(ctx, r.spec)
		switch {
		case err == nil:
			if err := container.Remove(context.WithoutCancel(ctx)); err != nil {
				t.Error(err)
			}
		case !errors.Is(err, giveUp):
			t.Errorf("got %v, want %v", err, giveUp)
		}
		stop(nil)
	}
	if left := r.groups(); len(left) > 0 {
		t.Errorf("there are the cgroups %q", left)
	}
}

// TestNoRuntime fails with the runtime's own error while no filter is known.
func TestNoRuntime(t *testing.T) {
	r := newRig(t, NewStarter(broken{}))
	if _, err := r.engine.Start(t.Context(), r.spec); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want %v", err, errBroken)
	}
}

// TestReadFilter says what is wrong with a process that has none.
func TestReadFilter(t *testing.T) {
	testenv.NeedsOCI(t)
	if _, err := readFilter(os.Getpid()); err == nil {
		t.Error("a process traced itself")
	}
	if _, err := readFilter(1 << 22); err == nil || !strings.Contains(err.Error(), "trace it: no such process") {
		t.Errorf("got %v of no process", err)
	}
}
