//go:build linux

package ociengine

import (
	"errors"
	"io"
	"os"
	"os/exec"
)

// streams are the guest's ends of its pipes, which are closed here once the runtime has handed them on. They implement runc.IO.
type streams struct {
	stdin, stdout *os.File
	stderr        *os.File // on which the Go runtime writes when the guest itself fails; it goes nowhere
}

// open makes the pipes and returns the other ends.
func (s *streams) open() (stdin, stdout *os.File, err error) {
	if s.stderr, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
		return nil, nil, err
	}
	if s.stdin, stdin, err = os.Pipe(); err != nil {
		return nil, nil, err
	}
	if stdout, s.stdout, err = os.Pipe(); err != nil {
		return nil, nil, errors.Join(err, stdin.Close())
	}
	return stdin, stdout, nil
}

// Close implements runc.IO.
func (s *streams) Close() error {
	var err error
	for _, file := range []*os.File{s.stdin, s.stdout, s.stderr} {
		if file != nil {
			err = errors.Join(err, file.Close())
		}
	}
	return err
}

// Set implements runc.IO.
func (s *streams) Set(command *exec.Cmd) {
	command.Stdin, command.Stdout, command.Stderr = s.stdin, s.stdout, s.stderr
}

// Stdin implements runc.IO: nothing is copied by this process.
func (s *streams) Stdin() io.WriteCloser { return nil }

// Stdout implements runc.IO.
func (s *streams) Stdout() io.ReadCloser { return nil }

// Stderr implements runc.IO.
func (s *streams) Stderr() io.ReadCloser { return nil }
