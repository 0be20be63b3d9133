package sandboxtest

import (
	"context"
	"time"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

func leftoverTrials() trials {
	return trials{
		"sweep":        sweep,
		"removal":      removal,
		"close midway": closeMidway,
	}
}

// sweep removes what the runner left, running or not, and nothing of another one.
func sweep(t *trial) {
	mine := &Bench{Engine: t.Engine, Profile: small(), Runner: t.Runner + "-swept"}
	other := &Bench{Engine: t.Engine, Profile: small(), Runner: t.Runner + "-swept-not"}
	kept, err := other.Unpack(t.T, &Job{Script: writeScore})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		mine.Open(t.T, &Job{})
	}
	removed, err := t.Engine.Sweep(t.Context(), mine.Runner)
	if err != nil || removed != 2 {
		t.Errorf("the sweep removed %d containers, %v, want 2", removed, err)
	}
	if removed, err := t.Engine.Sweep(t.Context(), mine.Runner); err != nil || removed != 0 {
		t.Errorf("a second sweep removed %d containers, %v", removed, err)
	}
	t.results(Start(t.T, kept, &Job{}), `{"score":0}`)
}

// removal may be asked for again, and by several at once.
func removal(t *trial) {
	image, err := t.Engine.Image(t.Context(), testenv.Image)
	if err != nil {
		t.Fatal(err)
	}
	container, err := t.Engine.Start(t.Context(), &sandbox.Spec{Image: image, Profile: small(), Runner: t.Runner, Job: "../odd\n\x1b[2Jäöü\xff"})
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	for range 3 {
		go func() { failed <- container.Remove(context.WithoutCancel(t.Context())) }()
	}
	for range 3 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	if state, err := container.State(t.Context()); err != nil || state.Running {
		t.Errorf("a removed container is %+v, %v", state, err)
	}
	remove(t.T, container)
}

// closeMidway ends a job that runs; nothing of it is waited for.
func closeMidway(t *trial) {
	session, err := t.Unpack(t.T, &Job{Script: "trap '' TERM; sleep 1000"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if ending, err := session.Run(ctx, (&Job{}).command(), nil); err == nil {
		t.Errorf("got %+v, want the context's error", ending)
	}
	for range 2 {
		if err := session.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	}
}
