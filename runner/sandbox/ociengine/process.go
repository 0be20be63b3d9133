//go:build linux

package ociengine

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// statusKilled is the exit status of what SIGKILL ended.
const statusKilled = 128 + int(syscall.SIGKILL)

// process is a container's first process, a child of this one. A pidfd tells of its end without a thread that waits.
type process struct {
	pid    int
	pidfd  *os.File
	ended  chan struct{}
	status int // once ended is closed: the exit status, or 128 and the signal's number
}

// follow begins to wait for the child.
func follow(pid int) (*process, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // Go then waits by its poller
		_ = unix.Close(fd)
		return nil, fmt.Errorf("open process %d: %w", pid, err)
	}
	p := &process{pid: pid, pidfd: os.NewFile(uintptr(fd), "pidfd"), ended: make(chan struct{})}
	go p.wait()
	return p, nil
}

func (p *process) wait() {
	defer close(p.ended)
	defer func() { _ = p.pidfd.Close() }()
	p.status = statusKilled
	raw, err := p.pidfd.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Read(func(uintptr) bool { return p.reap() })
}

// reap says whether the process has ended, and then takes its status. Its number is its own until then.
func (p *process) reap() bool {
	for {
		var status unix.WaitStatus
		reaped, err := unix.Wait4(p.pid, &status, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil: // another took its status
			return true
		case reaped == 0:
			return false
		case status.Signaled():
			p.status = 128 + int(status.Signal())
		default:
			p.status = status.ExitStatus()
		}
		return true
	}
}

// kill ends it, if it has not ended.
func (p *process) kill() {
	raw, err := p.pidfd.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) { _ = unix.PidfdSendSignal(int(fd), unix.SIGKILL, nil, 0) })
}
