//go:build linux

package nsengine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"github.com/slashgrade/slashgrade/runner/sandbox/ociengine"
	"golang.org/x/sys/unix"
)

// filters are the system call filters that a runtime made, as the kernel has them, by the capabilities of their containers.
type filters struct {
	runtime ociengine.Starter

	mu    sync.Mutex
	known map[string][]byte
}

func newFilters(runtime ociengine.Starter) *filters {
	return &filters{runtime: runtime, known: map[string][]byte{}}
}

// of returns the container's filter. Where it is not known yet, the runtime starts the container, and its first process is returned
// instead. Others that come meanwhile are started so too: none waits.
func (f *filters) of(ctx context.Context, launch *ociengine.Launch) (filter []byte, pid int, err error) {
	key := strings.Join(launch.Spec.Process.Capabilities.Bounding, " ")
	f.mu.Lock()
	filter = f.known[key]
	f.mu.Unlock()
	if filter != nil {
		return filter, 0, nil
	}
	pid, err = f.runtime.Start(ctx, launch)
	if err != nil {
		return nil, 0, err
	}
	filter, err = readFilter(pid)
	if err != nil {
		(&firstProcess{pid: pid}).kill() // its caller removes the rest
		return nil, 0, fmt.Errorf("read the system call filter that the runtime made: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.known[key] = filter
	return nil, pid, nil
}

// readFilter reads the one filter of a process, which it stops for the time.
func readFilter(pid int) (filter []byte, err error) {
	runtime.LockOSThread() // a tracer is a thread
	defer runtime.UnlockOSThread()
	if err := ptrace(unix.PTRACE_SEIZE, pid, nil); err != nil {
		return nil, fmt.Errorf("trace it: %w", err)
	}
	defer func() { err = errors.Join(err, ptrace(unix.PTRACE_DETACH, pid, nil)) }()
	if err := ptrace(unix.PTRACE_INTERRUPT, pid, nil); err != nil {
		return nil, fmt.Errorf("stop it: %w", err)
	}
	if err := awaitStop(pid); err != nil {
		return nil, fmt.Errorf("stop it: %w", err)
	}
	const first, second = 0, 1 // the index is the call's address
	length, err := filterLength(pid, first)
	if err != nil {
		return nil, err
	}
	if _, err := filterLength(pid, second); !errors.Is(err, unix.ENOENT) {
		return nil, errors.New("it has more than one")
	}
	instructions := make([]unix.SockFilter, length)
	if err := ptrace(unix.PTRACE_SECCOMP_GET_FILTER, pid, unsafe.Pointer(&instructions[0])); err != nil { //nolint:gosec // ptrace takes a pointer
		return nil, err
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&instructions[0])), length*int(unsafe.Sizeof(instructions[0]))), nil //nolint:gosec // plain numbers
}

// filterLength is how many instructions a filter has.
func filterLength(pid int, index uintptr) (int, error) {
	length, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SECCOMP_GET_FILTER, uintptr(pid), index, 0, 0, 0)
	switch {
	case errno != 0:
		return 0, errno
	case length == 0:
		return 0, errors.New("it is empty")
	default:
		return int(length), nil
	}
}

// awaitStop waits for the first stop of a traced process.
func awaitStop(pid int) error {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case status.Stopped():
			return nil
		case status.Signaled():
			return fmt.Errorf("it was ended by %v", status.Signal())
		default:
			return fmt.Errorf("it ended with status %d", status.ExitStatus())
		}
	}
}

// ptrace makes a call whose address is 0, as it is of all that are made here but filterLength's.
func ptrace(request, pid int, data unsafe.Pointer) error {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(pid), 0, uintptr(data), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
