//go:build linux

package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// TestHandOver is about a process that goes away in the instant in which it gets its line: only one that has read it is the entrypoint.
func TestHandOver(t *testing.T) {
	lives := exec.CommandContext(t.Context(), "sleep", "1000") // a child, since the guest looks whether it has ended
	if err := lives.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lives.Wait() })
	for name, c := range map[string]struct {
		process func(t *testing.T, end *os.File)
		want    error
	}{
		"reads it and stays": {func(t *testing.T, end *os.File) {
			t.Helper()
			if _, err := bufio.NewReader(end).ReadBytes('\n'); err != nil {
				t.Error(err)
			}
		}, nil},
		"reads it and ends": {func(t *testing.T, end *os.File) {
			t.Helper()
			if _, err := bufio.NewReader(end).ReadBytes('\n'); err != nil {
				t.Error(err)
			}
			_ = end.Close()
		}, nil},
		"ends when it comes": {func(t *testing.T, end *os.File) {
			t.Helper()
			if _, err := end.Read(make([]byte, 1)); err != nil {
				t.Error(err)
			}
			_ = end.Close()
		}, errLeft},
		"talks and reads nothing": {func(t *testing.T, end *os.File) {
			t.Helper()
			if _, err := end.WriteString("more"); err != nil {
				t.Error(err)
			}
		}, errTalks},
		"ends before": {func(_ *testing.T, end *os.File) { _ = end.Close() }, errLeft},
	} {
		t.Run(name, func(t *testing.T) {
			for range 50 { // the kernel tells one of two readers
				if err := handOverTo(t, lives.Process.Pid, c.process); !errors.Is(err, c.want) {
					t.Fatalf("got %v, want %v", err, c.want)
				}
			}
		})
	}
}

// handOverTo hands a job over to a process that does with its end of the socket what the function does.
func handOverTo(t *testing.T, child int, process func(*testing.T, *os.File)) error {
	t.Helper()
	ours, theirs, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	w := &warmup{
		launcher: &launcher{process: child, warmup: ours}, settled: make(chan struct{}), watched: make(chan struct{}),
	}
	close(w.settled)
	go func() { _ = w.watch() }()
	done := make(chan struct{})
	go func() {
		defer close(done)
		process(t, theirs)
	}()
	err = w.handOver(newLaunchOrder(&guest.Start{}, nil, account{}), 10*time.Second)
	<-done
	return err
}
