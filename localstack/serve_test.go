package localstack_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
)

// patience is how long a test waits for what must come. It is many times what it takes, since other tests run beside this one.
const patience = 90 * time.Second

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticks := time.NewTicker(50 * time.Millisecond)
	defer ticks.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-ticks.C {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
	}
}

// server is a running `slashgrade serve`.
type server struct {
	command *exec.Cmd
	data    string
	ended   chan struct{} // closed when the process has ended and all of its log is here

	mu  sync.Mutex
	log []map[string]any
}

// serve starts a server on the stand's queues and waits until it is ready. It is stopped when the test ends. The queues are named by the
// environment, everything else by flags, KEY=VALUE.
func (s *stand) serve(t *testing.T, flags ...string) *server {
	t.Helper()
	return s.serveOn(t, t.TempDir(), flags...)
}

func (s *stand) serveOn(t *testing.T, data string, flags ...string) *server {
	t.Helper()
	srv := s.start(t, data, flags...)
	eventually(t, "ready to grade", func() bool {
		select {
		case <-srv.ended:
			t.Fatalf("serve ended: %v", srv.lines())
		default:
		}
		return srv.logged("ready to grade") > 0
	})
	return srv
}

func (s *stand) start(t *testing.T, data string, flags ...string) *server {
	t.Helper()
	args := []string{"serve", "--log.format=json", "--runner.data_dir=" + data}
	for _, flag := range append(s.flags(), flags...) {
		args = append(args, "--"+flag)
	}
	srv := &server{command: exec.Command("slashgrade", args...), data: data, ended: make(chan struct{})}
	srv.command.Env = s.environment()
	stderr, err := srv.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.command.Start(); err != nil {
		t.Fatal(err)
	}
	go srv.read(stderr)
	t.Cleanup(func() { srv.stop(t) })
	return srv
}

func (s *server) read(stderr io.Reader) {
	defer close(s.ended)
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		entry := map[string]any{}
		if json.Unmarshal(lines.Bytes(), &entry) != nil {
			entry["msg"] = lines.Text()
		}
		s.mu.Lock()
		s.log = append(s.log, entry)
		s.mu.Unlock()
	}
}

// lines are the log so far.
func (s *server) lines() []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]map[string]any(nil), s.log...)
}

// logged counts the lines whose message begins so.
func (s *server) logged(message string) int {
	n := 0
	for _, line := range s.lines() {
		if text, _ := line["msg"].(string); strings.HasPrefix(text, message) {
			n++
		}
	}
	return n
}

func (s *server) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := s.command.Process.Signal(signal); err != nil {
		t.Errorf("send %s: %v", signal, err)
	}
}

// wait returns the exit status when the process has ended by itself.
func (s *server) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-s.ended:
	case <-time.After(patience):
		t.Fatal("serve does not end")
	}
	if s.command.ProcessState == nil {
		_ = s.command.Wait()
	}
	return s.command.ProcessState.ExitCode()
}

// kill ends the process as a crash would.
func (s *server) kill(t *testing.T) {
	t.Helper()
	s.signal(t, syscall.SIGKILL)
	s.wait(t)
}

// stop ends what still runs and shows the log of a test that failed.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if s.command.ProcessState == nil {
		s.signal(t, syscall.SIGTERM)
		if status := s.wait(t); status != 0 {
			t.Errorf("serve ended with status %d", status)
		}
	}
	if t.Failed() {
		for _, line := range s.lines() {
			t.Log(line)
		}
	}
}

// containers are those of the server that run, or, with -a, that are there.
func (s *server) containers(t *testing.T, options ...string) []string {
	t.Helper()
	id, err := os.ReadFile(filepath.Join(s.data, "runner-id"))
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"ps", "-q", "--filter", "label=" + dockerengine.LabelRunner + "=" + strings.TrimSpace(string(id))}, options...)
	out, err := exec.CommandContext(t.Context(), "docker", args...).Output()
	if err != nil {
		t.Fatalf("docker ps: %v", err)
	}
	return strings.Fields(string(out))
}

// waitForJob waits until a job of the server runs its sleep.
func (s *server) waitForJob(t *testing.T) {
	t.Helper()
	eventually(t, "the job runs", func() bool {
		for _, container := range s.containers(t) {
			out, err := exec.CommandContext(t.Context(), "docker", "top", container).Output()
			if err == nil && strings.Contains(string(out), "sleep") {
				return true
			}
		}
		return false
	})
}

// run runs the program to its end.
func (s *stand) run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "slashgrade", args...)
	command.Env = s.environment()
	var out, problems strings.Builder
	command.Stdout, command.Stderr = &out, &problems
	err := command.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), out.String(), problems.String()
}
