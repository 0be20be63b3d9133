//go:build linux

// Slashgrade-guest is PID 1 of every grading container. It fills /grade from the archive that the runner sends, runs the job's
// entrypoint under its limits, ends every process of the job, reads the results and hands /grade back. Package guest describes its
// protocol.
//
// It is one static program, so that any image works, also one without a shell. It stays root; the entrypoint runs as the user and with the
// capabilities that the runner names, by way of a second stage of this program (see launch). Where no engine makes the container, an
// earlier stage of it does (see package firstprocess).
package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"unsafe"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
	"github.com/slashgrade/slashgrade/runner/sandbox/nsengine/firstprocess"
)

// memoryLimit keeps the guest's own heap small: it shares the job's memory limit.
const memoryLimit = 48 << 20

// version is set by the build.
var version = "dev"

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case launchCommand:
			launch()
		case firstprocess.Command:
			firstprocess.Run()
			exit(1)
		}
	}
	if err := serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "slashgrade-guest:", err)
		exit(1)
	}
	exit(guest.ExitAlone)
}

// serve protects the guest against the job that it is going to run and then obeys the runner until its stream ends.
func serve(in io.Reader, out io.Writer) error {
	if os.Getpid() != 1 {
		return fmt.Errorf("it runs as PID 1 of a grading container only; here it is PID %d", os.Getpid())
	}
	debug.SetMemoryLimit(memoryLimit)
	if err := keepLimits(); err != nil {
		return fmt.Errorf("keep its limits to itself: %w", err)
	}
	// A root job could otherwise open the guest's own streams through /proc/1/fd.
	if err := prctl(syscall.PR_SET_DUMPABLE, 0); err != nil {
		return fmt.Errorf("become undumpable: %w", err)
	}
	catchSignals()
	reserveThreads()
	session := newSession(in, out)
	if err := session.out.WriteJSON(guest.KindHello, guest.Hello{Version: version}); err != nil {
		return err
	}
	return session.run()
}

// keepLimits keeps a root job from lowering the guest's limits by prlimit, for example its open files so far that no results can be read.
// The kernel lets a process do that to another whose real, effective and saved group are all its own one; after this they differ.
func keepLimits() error {
	const unchanged, saved = -1, 1 // any group but root's that every user namespace has
	return syscall.Setresgid(unchanged, unchanged, saved)
}

// catchSignals makes PID 1 survive every signal that a job may send it. Ignoring them would not do: the job would inherit that.
func catchSignals() {
	caught := make(chan os.Signal, 1)
	signal.Notify(caught)
	go func() {
		for range caught { // nothing is to be done with them
		}
	}()
	// Go takes these for faults of its own when they come by sigqueue, and dies of them. Without a handler the kernel does not
	// deliver them to PID 1 unless the fault is real.
	faults := []syscall.Signal{syscall.SIGILL, syscall.SIGTRAP, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGSEGV, syscall.SIGSYS}
	for _, fault := range faults {
		act(fault, byDefault)
	}
	for _, number := range unhandledSignals() {
		act(number, ignored)
	}
}

// unhandledSignals are those that Go gives no handler. PID 1 is killed by one after all if its first thread blocks signals at that
// moment, as it does when it starts a thread. So they are ignored, and the second stage gives them back.
func unhandledSignals() []syscall.Signal {
	const cancel, setxid, first = 32, 33, 34 // of the C libraries, which Go keeps out of their way
	return []syscall.Signal{syscall.SIGSTKFLT, cancel, setxid, first}
}

// The kernel's own actions for signals.
const (
	byDefault = 0
	ignored   = 1
)

// act sets what the kernel does with a signal.
func act(number syscall.Signal, action uint64) {
	order := [4]uint64{action} // the kernel's struct sigaction, without flags
	const maskSize = 8
	//nolint:gosec // rt_sigaction takes a pointer
	_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(number), uintptr(unsafe.Pointer(&order)), 0, maskSize, 0, 0)
}

// reserveThreads makes the runtime start the threads that the guest may ever need at once. It keeps them; a fork bomb that has taken
// the container's last process would otherwise end the guest when it needs one more.
func reserveThreads() {
	const most = 16 // beside the threads of the runtime: signals, stdin, stdout, wait4, disk, /proc, two pipes, a warm-up; and some to spare
	var begun, ended sync.WaitGroup
	begun.Add(most)
	for range most {
		ended.Go(func() {
			runtime.LockOSThread() // each needs its own thread while all wait
			defer runtime.UnlockOSThread()
			begun.Done()
			begun.Wait()
		})
	}
	ended.Wait()
}

func prctl(option int, arg uintptr) error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, uintptr(option), arg, 0); errno != 0 {
		return errno
	}
	return nil
}

func exit(status int) {
	os.Exit(status)
}

func ioctl(descriptor, request uintptr, value *int32) bool {
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, descriptor, request, uintptr(unsafe.Pointer(value))) //nolint:gosec // ioctl takes pointers
	return errno == 0
}
