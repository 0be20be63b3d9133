//go:build linux

package nsengine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/opencontainers/cgroups/manager"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/slashgrade/slashgrade/runner/sandbox/nsengine/firstprocess"
	"github.com/slashgrade/slashgrade/runner/sandbox/ociengine"
	"golang.org/x/sys/unix"
)

// maxReport bounds what a first process says of its failure.
const maxReport = 16 << 10

// Starter starts containers by the kernel alone, but for the first of each set of capabilities.
type Starter struct {
	filters *filters
}

// NewStarter returns a starter that learns filters from what the runtime starts.
func NewStarter(runtime ociengine.Starter) *Starter {
	return &Starter{filters: newFilters(runtime)}
}

// Start implements [ociengine.Starter].
func (s *Starter) Start(ctx context.Context, launch *ociengine.Launch) (int, error) {
	filter, pid, err := s.filters.of(ctx, launch)
	if err != nil || pid != 0 {
		return pid, err
	}
	return start(ctx, launch, filter)
}

// start has the kernel make the container, and waits until its first process is the guest.
func start(ctx context.Context, launch *ociengine.Launch, filter []byte) (int, error) {
	born, err := bear(launch)
	if err != nil {
		return 0, fmt.Errorf("start the container's first process: %w", err)
	}
	defer born.close()
	err = confine(born.pid, launch.Spec)
	if err == nil {
		err = born.grow(ctx, &firstprocess.Plan{Spec: withoutFilter(launch.Spec), Filter: filter})
	}
	if err != nil {
		born.kill()
		return 0, err
	}
	return born.pid, nil
}

// withoutFilter is the description without the filter in words, which is most of it.
func withoutFilter(spec *specs.Spec) *specs.Spec {
	short, linux := *spec, *spec.Linux
	linux.Seccomp = nil
	short.Linux = &linux
	return &short
}

// confine puts a process into the container's cgroups with their limits.
func confine(pid int, spec *specs.Spec) error {
	group, err := cgroup(spec)
	if err != nil {
		return err
	}
	groups, err := manager.New(group)
	if err == nil {
		err = groups.Apply(pid)
	}
	if err == nil {
		err = groups.Set(group.Resources)
	}
	if err != nil {
		return fmt.Errorf("make the container's cgroups: %w", err)
	}
	return nil
}

// firstProcess is a process in namespaces of its own that has not got its plan yet.
type firstProcess struct {
	pid    int
	plan   *os.File // our ends of its pipes
	report *os.File
}

// bear starts the guest program in new namespaces. What it is to become there it reads from a pipe.
func bear(launch *ociengine.Launch) (*firstProcess, error) {
	planReader, plan, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = planReader.Close() }()
	report, reportWriter, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, plan.Close())
	}
	defer func() { _ = reportWriter.Close() }()
	files := []*os.File{launch.Stdin, launch.Stdout, launch.Stderr, planReader, reportWriter}
	attributes := &syscall.ProcAttr{
		Dir: "/", Files: make([]uintptr, len(files)), Env: []string{"GOMAXPROCS=1", "GOGC=off"}, // it lives for some milliseconds
		Sys: &syscall.SysProcAttr{
			Setsid:     true,
			Credential: &syscall.Credential{}, // root, without the groups of whoever started the runner
			Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWNET,
		},
	}
	for i, file := range files {
		attributes.Files[i] = file.Fd()
	}
	pid, err := syscall.ForkExec(launch.Guest, []string{launch.Guest, firstprocess.Command}, attributes) //nolint:gosec // our own program
	if err != nil {
		return nil, errors.Join(err, plan.Close(), report.Close())
	}
	return &firstProcess{pid: pid, plan: plan, report: report}, nil
}

// grow gives the process its plan and waits until it is the guest, which closes its report, or until it says why it cannot.
func (p *firstProcess) grow(ctx context.Context, plan *firstprocess.Plan) error {
	stop := context.AfterFunc(ctx, func() {
		_ = p.plan.SetDeadline(time.Now())
		_ = p.report.SetDeadline(time.Now())
	})
	defer stop()
	text, err := json.Marshal(plan)
	if err == nil {
		_, err = p.plan.Write(text)
	}
	if err != nil {
		return fmt.Errorf("describe the container to its first process: %w", errors.Join(context.Cause(ctx), err))
	}
	if err := p.plan.Close(); err != nil {
		return fmt.Errorf("describe the container to its first process: %w", err)
	}
	said, err := io.ReadAll(io.LimitReader(p.report, maxReport))
	switch {
	case err != nil:
		return fmt.Errorf("wait for the container's first process: %w", errors.Join(context.Cause(ctx), err))
	case len(said) > 0:
		return fmt.Errorf("make the container: %s", said)
	default:
		return nil
	}
}

// kill ends the process and takes its status. Its number is its own until then.
func (p *firstProcess) kill() {
	_ = unix.Kill(p.pid, unix.SIGKILL)
	for {
		if _, err := unix.Wait4(p.pid, nil, 0, nil); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

func (p *firstProcess) close() {
	_ = p.plan.Close()
	_ = p.report.Close()
}
