//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// launcher is a second stage of this program as the guest sees it: it has started and waits for its order, so that "go" costs one exec.
// Nothing of a job runs while it waits.
type launcher struct {
	process int
	output  *output
	control *os.File  // the order goes out here; what comes back is why it could not be obeyed
	warmup  *os.File  // our end of the process's warmupFD
	since   time.Time // when it became the entrypoint
	warm    bool      // as a warm-up
}

// newLauncher starts one.
func newLauncher(out *guest.Writer) (l *launcher, err error) {
	l = &launcher{output: newOutput(out)}
	var theirs files
	defer theirs.close()
	defer func() {
		if err != nil {
			l.discard()
		}
	}()
	if err := theirs.add(os.Open(os.DevNull)); err != nil {
		return l, err
	}
	writers, err := l.output.open()
	theirs = append(theirs, writers[0], writers[1])
	if err != nil {
		return l, err
	}
	for _, ours := range []**os.File{&l.warmup, &l.control} {
		var end *os.File
		if *ours, end, err = socketPair(); err != nil {
			return l, err
		}
		theirs = append(theirs, end)
	}
	l.process, err = syscall.ForkExec(guest.Program, []string{guest.Program, launchCommand}, &syscall.ProcAttr{
		Files: theirs.descriptors(), Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return l, explainFork(err)
	}
	return l, nil
}

// explainFork says why the second stage could not be started.
func explainFork(err error) error {
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.ENOMEM) {
		return errors.New("the container is out of processes or memory")
	}
	return fmt.Errorf("its process cannot be made: %s", plain(err))
}

// errLauncherGone says that the process ended before it got its order: the kernel took it for memory, or a warm-up before it.
var errLauncherGone = errors.New("its process ended before it could become the entrypoint")

// become has the process execute the order and returns once it has. An error is in words for a student.
func (l *launcher) become(order *launchOrder) error {
	if guest.NewWriter(l.control).WriteJSON(guest.KindStart, order) != nil {
		return errLauncherGone
	}
	reason, _ := io.ReadAll(io.LimitReader(l.control, 4096)) // it ends at the exec
	if len(reason) > 0 {
		return errors.New(string(reason))
	}
	l.since = time.Now()
	return nil
}

// discard gives back what belongs to a process that is not needed; one that waits then ends by itself.
func (l *launcher) discard() {
	l.output.discard()
	_, _ = l.control.Close(), l.warmup.Close() // nil ones say so
}

// socketPair makes a stream in both directions: our end, which never blocks a thread, and the other process's.
func socketPair() (ours, theirs *os.File, err error) {
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	theirs = os.NewFile(uintptr(ends[1]), "theirs")
	err = syscall.SetNonblock(ends[0], true)
	return os.NewFile(uintptr(ends[0]), "ours"), theirs, err
}

// files are a process's, in the order of its descriptors.
type files []*os.File

func (f *files) add(file *os.File, err error) error {
	if err == nil {
		*f = append(*f, file)
	}
	return err
}

func (f *files) descriptors() []uintptr {
	list := make([]uintptr, 0, len(*f))
	for _, file := range *f {
		list = append(list, file.Fd())
	}
	return list
}

func (f *files) close() {
	for _, file := range *f {
		_ = file.Close() // a nil one says so
	}
}
