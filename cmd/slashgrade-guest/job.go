//go:build linux

package main

import (
	"errors"
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
	stage *stage
	spare []byte // memory for the end

	mu      sync.Mutex
	running bool  // between the entrypoint's start and its end
	ended   bool  // for good
	killed  cause // the first cause for which it was killed
}

// run runs the entrypoint to its end and reports everything about it. A runner that cannot be written to is gone, and the session
// ends for it.
func (j *job) run() {
	memory, disk := newMemoryWatch(), newDiskWatch(j.order.MaxDisk)
	started, err := j.start()
	if err != nil {
		_ = j.out.WriteJSON(guest.KindNotStarted, guest.NotStarted{Reason: err.Error()})
		return
	}
	output := started.output
	output.begin(j.order.MaxOutput)
	limit := time.AfterFunc(time.Until(started.since.Add(j.order.Timeout)), func() { j.kill(byTimeout) })
	_ = j.out.WriteJSON(guest.KindStarted, guest.Started{UnixNano: started.since.UnixNano(), Warm: started.warm})
	disk.begin(func() { j.kill(byDisk) })
	status, at := j.reap(started.process)
	limit.Stop()
	disk.stop()
	survivors := !endAll()
	if !survivors {
		output.finish()
	}
	total, tail := output.wait()

	ended := guest.Ended{
		// By the clock that nobody sets, so that the time between is right whatever happens to the other one.
		UnixNano: started.since.UnixNano() + int64(at.Sub(started.since)), Survivors: survivors, Output: total, StderrTail: tail,
		OutOfMemory: memory.killed(), MemoryPeak: memory.peak(),
	}
	j.describe(&ended, status)
	ended.GradeBytes, ended.GradeInodes = used(guest.Root)
	_ = j.out.WriteJSON(guest.KindEnded, ended)
	if ended.Status == 0 && !survivors && j.cause() == byItself {
		sendResults(j.out, guest.Root, j.order.MaxResults)
	}
}

// start has the entrypoint executed, and ends it again where somebody wanted that meanwhile.
func (j *job) start() (*launcher, error) {
	env := completeEnvironment(j.order.Env, j.owner)
	started, err := j.stage.start(newLaunchOrder(j.order, env, j.owner), j.order)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		return nil, err
	}
	j.running = true
	if j.killed != byItself {
		_ = syscall.Kill(-1, syscall.SIGKILL)
	}
	return started, nil
}

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
		j.running, j.ended = false, true
		_ = syscall.Kill(-1, syscall.SIGKILL)
		release(j.spare)
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
	if j.ended {
		return
	}
	if j.killed == byItself {
		j.killed = why
	}
	if j.running {
		_ = syscall.Kill(-1, syscall.SIGKILL)
	}
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
