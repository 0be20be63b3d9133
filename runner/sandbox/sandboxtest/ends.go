package sandboxtest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// writeScore is a script's way to results.
const writeScore = `mkdir -p /grade/results; printf '{"score":0}' > /grade/results/results.json` + "\n"

func endTrials() trials {
	list := trials{
		"exit status":                exitStatus,
		"killed by a signal":         killedBySignal,
		"late writer":                lateWriter,
		"output held by a daemon":    heldOutput,
		"cancelled":                  cancelled,
		"time-out with a full house": busyTimeout,
	}
	for name, script := range endless() {
		list["time-out: "+name] = func(t *trial) { timeOut(t, script) }
	}
	return list
}

// endless are scripts that do not end by themselves, each in its own way.
func endless() map[string]string {
	return map[string]string{
		"sleeps":             "exec sleep 1000",
		"loops":              "while :; do :; done",
		"ignores signals":    "trap '' TERM HUP INT QUIT USR1 USR2; while :; do sleep 1000; done",
		"in a new session":   "setsid sh -c 'sleep 1000' & wait",
		"forks twice":        "(setsid sh -c 'sleep 1000 & sleep 1000' &) ; sleep 1000",
		"stopped":            "sleep 1000 & kill -STOP $!; kill -STOP $$; sleep 1000",
		"fork bomb":          "perl -e 'fork while 1'",
		"fork and exec bomb": `bomb() { bomb | bomb & }; bomb & while :; do :; done 2>/dev/null`,
		"results, then hang": writeScore + "sleep 1000",
		"as another user":    "su -s /bin/sh nobody -c 'sleep 1000 & exec sleep 1000' & su -s /bin/sh nobody -c 'sleep 1000'",
		"reads a FIFO":       "mkfifo /tmp/fifo; exec cat /tmp/fifo",
		"writes without end": "exec yes",
	}
}

func timeOut(t *trial, script string) {
	profile := small()
	profile.MemoryBytes *= 4 // for the bombs
	const limit = time.Second
	run := t.job(&Job{Script: script, Timeout: limit, Profile: profile, MaxOutput: 1000})
	ended := t.ended(run)
	if !ended.TimedOut || ended.Status == 0 && ended.Signal == 0 {
		t.Errorf("the job ended with %+v, want a time-out", ended)
	}
	if took := run.FinishedAt.Sub(run.StartedAt); took < limit-clockError {
		t.Errorf("it ended after %s, the limit is %s", took, limit)
	}
	t.noResults(run)
	t.nobodyLeft(run)
}

// nobodyLeft wants /grade to stay as it was when the job's end was told of: two archives, one after the other, are the same.
func (t *trial) nobodyLeft(run *Outcome) {
	t.Helper()
	first, second := &strings.Builder{}, &strings.Builder{}
	for _, archive := range []*strings.Builder{first, second} {
		if _, err := run.Session.Archive(t.Context(), archive, 1<<30); err != nil {
			t.Fatal(err)
		}
	}
	if first.String() != second.String() {
		t.Error("/grade changed after the job's end")
	}
}

func exitStatus(t *trial) {
	run := t.run(writeScore + "echo going wrong >&2; exit 3")
	t.status(run, 3)
	t.noResults(run)
	if run.ResultsEnd != nil || run.Ended.Signal != 0 || run.Ended.StderrTail != "going wrong\n" {
		t.Errorf("ended with %+v and %+v", run.Ended, run.ResultsEnd)
	}
}

func killedBySignal(t *trial) {
	run := t.run(writeScore + "kill -SEGV $$")
	ended := t.ended(run)
	if ended.Signal != 11 || ended.Status != 128+11 || ended.TimedOut {
		t.Errorf("ended with %+v, want signal 11", ended)
	}
	t.noResults(run)
}

// lateWriter has written 0 and left behind what would write 1.
func lateWriter(t *trial) {
	run := t.run(writeScore + `
(setsid sh -c 'while :; do printf "{\"score\":1}" > /grade/results/results.json.new; mv /grade/results/results.json.new /grade/results/late; done' >/dev/null 2>&1 &)
(setsid sh -c 'until ! [ -d /proc/'$$' ]; do :; done; while :; do printf "{\"score\":1}" > /grade/results/results.json; done' &)
sleep 0.1
`)
	t.results(run, `{"score":0}`)
	t.nobodyLeft(run)
}

// heldOutput ends with its entrypoint, not with whoever holds its streams open.
func heldOutput(t *trial) {
	run := t.job(&Job{Script: writeScore + "(setsid sleep 1000 &); (setsid sh -c 'while :; do echo late; sleep 0.01; done' &); echo done", Timeout: 15 * time.Second})
	t.results(run, `{"score":0}`)
	if !strings.Contains(run.Output, "done\n") {
		t.Errorf("output %q", run.Output)
	}
}

func cancelled(t *trial) {
	session, err := t.Unpack(t.T, &Job{Script: "echo running; sleep 1000"})
	if err != nil {
		t.Fatal(err)
	}
	shutdown := errors.New("the runner is shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	command := &sandbox.Command{Argv: []string{"/grade/tests/run.sh"}, Timeout: time.Minute, MaxOutput: 1000}
	ending, err := session.Run(ctx, command, func(guest.Stream, []byte) { cancel(shutdown) })
	if !errors.Is(err, shutdown) || ending != nil {
		t.Errorf("got %+v, %v, want %v", ending, err, shutdown)
	}
}

// busyTimeout has as many busy processes as there may be: the guest must get the processor when the time is over.
func busyTimeout(t *trial) {
	profile := sandbox.Profiles()[sandbox.PrairieLearn]
	run := t.job(&Job{
		Script:  "for i in $(seq 900); do (while :; do :; done) & done; wait",
		Timeout: 2 * time.Second, Profile: profile,
	})
	if ended := t.ended(run); !ended.TimedOut {
		t.Errorf("ended with %+v, want a time-out", ended)
	}
	t.Logf("ended %s after the limit", run.FinishedAt.Sub(run.StartedAt)-2*time.Second)
}
