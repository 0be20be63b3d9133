//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// cause is why the guest ended a job; byItself where the guest did not.
type cause int

const (
	byItself cause = iota
	byTimeout
	byRunner
	byDisk
)

// unseen stands for an entrypoint whose end could not be learned: exit status 255.
const unseen = syscall.WaitStatus(255 << 8)

// job is the one entrypoint of this container.
type job struct {
	order *guest.Start
	owner account
	out   *guest.Writer

	mu      sync.Mutex
	running bool  // between the entrypoint's start and its end
	killed  cause // the first cause for which it was killed
}

func newJob(order *guest.Start, owner account, out *guest.Writer) *job {
	return &job{order: order, owner: owner, out: out}
}

// run runs the entrypoint to its end and reports everything about it. A runner that cannot be written to is gone, and the session
// ends for it.
func (j *job) run() {
	memory := newMemoryWatch()
	output := newOutput(j.out, j.order.MaxOutput)
	process, err := j.start(output)
	if err != nil {
		_ = j.out.WriteJSON(guest.KindNotStarted, guest.NotStarted{Reason: err.Error()})
		return
	}
	started := time.Now()
	limit := time.AfterFunc(j.order.Timeout, func() { j.kill(byTimeout) })
	_ = j.out.WriteJSON(guest.KindStarted, guest.Started{UnixNano: started.UnixNano()})
	disk := watchDisk(j.order.MaxDisk, func() { j.kill(byDisk) })
	status, at := j.reap(process)
	limit.Stop()
	disk.stop()
	survivors := !endAll()
	if !survivors {
		output.finish()
	}
	total, tail := output.wait()

	ended := guest.Ended{
		// By the clock that nobody sets, so that the time between is right whatever happens to the other one.
		UnixNano: started.UnixNano() + int64(at.Sub(started)), Survivors: survivors, Output: total, StderrTail: tail,
		OutOfMemory: memory.killed(), MemoryPeak: memory.peak(),
	}
	j.describe(&ended, status)
	ended.GradeBytes, ended.GradeInodes = used(guest.Root)
	_ = j.out.WriteJSON(guest.KindEnded, ended)
	if ended.Status == 0 && !survivors && j.cause() == byItself {
		sendResults(j.out, guest.Root, j.order.MaxResults)
	}
}

// start executes the entrypoint and returns its process id once that has worked.
func (j *job) start(output *output) (int, error) {
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		return 0, err
	}
	defer func() { _ = stdin.Close() }()
	writers, err := output.open()
	if err != nil {
		return 0, err
	}
	defer func() { _, _ = writers[0].Close(), writers[1].Close() }()
	failure, failed, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer func() { _ = failure.Close() }()

	j.mu.Lock()
	defer j.mu.Unlock()
	process, err := syscall.ForkExec(guest.Program, launchArguments(j.order, j.owner), &syscall.ProcAttr{
		Env:   completeEnvironment(j.order.Env, j.owner),
		Files: []uintptr{stdin.Fd(), writers[0].Fd(), writers[1].Fd(), failed.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	_ = failed.Close()
	if err != nil {
		return 0, explainFork(err)
	}
	if reason := readFailure(failure); reason != "" {
		_, _ = syscall.Wait4(process, nil, 0, nil)
		return 0, errors.New(reason)
	}
	j.running = true
	return process, nil
}

// explainFork says why the second stage could not be started. What the job brings are its arguments and environment.
func explainFork(err error) error {
	switch {
	case errors.Is(err, syscall.E2BIG):
		return errTooLarge
	case errors.Is(err, syscall.EINVAL):
		return errors.New("its arguments or environment hold a NUL character")
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOMEM):
		return errors.New("the container is out of processes or memory")
	default:
		return fmt.Errorf("its process cannot be made: %s", plain(err))
	}
}

// errTooLarge says what the kernel's limits are about: 2 MiB for all, 128 KiB for one.
var errTooLarge = errors.New("its arguments and environment are too large together, or one of them is alone")

// reap waits for every process that ends in this container until the entrypoint has, and says how and when. The entrypoint stays a
// zombie until all others have their SIGKILL: what it left behind cannot wait for its end and write then.
func (j *job) reap(entrypoint int) (syscall.WaitStatus, time.Time) {
	for {
		ended, err := nextEnded()
		if err == nil && ended != entrypoint {
			_, _ = syscall.Wait4(ended, nil, syscall.WNOHANG, nil)
			continue
		}
		at := time.Now()
		j.mu.Lock()
		defer j.mu.Unlock()
		j.running = false
		_ = syscall.Kill(-1, syscall.SIGKILL)
		status := unseen // where err is not nil, which cannot happen: an end that nobody saw is no success
		if err == nil {
			_, _ = syscall.Wait4(entrypoint, &status, 0, nil)
		}
		return status, at
	}
}

// kill ends every process of the job. The first cause counts; one that comes after the entrypoint has ended does not.
func (j *job) kill(why cause) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.running {
		return
	}
	if j.killed == byItself {
		j.killed = why
	}
	_ = syscall.Kill(-1, syscall.SIGKILL)
}

func (j *job) cause() cause {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.killed
}

func (j *job) describe(ended *guest.Ended, status syscall.WaitStatus) {
	ended.Status = status.ExitStatus()
	if status.Signaled() {
		ended.Signal = int(status.Signal())
		ended.Status = 128 + ended.Signal
	}
	switch j.cause() {
	case byTimeout:
		ended.TimedOut = true
	case byRunner:
		ended.Cancelled = true
	case byDisk:
		ended.DiskFull = true
	case byItself:
	}
}

// endAll kills every process but the guest until none is left, and says whether that worked within guest.KillTimeout. One kill(-1)
// ends a fork bomb: the kernel lets no process fork that has a SIGKILL waiting.
func endAll() bool {
	deadline := time.Now().Add(guest.KillTimeout)
	for {
		_ = syscall.Kill(-1, syscall.SIGKILL)
		if noneLeft() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(time.Millisecond)
	}
}

// noneLeft reaps what has ended and says whether no child is left. Every process of the job is a child of PID 1 or becomes one.
func noneLeft() bool {
	for {
		ended, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.ECHILD):
			return true
		case err != nil && !errors.Is(err, syscall.EINTR):
			return false
		case err == nil && ended == 0:
			return false
		}
	}
}
