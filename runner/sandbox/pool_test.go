package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// countingEngine starts containers whose guest says hello and listens, and counts which live.
type countingEngine struct {
	hostileEngine

	mu      sync.Mutex
	fails   error
	started int
	silent  bool                             // guests answer nothing
	memory  int                              // bytes that each guest tells of
	warmed  func(started int) (frame string) // what the guest says to Warm; "" is nothing
	warms   int
	alive   map[*countedContainer]bool
}

type countedContainer struct {
	hostileContainer
	engine *countingEngine
	id     string
	guest  net.Conn
}

func (e *countingEngine) Start(_ context.Context, spec *sandbox.Spec) (sandbox.Container, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fails != nil {
		return nil, e.fails
	}
	e.started++
	ours, theirs := net.Pipe()
	go func() {
		if say(theirs, helloFrame) != nil {
			return
		}
		frames := guest.NewReader(theirs, guest.MaxToGuest)
		for {
			frame, err := frames.Next()
			if err != nil || e.answer(theirs, frame) != nil {
				return
			}
		}
	}()
	c := &countedContainer{engine: e, id: fmt.Sprintf("%s/%d", spec.Image.ID, e.started), guest: theirs}
	c.Conn = ours
	if e.alive == nil {
		e.alive = map[*countedContainer]bool{}
	}
	e.alive[c] = true
	return c, nil
}

func (e *countingEngine) answer(out io.Writer, frame *guest.Frame) error {
	e.mu.Lock()
	silent, memory, said := e.silent, e.memory, ""
	if frame.Kind == guest.KindWarm {
		e.warms++
		said = e.warmed(e.started)
	}
	e.mu.Unlock()
	switch {
	case said != "":
		return say(out, said)
	case frame.Kind == guest.KindPing && !silent:
		return say(out, fmt.Sprintf(`q{"memory":%d}`, memory))
	default:
		return nil
	}
}

func (c *countedContainer) ID() string { return c.id }

func (c *countedContainer) Remove(context.Context) error {
	c.engine.mu.Lock()
	delete(c.engine.alive, c)
	c.engine.mu.Unlock()
	return errors.Join(c.Close(), c.guest.Close())
}

func (e *countingEngine) counts() (started, alive int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.started, len(e.alive)
}

func specOf(name, id string) *sandbox.Spec {
	return &sandbox.Spec{Image: &sandbox.Image{Name: name, ID: id}, Profile: sandbox.Profiles()[sandbox.PrairieLearn]}
}

// poolBench is a pool on a counting engine. Everything that it started is gone when the test ends.
type poolBench struct {
	*sandbox.Pool
	engine *countingEngine
}

func newPoolBench(t *testing.T, opts sandbox.PoolOptions) *poolBench {
	t.Helper()
	b := &poolBench{engine: &countingEngine{}}
	b.Pool = sandbox.NewPool(b.engine, &opts)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { b.Run(ctx) })
	t.Cleanup(func() {
		stop()
		running.Wait()
		if _, alive := b.engine.counts(); alive != 0 {
			t.Errorf("%d containers are left", alive)
		}
	})
	return b
}

// settle waits until so many containers wait.
func (b *poolBench) settle(t *testing.T, waiting int) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for b.Waiting() != waiting {
		if time.Now().After(deadline) {
			t.Fatalf("%d containers wait, want %d", b.Waiting(), waiting)
		}
		time.Sleep(time.Millisecond)
	}
}

// job opens a session as a job does, and returns its container.
func (b *poolBench) job(t *testing.T, spec *sandbox.Spec) string {
	t.Helper()
	session, err := b.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return session.Container()
}

func TestPoolServesEachPlaceOnce(t *testing.T) {
	b := newPoolBench(t, sandbox.PoolOptions{Places: 3})
	seen := map[string]bool{}
	for range 10 {
		container := b.job(t, specOf("image", "id"))
		if seen[container] {
			t.Fatalf("container %s served two jobs", container)
		}
		seen[container] = true
	}
	b.settle(t, 3)
	if started, _ := b.engine.counts(); started > 13 {
		t.Errorf("%d containers were started for 10 jobs and 3 places", started)
	}
}

func TestPoolFollowsDemand(t *testing.T) {
	b := newPoolBench(t, sandbox.PoolOptions{Places: 4, MaxDemand: 2})
	b.Warm(specOf("image", "id"))
	b.settle(t, 1)
	for range 5 {
		b.job(t, specOf("image", "id"))
	}
	b.settle(t, 2)
}

func TestPoolHasRoomForNewKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newPoolBench(t, sandbox.PoolOptions{Places: 2})
		b.Warm(specOf("old", "1"))
		synctest.Wait()
		b.Warm(specOf("older", "2"))
		synctest.Wait()
		b.Warm(specOf("new", "3"))
		synctest.Wait()
		if started, _ := b.engine.counts(); started != 2 {
			t.Errorf("%d containers were started: one of a kind that was just used had to go for another", started)
		}
		time.Sleep(30 * time.Second)
		b.Warm(specOf("new", "3"))
		synctest.Wait()
		if started, _ := b.engine.counts(); started != 3 || b.Waiting() != 2 {
			t.Errorf("%d containers were started and %d wait, want 3 and 2", started, b.Waiting())
		}
		if container := b.job(t, specOf("new", "3")); container != "3/3" {
			t.Errorf("the newest kind was served by %s", container)
		}
	})
}

func TestPoolDropsOldImages(t *testing.T) {
	b := newPoolBench(t, sandbox.PoolOptions{Places: 2})
	b.Warm(specOf("image", "old"))
	b.settle(t, 1)
	if container := b.job(t, specOf("image", "new")); container[:3] != "new" {
		t.Errorf("the job ran in %s", container)
	}
	b.settle(t, 1)
	if container := b.job(t, specOf("image", "new")); container[:3] != "new" {
		t.Errorf("the job ran in %s", container)
	}
}

func TestPoolForgetsTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newPoolBench(t, sandbox.PoolOptions{Places: 1})
		b.Warm(specOf("image", "id"))
		synctest.Wait()
		b.engine.mu.Lock()
		for container := range b.engine.alive {
			_ = container.guest.Close()
		}
		b.engine.mu.Unlock()
		synctest.Wait()
		if container := b.job(t, specOf("image", "id")); container != "id/2" {
			t.Errorf("the job ran in %s, whose guest had gone", container)
		}
	})
}

func TestPoolDrainsWhatIsIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newPoolBench(t, sandbox.PoolOptions{Places: 2, Idle: 5 * time.Minute})
		b.job(t, specOf("image", "id"))
		synctest.Wait()
		if b.Waiting() != 1 {
			t.Errorf("%d containers wait after the job, want 1", b.Waiting())
		}
		time.Sleep(4 * time.Minute)
		if b.Waiting() != 1 {
			t.Errorf("%d containers wait after 4 minutes, want 1", b.Waiting())
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if _, alive := b.engine.counts(); b.Waiting() != 0 || alive != 0 {
			t.Errorf("%d containers wait and %d live after 6 minutes, want none", b.Waiting(), alive)
		}
	})
}

func TestPoolGoesCold(t *testing.T) {
	b := newPoolBench(t, sandbox.PoolOptions{Places: 2})
	b.engine.mu.Lock()
	b.engine.fails = errors.New("the engine is out of order")
	b.engine.mu.Unlock()
	if _, err := b.Open(t.Context(), specOf("image", "id")); !errors.Is(err, b.engine.fails) {
		t.Errorf("got %v, want the engine's error", err)
	}
	none := newPoolBench(t, sandbox.PoolOptions{})
	none.Warm(specOf("image", "id"))
	none.job(t, specOf("image", "id"))
	if started, _ := none.engine.counts(); started != 1 {
		t.Errorf("a pool without places started %d containers for one job", started)
	}
}

func TestPoolForgetsTheSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newPoolBench(t, sandbox.PoolOptions{Places: 1})
		b.Warm(specOf("image", "id"))
		synctest.Wait()
		b.engine.mu.Lock()
		b.engine.silent = true
		b.engine.mu.Unlock()
		time.Sleep(guest.PingTimeout + guest.PingInterval)
		if container := b.job(t, specOf("image", "id")); container == "id/1" {
			t.Errorf("the job ran in %s, whose guest had not answered for long", container)
		}
	})
}

// TestPoolIsBoundedByMemory: as many wait as the memory holds, what has grown goes, and a kind that never fits does not wait.
func TestPoolIsBoundedByMemory(t *testing.T) {
	const mib = 1 << 20
	synctest.Test(t, func(t *testing.T) {
		b := newPoolBench(t, sandbox.PoolOptions{Places: 10, MemoryBytes: 200 * mib})
		b.engine.memory = 50 * mib
		for range 10 {
			b.job(t, specOf("image", "id"))
		}
		synctest.Wait()
		time.Sleep(15 * time.Second)
		synctest.Wait()
		if b.Waiting() != 3 {
			t.Errorf("%d containers of 50 MiB and what belongs to each wait in 200 MiB, want 3", b.Waiting())
		}
		b.engine.mu.Lock()
		b.engine.memory = 250 * mib
		b.engine.mu.Unlock()
		time.Sleep(15 * time.Second)
		synctest.Wait()
		started, alive := b.engine.counts()
		if b.Waiting() != 0 || alive != 0 {
			t.Errorf("%d containers of 250 MiB wait in 200 MiB", b.Waiting())
		}
		time.Sleep(time.Minute)
		if again, _ := b.engine.counts(); again != started {
			t.Errorf("%d more containers were started although none fits", again-started)
		}
		b.job(t, specOf("image", "id"))
	})
}

// TestPoolLeavesProcessorsToJobs: while jobs run on all processors a container is started only now and then.
func TestPoolLeavesProcessorsToJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newPoolBench(t, sandbox.PoolOptions{Places: 8, Processors: 2})
		var running []*sandbox.Session
		for range 4 {
			session, err := b.Open(t.Context(), specOf("image", "id"))
			if err != nil {
				t.Fatal(err)
			}
			running = append(running, session)
		}
		time.Sleep(time.Second)
		if b.Waiting() != 0 {
			t.Errorf("%d containers wait after a second of jobs on all processors, want none", b.Waiting())
		}
		time.Sleep(5 * time.Second)
		if b.Waiting() != 1 {
			t.Errorf("%d containers wait after 6 s of jobs on all processors, want 1", b.Waiting())
		}
		for _, session := range running {
			if err := session.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
		synctest.Wait()
		if b.Waiting() != 4 {
			t.Errorf("%d containers wait after the jobs, want 4", b.Waiting())
		}
		time.Sleep(2 * time.Minute)
		if b.Waiting() != 1 {
			t.Errorf("%d containers wait 2 minutes after the jobs, want 1", b.Waiting())
		}
	})
}

// TestPoolWarmsUp prefers a ready warm-up, and leaves an image alone whose warm-up failed.
func TestPoolWarmsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newPoolBench(t, sandbox.PoolOptions{Places: 2})
		b.engine.warmed = func(started int) string {
			switch started {
			case 1:
				return `W{"ready":true}`
			case 2:
				return `W{"ready":false,"reason":"it lies"}`
			default:
				return `W{"ready":true}`
			}
		}
		spec := specOf("image", "id")
		spec.Image.Warmup, spec.Warmup = "/warmup --all", true
		b.Warm(spec)
		synctest.Wait()
		b.Warm(spec)
		synctest.Wait()
		if b.engine.warms != 2 || b.Waiting() != 2 {
			t.Fatalf("%d warm-ups and %d containers, want 2 and 2", b.engine.warms, b.Waiting())
		}
		for range 4 {
			b.job(t, spec)
			synctest.Wait()
		}
		if b.engine.warms != 2 {
			t.Errorf("%d warm-ups were started, want none after the one that failed", b.engine.warms-2)
		}
		time.Sleep(11 * time.Minute)
		b.job(t, spec)
		synctest.Wait()
		if b.engine.warms != 3 {
			t.Errorf("%d warm-ups in all, want a third after ten minutes", b.engine.warms)
		}
	})
}

// TestPoolAndMalformedLabel keeps a container without a warm-up.
func TestPoolAndMalformedLabel(t *testing.T) {
	for _, label := range []string{`a "b`, " "} {
		b := newPoolBench(t, sandbox.PoolOptions{Places: 2})
		spec := specOf("image", "id")
		spec.Image.Warmup, spec.Warmup = label, true
		b.Warm(spec)
		b.settle(t, 1)
		if b.job(t, spec); b.engine.warms != 0 {
			t.Errorf("label %q: %d warm-ups", label, b.engine.warms)
		}
	}
}

// TestPoolWarmsUpForThoseItSuits loads nothing for jobs that cannot be the image's warm-up.
func TestPoolWarmsUpForThoseItSuits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newPoolBench(t, sandbox.PoolOptions{Places: 1})
		b.engine.warmed = func(int) string { return `W{"ready":true}` }
		spec := specOf("image", "id")
		spec.Image.Warmup = "/warmup"
		for _, c := range []struct {
			suits bool
			warms int
		}{{false, 0}, {false, 0}, {true, 1}, {true, 2}, {false, 2}} {
			spec.Warmup = c.suits
			b.job(t, spec)
			synctest.Wait()
			if b.engine.warms != c.warms {
				t.Errorf("%d warm-ups, want %d", b.engine.warms, c.warms)
			}
		}
	})
}
