package sandboxtest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// atOnce is how many containers the suite runs at a time: more would only wait for each other on a small machine.
const atOnce = 2

// clockError is how wrong a start may be on the host's clock: the guest's is known by an offset from pings, which a loaded machine delays.
const clockError = 20 * time.Millisecond

// trial is one test of the suite.
type trial struct {
	*testing.T
	*Bench
}

type trials map[string]func(t *trial)

// Run is the conformance suite: every sentence about the sandbox that a job, a student or an operator can see, in real containers of
// the bench's engine.
func Run(t *testing.T, bench *Bench) {
	t.Helper()
	places := make(chan struct{}, atOnce)
	themes := map[string]trials{
		"start": startTrials(), "users": userTrials(), "privileges": privilegeTrials(), "files": fileTrials(),
		"archives": archiveTrials(), "ends": endTrials(), "survival": survivalTrials(), "memory": memoryTrials(),
		"limits": limitTrials(), "disk": diskTrials(), "output": outputTrials(), "results": resultTrials(),
		"leftovers": leftoverTrials(), "packing": packingTrials(), "warm-ups": warmupTrials(), "trial": tryTrials(),
		"graders": graderTrials(),
	}
	for name := range bench.Lacks {
		if theme, trial, _ := strings.Cut(name, "/"); themes[theme][trial] == nil {
			t.Errorf("%q is said not to hold, and is not tried anywhere", name)
		}
	}
	for theme, list := range themes {
		t.Run(theme, func(t *testing.T) {
			t.Parallel()
			for name, try := range list {
				if why, ok := bench.Lacks[theme+"/"+name]; ok {
					t.Logf("%s is not tried: %s", name, why)
					continue
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					places <- struct{}{}
					t.Cleanup(func() { <-places }) // registered first, so that it runs when the session is closed
					try(&trial{T: t, Bench: bench})
				})
			}
		})
	}
}

// small is a profile whose limits are reached soon.
func small() *sandbox.Profile {
	const mib = 1 << 20
	profile := sandbox.Profiles()[sandbox.PrairieLearn]
	profile.Name = "small"
	profile.MemoryBytes, profile.Processes = 64*mib, 64
	profile.GradeBytes, profile.GradeInodes = 16*mib, 2000
	profile.ScratchBytes, profile.SharedBytes = 16*mib, 8*mib
	profile.DiskBytes = 64 * mib
	return profile
}

// run runs a script.
func (t *trial) run(script string) *Outcome {
	t.Helper()
	return t.Bench.Run(t.T, &Job{Script: script})
}

func (t *trial) job(job *Job) *Outcome {
	t.Helper()
	return t.Bench.Run(t.T, job)
}

// ended fails the test unless the guest told of the job's end.
func (t *trial) ended(run *Outcome) *guest.Ended {
	t.Helper()
	if run.Ended == nil {
		t.Fatalf("the guest did not tell of the job's end: %+v\noutput: %.2000s", run.Ending, run.Output)
	}
	if run.Ended.Survivors {
		t.Error("processes of the job were left")
	}
	return run.Ended
}

// status fails the test unless the entrypoint ended by itself with this status.
func (t *trial) status(run *Outcome, want int) {
	t.Helper()
	ended := t.ended(run)
	if ended.Status != want || ended.TimedOut || ended.Cancelled || ended.DiskFull {
		t.Fatalf("the job ended with %+v, want exit status %d\noutput: %.2000s", ended, want, run.Output)
	}
}

// facts reads lines of the form name=value from the output of a job that ended with status 0.
func (t *trial) facts(run *Outcome) map[string]string {
	t.Helper()
	t.status(run, 0)
	facts := map[string]string{}
	for line := range strings.Lines(run.Output) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			facts[name] = value
		}
	}
	return facts
}

// want compares facts with what is wanted of them; others are ignored.
func (t *trial) want(run *Outcome, want map[string]string) {
	t.Helper()
	facts := t.facts(run)
	got := map[string]string{}
	for name := range want {
		if value, ok := facts[name]; ok {
			got[name] = value
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the job found (-want +got):\n%s\noutput: %.2000s", diff, run.Output)
	}
}

// results fails the test unless these results were read.
func (t *trial) results(run *Outcome, want string) {
	t.Helper()
	t.status(run, 0)
	if run.ResultsEnd == nil || run.ResultsEnd.State != guest.ResultsRead || string(run.Results) != want {
		t.Errorf("results %.100q with %+v, want %q", run.Results, run.ResultsEnd, want)
	}
}

// noResults fails the test if anything of results.json came to the runner.
func (t *trial) noResults(run *Outcome) {
	t.Helper()
	if len(run.Results) != 0 || (run.ResultsEnd != nil && run.ResultsEnd.State == guest.ResultsRead) {
		t.Errorf("results %.100q were read, with %+v", run.Results, run.ResultsEnd)
	}
}
