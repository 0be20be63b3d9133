package runner_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

const (
	contact = " If the problem persists, please contact course staff."
	perfect = `{"score":1}`
)

func timedOut(seconds string) verdict {
	return verdict{
		Outcome: jobspec.TimedOut, TimedOut: true, Results: null,
		Message: "Your grading job did not complete within the time limit of " + seconds + " seconds.\nPlease fix your code before submitting again.",
	}
}

func exited(status string) verdict {
	return verdict{
		Outcome: jobspec.ExitStatus, Results: null,
		Message: "The grading program ended with exit status " + status + ", so its results were not read." + contact,
	}
}

func killedBy(signal string) verdict {
	return verdict{
		Outcome: jobspec.Killed, Results: null,
		Message: "The grading program was ended by the signal " + signal + " before it could finish." + contact,
	}
}

// hog fills the memory of its process.
const hog = `perl -e '$x = "x" x (1 << 33)'`

func TestEndings(t *testing.T) {
	b := newBench(t)
	b.rows(t, []row{
		{name: "exit status 0", job: job{script: leave, results: perfect}, want: goodVerdict(perfect), log: "exit status 0"},
		{
			name: "exit status 3 with perfect results", job: job{script: leave + "\nexit 3", results: perfect}, want: exited("3"),
			log: "The job wrote nothing to stderr",
		},
		{
			name: "time-out with perfect results", job: job{script: leave + "\nsleep 60", results: perfect, timeout: time.Second},
			want: timedOut("1"),
		},
		{name: "time-out of 2.5 seconds", job: job{script: "sleep 60", timeout: 2500 * time.Millisecond}, want: timedOut("2.5")},
		{
			name: "time-out of a job that ignores signals and holds its streams",
			job:  job{script: "trap '' TERM INT HUP\n(trap '' TERM; sleep 60) &\nwhile :; do :; done", timeout: time.Second}, want: timedOut("1"),
		},
		{name: "killed by a signal", job: job{script: leave + "\nkill -SEGV $$", results: perfect}, want: killedBy("SIGSEGV")},
		{name: "kills every process", job: job{script: "(sleep 0.2; kill -9 -1) &\nsleep 20"}, want: killedBy("SIGKILL")},
		{
			name: "kills every other process and goes on", job: job{script: "kill -9 -1; kill -9 1; kill 1\n" + leave, results: perfect},
			want: goodVerdict(perfect),
		},
		{
			name: "the memory of PID 1", job: job{script: "echo x >/proc/1/fd/1; echo x >/proc/1/mem; cat /proc/1/environ\n" + leave, results: perfect},
			want: goodVerdict(perfect), log: "container> ",
		},
	})
}

func TestEndingsByMemory(t *testing.T) {
	b := newBench(t)
	b.profile = sandbox.Profiles()[sandbox.PrairieLearn]
	b.profile.MemoryBytes, b.profile.GradeBytes, b.profile.ScratchBytes, b.profile.SharedBytes = 64<<20, 16<<20, 8<<20, 8<<20
	full := verdict{
		Outcome: jobspec.OutOfMemory, Results: null,
		Message: "Your grading job ran out of memory: it may use 64 MiB. " +
			"Please check your code for data that grows without end before submitting again.",
	}
	b.rows(t, []row{
		{name: "the entrypoint", job: job{script: leave + "\nexec " + hog, results: perfect}, want: full},
		{name: "a child, and the entrypoint fails", job: job{script: leave + "\nset -e\n" + hog, results: perfect}, want: full, log: "Killed"},
		{
			name: "a child beside a grade", job: job{script: hog + " || true\n" + leave, results: perfect}, want: goodVerdict(perfect),
			warnings: []string{"The container's memory (64 MiB) was full and a process of the job was ended for it; the grade may be wrong."},
		},
	})
}

func TestExit(t *testing.T) {
	b := newBench(t)
	for name, c := range map[string]struct {
		script string
		want   *jobspec.Exit
	}{
		"status": {"exit 3", &jobspec.Exit{Status: 3}},
		"signal": {"kill -TERM $$", &jobspec.Exit{Status: 143, Signal: "SIGTERM"}},
		"good":   {"true", &jobspec.Exit{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := b.grade(t, &job{script: c.script})
			if diff := cmp.Diff(c.want, got.Exit); diff != "" {
				t.Errorf("the exit differs (-want +got):\n%s", diff)
			}
			if got.Image == nil || got.Image.Name == "" || !strings.Contains(got.Image.Digest, "sha256:") {
				t.Errorf("the report names no image: %+v", got.Image)
			}
			if want := "slashgrade/test " + b.id; got.Runner != want {
				t.Errorf("the runner is %q, want %q", got.Runner, want)
			}
		})
	}
}

// What the grader writes is for staff. The student's report shows it only where the grader puts it into its results.
func TestOutputIsForStaff(t *testing.T) {
	b := newBench(t)
	got := b.grade(t, &job{script: "echo on-stdout\nfor i in 1 2 3; do echo on-stderr-$i >&2; done\nexit 1"})
	for _, line := range []string{
		`"message":"container> on-stdout"`, `"message":"container> on-stderr-3"`,
		`"level":"error","message":"The end of stderr: on-stderr-1\non-stderr-2\non-stderr-3"`,
	} {
		if !strings.Contains(got.Log, line) {
			t.Errorf("the log lacks %s:\n%s", line, got.Log)
		}
	}
	if strings.Contains(got.Text, "on-std") {
		t.Errorf("the report shows what the grader wrote: %s", got.Text)
	}
}

func TestOutputFlood(t *testing.T) {
	b := newBench(t)
	got := b.grade(t, &job{script: "head -c 30000000 /dev/zero | tr '\\0' x\n" + leave, results: perfect})
	if diff := cmp.Diff(goodVerdict(perfect), got.verdict()); diff != "" {
		t.Errorf("the verdict differs (-want +got):\n%s", diff)
	}
	if len(got.Log) > 1<<20 || !strings.Contains(got.Log, "The output was cut here; the job wrote 30000000 bytes in all") ||
		!strings.Contains(got.Log, "Job 17 ended: graded") {
		t.Errorf("the log of %d bytes ends like this: %s", len(got.Log), got.Log[max(0, len(got.Log)-500):])
	}
}

func TestTimeLimitIsLowered(t *testing.T) {
	b := newBench(t)
	j := &job{script: "echo limit $SLASHGRADE_TIMEOUT_SECONDS; sleep 60", timeout: time.Hour}
	lowers := runner.New(b.engine, content(j.pack(t)), &runner.Options{ID: b.id, Version: "test", MaxTimeout: 1500 * time.Millisecond})
	grading, err := lowers.Grade(t.Context(), j.spec())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := grading.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	want := []string{"The time limit of 3600 s is longer than this runner gives; it was lowered to 1.5 s."}
	if diff := cmp.Diff(want, grading.Report.Warnings); diff != "" || grading.Report.Outcome != jobspec.TimedOut {
		t.Errorf("outcome %s, warnings (-want +got):\n%s", grading.Report.Outcome, diff)
	}
}
