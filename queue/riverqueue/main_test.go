package riverqueue_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
	"github.com/slashgrade/slashgrade/queue/riverqueue"
)

// patience is far above what anything here takes: it ends a test that hangs.
const patience = time.Minute

// Variables that make the test binary a second process on a queue's file.
const (
	childRole = "RIVERQUEUE_TEST_CHILD" // what it does, see child
	childPath = "RIVERQUEUE_TEST_PATH"  // the file
	childJobs = "RIVERQUEUE_TEST_JOBS"  // with how many jobs
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		if err := child(role); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// child is the second process. It prints a line when it has done its part, and holds on to what it has until stdin ends.
func child(role string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	q, err := riverqueue.Open(ctx, os.Getenv(childPath), nil)
	if err != nil {
		return err
	}
	jobs, err := strconv.Atoi(os.Getenv(childJobs))
	if err != nil {
		return err
	}
	switch role {
	case "open":
	case "hold":
		err = childReceive(ctx, q, jobs, func(*riverqueue.Driver, *queue.Message) error { return nil })
	case "answer":
		err = childReceive(ctx, q, jobs, func(driver *riverqueue.Driver, m *queue.Message) error {
			at, err := driver.Complete(ctx, m, &jobspec.Report{JobID: m.Job.ID, Succeeded: true, Runner: "child"})
			if err != nil {
				return err
			}
			return driver.Record(ctx, m, at)
		})
	default:
		err = fmt.Errorf("unknown role %q", role)
	}
	if err != nil {
		return err
	}
	fmt.Println("done")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return q.Close()
}

func childReceive(ctx context.Context, q *riverqueue.Queue, jobs int, handle func(*riverqueue.Driver, *queue.Message) error) error {
	driver, err := q.Driver(ctx, "runner", jobs)
	if err != nil {
		return err
	}
	for range jobs {
		messages, err := driver.Receive(ctx, 1)
		if err != nil {
			return err
		}
		if err := handle(driver, messages[0]); err != nil {
			return err
		}
	}
	return nil
}

// process is a child that was started.
type process struct {
	command *exec.Cmd
	stdin   io.Closer
	stdout  *bufio.Reader
}

func start(t *testing.T, role, path string, jobs int) *process {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), executable)
	command.Env = append(os.Environ(), childRole+"="+role, childPath+"="+path, childJobs+"="+strconv.Itoa(jobs))
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return &process{command: command, stdin: stdin, stdout: bufio.NewReader(stdout)}
}

// waitDone waits until the child has done its part.
func (p *process) waitDone(t *testing.T) {
	t.Helper()
	if line, err := p.stdout.ReadString('\n'); line != "done\n" {
		t.Fatalf("the other process said %q, %v", line, err)
	}
}

// finish lets the child close its queue and end.
func (p *process) finish(t *testing.T) {
	t.Helper()
	_ = p.stdin.Close()
	if err := p.command.Wait(); err != nil {
		t.Errorf("the other process: %v", err)
	}
}

// kill ends the child as kill -9 does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.command.Wait() // says that it was killed
}
