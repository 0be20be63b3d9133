package examplejobs_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testengine"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
)

// kill waits for a warm-up's processes in its container, ends some of them, and waits until they are gone: its first process, the child of
// that, or the children of the child. It waits in one process: the container has less than one processor.
const kill = `
import glob, os, signal, sys, time
def children(pid):
    lists = (open(name).read().split() for name in glob.glob(f"/proc/{pid}/task/*/children"))
    return [int(child) for each in lists for child in each]
def generations():
    found = [[], [], []]
    try:
        found[0] += [pid for pid in children(1) if b"slashgrade_python" in open(f"/proc/{pid}/cmdline", "rb").read()]
        for older, younger in zip(found, found[1:]):
            younger += [child for pid in older for child in children(pid)]
        # While they rehearse they have one socket more than when they wait.
        ready = [pid for pid in found[2] if len(os.listdir(f"/proc/{pid}/fd")) == 5]
    except OSError: # one has just ended
        return []
    return found if list(map(len, [*found, ready])) == [1, 1, 2, 2] else []
def runs(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
end = time.monotonic() + 120
while not (found := generations()):
    time.sleep(0.2)
    if time.monotonic() > end:
        sys.exit("there is no warm-up with four processes that wait")
for pid in found[int(sys.argv[1])]:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError: # with the one before it
        pass
    while runs(pid):
        time.sleep(0.01)
`

// TestWarmupLosesProcesses grades a job in a container whose warm-up was ready and then lost some of its processes: the job cannot tell.
func TestWarmupLosesProcesses(t *testing.T) {
	text, err := os.ReadFile("jobs/check-dataframe.txtar")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	const failed = "warm-up failed"
	for _, c := range []struct {
		who, generation string
		warnings        []string // of which the operator gets one
	}{
		{"nobody", "", []string{""}},
		{"the first", "0", []string{failed}},
		{"the supervisor", "1", []string{"", failed}}, // it may not have said yet that it is ready
		{"tester and student", "2", []string{""}},
	} {
		t.Run(c.who, func(t *testing.T) {
			j := parseJob(t, text)
			var warnings bytes.Buffer
			got := b.gradeWarm(t, j, slog.New(slog.NewTextHandler(&warnings, nil)), func() {
				if c.generation != "" {
					b.killIn(t, c.generation)
				}
			})
			j.compare(t, got)
			told := warnings.String()
			if !slices.ContainsFunc(c.warnings, func(want string) bool { return strings.Contains(told, want) && (told == "") == (want == "") }) {
				t.Errorf("the operator was told: %q", told)
			}
		})
	}
}

// gradeWarm grades the job in a container that has waited with a ready warm-up, after what happens before.
func (b *bench) gradeWarm(t *testing.T, j *job, log *slog.Logger, before func()) *graded {
	t.Helper()
	pool := testengine.Waiting(t, b.engine, image, b.id, log)
	before()
	grader := runner.New(b.engine, archive(j.archive), &runner.Options{ID: b.id, Version: "test", Pool: pool, Log: log})
	grading, err := grader.Grade(t.Context(), j.spec())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := grading.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	output, err := io.ReadAll(grading.Log.Reader())
	if err != nil {
		t.Fatal(err)
	}
	return &graded{Report: grading.Report, Log: string(output)}
}

// killed is the status of a program that was killed, as a shell gives it.
const killed = 128 + 9

// killIn ends a generation of processes in the container that waits, once its warm-up is ready.
func (b *bench) killIn(t *testing.T, generation string) {
	t.Helper()
	container, err := exec.CommandContext(t.Context(), "docker", "ps", "-q", "--filter", "label="+dockerengine.LabelRunner+"="+b.id).Output()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "docker", "exec", strings.TrimSpace(string(container)), "/venv/bin/python", "-c", kill, generation)
	// Where the first process ends, or the second one before it is ready, the guest ends all others, this one too.
	if out, err := command.CombinedOutput(); err != nil && (generation == "2" || command.ProcessState.ExitCode() != killed) {
		t.Fatalf("%v: %s", err, out)
	}
}
