package sandboxtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

func survivalTrials() trials {
	return trials{
		"every signal":             everySignal,
		"signals by sigqueue":      queuedSignals,
		"flood of signals":         signalFlood,
		"lost with engine alive":   lost,
		"stream breaks in mid-job": streamBreaks,
		"stream of a fresh guest":  freshGuest,
	}
}

func everySignal(t *trial) {
	run := t.run(writeScore + `
for round in 1 2; do
	for signal in $(seq 1 64); do kill -$signal 1 2>/dev/null; kill -$signal -- -1 2>/dev/null & wait; done
done
` + "exit 0")
	// The second kill of each round goes to everybody but its sender and PID 1: the script is among them.
	if run.Ended == nil {
		t.Fatalf("the guest did not survive: %+v", run.Ending)
	}
	run = t.run(writeScore + "for round in $(seq 100); do for signal in $(seq 1 64); do kill -$signal 1; done; done 2>/dev/null; exit 0")
	t.results(run, `{"score":0}`)
}

// queuedSignals carry a code that Go takes for a fault of its own.
func queuedSignals(t *trial) {
	run := t.run(writeScore + `
case $(uname -m) in x86_64) number=129;; aarch64) number=138;; esac
perl -e '
	my $sent = 0;
	for my $signal (1 .. 64) {
		for my $code (-1, -2, -3, -60) {
			my $info = pack("l l l l l l x104", $signal, 0, $code, 0, $$, 0);
			$sent++ if syscall('$number', 1, $signal, $info) == 0;
		}
	}
	print "sent=$sent\n";
'
exit 0`)
	t.results(run, `{"score":0}`)
	if sent := t.facts(run)["sent"]; sent == "0" || sent == "" {
		t.Errorf("sent %q signals", sent)
	}
}

func signalFlood(t *trial) {
	run := t.run(writeScore + `perl -e 'for (1 .. 100000) { kill "USR1", 1; kill "CHLD", 1; kill "TERM", 1 }'; exit 0`)
	t.results(run, `{"score":0}`)
}

// lost is a container that ends without the guest's word while its engine lives: the job's own outcome.
func lost(t *trial) {
	session, err := t.Unpack(t.T, &Job{Script: "echo running; sleep 1000"})
	if err != nil {
		t.Fatal(err)
	}
	command := &sandbox.Command{Argv: []string{"/grade/tests/run.sh"}, Timeout: time.Minute, MaxOutput: 1000}
	running := make(chan struct{})
	go func() {
		<-running
		t.Kill(t.T, session.Container())
	}()
	ending, err := session.Run(t.Context(), command, func(guest.Stream, []byte) { close(running) })
	if err != nil {
		t.Fatal(err)
	}
	if !ending.Lost || ending.Ended != nil || ending.State == nil || ending.State.Running || ending.State.ExitStatus != 137 {
		t.Errorf("got %+v with %+v, want a lost container with status 137", ending, ending.State)
	}
	if ending.FinishedAt.Before(ending.StartedAt) {
		t.Errorf("finished %s before it started %s", ending.FinishedAt, ending.StartedAt)
	}
}

// streamBreaks is a runner that is gone, or whose connection is: the container ends by itself, and that is no outcome of the job.
func streamBreaks(t *trial) {
	engine := &keeping{Engine: t.Engine}
	bench := &Bench{Engine: engine, Profile: t.Profile, Runner: t.Runner}
	session, err := bench.Unpack(t.T, &Job{Script: "(setsid sleep 1000 &); echo running; while :; do sleep 1000; done"})
	if err != nil {
		t.Fatal(err)
	}
	command := &sandbox.Command{Argv: []string{"/grade/tests/run.sh"}, Timeout: time.Minute, MaxOutput: 1000}
	ending, err := session.Run(t.Context(), command, func(guest.Stream, []byte) { _ = engine.container().Close() })
	if err == nil {
		t.Errorf("got %+v, want an error: the job did not get a fair run", ending)
	}
	t.endsAlone(engine.container())
}

func freshGuest(t *trial) {
	image, err := t.Engine.Image(t.Context(), "debian:trixie-slim")
	if err != nil {
		t.Fatal(err)
	}
	container, err := t.Engine.Start(t.Context(), &sandbox.Spec{Image: image, Profile: small(), Runner: t.Runner})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { remove(t.T, container) })
	if err := container.Close(); err != nil {
		t.Error(err)
	}
	t.endsAlone(container)
}

func remove(tb testing.TB, container sandbox.Container) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tb.Context()), time.Minute)
	defer cancel()
	if err := container.Remove(ctx); err != nil {
		tb.Error(err)
	}
}

// endsAlone waits until a container has ended by itself.
func (t *trial) endsAlone(container sandbox.Container) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, errors.New("the container did not end"))
	defer cancel()
	for {
		state, err := container.State(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if !state.Running {
			if state.ExitStatus != guest.ExitAlone {
				t.Errorf("it ended with status %d, want %d", state.ExitStatus, guest.ExitAlone)
			}
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal(context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
