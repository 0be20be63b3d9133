//go:build linux

package firstprocess

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Run becomes the guest. It returns when it cannot, which it has said on ReportFD; nothing is left to do then but to end.
func Run() {
	runtime.LockOSThread() // namespaces, capabilities and the filter are a thread's
	unix.CloseOnExec(PlanFD)
	unix.CloseOnExec(ReportFD)
	report := os.NewFile(ReportFD, "report")
	plan, err := read(os.NewFile(PlanFD, "plan"))
	if err == nil {
		err = become(plan)
	}
	_, _ = io.WriteString(report, err.Error())
}

func read(from io.Reader) (*Plan, error) {
	text, err := io.ReadAll(io.LimitReader(from, MaxPlan))
	if err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	var plan Plan
	if err := json.Unmarshal(text, &plan); err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	if plan.Spec == nil || plan.Spec.Linux == nil || plan.Spec.Process == nil || plan.Spec.Root == nil {
		return nil, errors.New("the plan lacks the process, the root or what is Linux's")
	}
	if len(plan.Filter) == 0 || len(plan.Filter)%instructionSize != 0 {
		return nil, fmt.Errorf("the plan's system call filter has %d bytes", len(plan.Filter))
	}
	return &plan, nil
}

// become takes the steps in the order in which each still has what it needs.
func become(plan *Plan) error {
	spec := plan.Spec
	var sources sources
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"leave the machine's cgroups", func() error { return unix.Unshare(unix.CLONE_NEWCGROUP) }},
		{"set the host name", func() error { return unix.Sethostname([]byte(spec.Hostname)) }},
		{"bring up the loopback", loopback},
		{"keep mounts to itself", func() error { return unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, "") }},
		{"open what is mounted from the machine", func() (err error) { sources, err = open(spec.Mounts); return err }},
		{"enter the root", func() error { return enter(spec.Root.Path) }},
		{"mount", func() error { return mountAll(spec.Mounts, sources) }},
		{"make devices", makeDevices},
		{"set the kernel's parameters", func() error { return setParameters(spec.Linux.Sysctl) }},
		{"set the standing of the process before the kernel's killer", func() error { return standing(spec.Process.OOMScoreAdj) }},
		{"make paths read-only", func() error { return protect(spec) }},
		{"hide what is the kernel's", func() error { return mask(spec.Linux.MaskedPaths) }},
		{"bound the process", func() error { return bound(spec.Process.Rlimits) }},
		{"give privileges up", func() error { return giveUp(spec.Process) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	return execute(plan)
}

// execute puts the guest in this process's place, under the filter.
func execute(plan *Plan) error {
	process := plan.Spec.Process
	if len(process.Args) == 0 {
		return errors.New("the plan names no program")
	}
	if err := unix.Chdir(process.Cwd); err != nil {
		return fmt.Errorf("enter %s: %w", process.Cwd, err)
	}
	const firstOwn, last = 3, ^uint32(0)
	if err := unix.CloseRange(firstOwn, uint(last), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close what is not the guest's: %w", err)
	}
	if err := install(plan.Filter); err != nil {
		return fmt.Errorf("install the system call filter: %w", err)
	}
	err := syscall.Exec(process.Args[0], process.Args, process.Env) //nolint:gosec // the plan is the runner's
	return fmt.Errorf("execute the guest: %w", err)
}

// standing sets the value by which the kernel chooses whom to end when memory is full.
func standing(adjustment *int) error {
	if adjustment == nil {
		return nil
	}
	return os.WriteFile("/proc/self/oom_score_adj", []byte(strconv.Itoa(*adjustment)), 0)
}
