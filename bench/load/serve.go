package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/slashgrade/slashgrade/queue/riverqueue"
	"github.com/slashgrade/slashgrade/store/dirstore"
)

const (
	// readyWait bounds the start of a serve: it may have to bring the guest into the engine.
	readyWait = time.Minute
	// stopWait bounds its end.
	stopWait = time.Minute
	// tick is the unit of processor time in /proc, on every Linux that Go runs on.
	tick = 10 * time.Millisecond
)

// server is a running `slashgrade serve` on a folder of its own, with the embedded queue and store open beside it.
type server struct {
	command *exec.Cmd
	folder  string
	queue   *riverqueue.Queue
	files   *dirstore.Dir
	figures string      // where it tells of itself
	said    chan string // its last line, when it has ended
	closes  []func() error
}

// prepare makes the folder and opens queue and store, so that jobs can wait before the serve is there.
func prepare(ctx context.Context) (s *server, err error) {
	s = &server{}
	if s.folder, err = os.MkdirTemp("", "slashgrade-load-"); err != nil {
		return nil, err
	}
	if s.files, err = dirstore.Open(filepath.Join(s.folder, "jobs")); err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.closes = append(s.closes, s.files.Close)
	if s.queue, err = riverqueue.Open(ctx, filepath.Join(s.folder, "queue.db"), nil); err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.closes = append(s.closes, s.queue.Close)
	return s, nil
}

// startServer is prepare and start.
func startServer(ctx context.Context, o *options, flags ...string) (*server, error) {
	s, err := prepare(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.start(ctx, o, flags...); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// start runs the program and returns when it takes jobs.
func (s *server) start(ctx context.Context, o *options, flags ...string) error {
	s.command = exec.CommandContext(context.WithoutCancel(ctx), o.program, //nolint:gosec // who measures names the program
		append([]string{"serve", "--runner.data_dir", s.folder, "--metrics.address", "127.0.0.1:0"}, o.serveFlags(flags...)...)...)
	log, err := s.command.StderrPipe()
	if err != nil {
		return err
	}
	if err := s.command.Start(); err != nil {
		s.command = nil
		return fmt.Errorf("start %s: %w", o.program, err)
	}
	ready := make(chan string, 1)
	s.said = make(chan string, 1)
	go func() { s.said <- follow(log, ready) }()
	select {
	case s.figures = <-ready:
		return nil
	case last := <-s.said:
		s.said <- last
		return fmt.Errorf("%s did not start: %s", o.program, last)
	case <-time.After(readyWait):
		return fmt.Errorf("%s was not ready after %s", o.program, readyWait)
	}
}

// follow reads the log: warnings and errors are shown, and when it is ready to grade the address of its figures is told.
func follow(log io.Reader, ready chan<- string) (last string) {
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	figures := ""
	for lines.Scan() {
		last = lines.Text()
		var line struct{ Level, Msg, URL string }
		if json.Unmarshal([]byte(last), &line) != nil {
			continue
		}
		switch {
		case line.Msg == "figures are served":
			figures = line.URL
		case line.Msg == "ready to grade":
			ready <- figures
		case line.Level == "WARN" || line.Level == "ERROR":
			fmt.Fprintln(os.Stderr, last)
		}
	}
	return last
}

// close ends the serve and removes the folder. What a serve that must be killed leaves in the engine ends by itself.
func (s *server) close() error {
	if s.command != nil {
		_ = s.command.Process.Signal(os.Interrupt)
		end := time.AfterFunc(stopWait, func() { _ = s.command.Process.Kill() })
		<-s.said
		_ = s.command.Wait()
		end.Stop()
	}
	var errs []error
	for _, closePart := range slices.Backward(s.closes) {
		errs = append(errs, closePart())
	}
	return errors.Join(append(errs, os.RemoveAll(s.folder))...)
}

// proc is the serve's file below /proc.
func (s *server) proc(name string) string {
	return fmt.Sprintf("/proc/%d/%s", s.command.Process.Pid, name)
}

// resident and peak are the serve's memory now and at most since forgetPeak, in MB.
func (s *server) resident() string { return megabytes(field(s.proc("status"), "VmRSS")) }
func (s *server) peak() string     { return megabytes(field(s.proc("status"), "VmHWM")) }

func megabytes(text string) string {
	var kib int64
	_, _ = fmt.Sscan(text, &kib)
	return fmt.Sprintf("%.1f", float64(kib)*1024/1e6)
}

// forgetPeak makes the kernel count the peak anew.
func (s *server) forgetPeak() error {
	return os.WriteFile(s.proc("clear_refs"), []byte("5"), 0)
}

// processor is the time that the serve's threads have used, children not counted.
func (s *server) processor() time.Duration {
	stat := []byte(read(s.proc("stat")))
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	var user, system int64
	if len(fields) > 12 {
		_, _ = fmt.Sscan(string(fields[11]), &user)
		_, _ = fmt.Sscan(string(fields[12]), &system)
	}
	return time.Duration(user+system) * tick
}
