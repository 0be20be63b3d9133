//go:build linux

// Oci measures what a container costs without a job: from asking an engine for it to its guest's first word, and its removal, by the
// Docker engine, by an OCI runtime, and by namespaces without a runtime, in turns. It also shows what the steps of the latter two take.
//
//	go run ./bench/oci -n 30
//	go run ./bench/oci -n 100 -at-once 4
//
// It needs root, a Docker engine with the image, runc, and `make build`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/nsengine"
	"github.com/slashgrade/slashgrade/runner/sandbox/ociengine"
)

func main() {
	rounds := flag.Int("n", 30, "containers of each engine, after two that are not counted")
	atOnce := flag.Int("at-once", 1, "how many are made at once")
	image := flag.String("image", "debian:trixie-slim", "an image that the engine has")
	guests := flag.String("guests", "bin", "the folder with slashgrade-guest-linux-*")
	flag.Parse()
	b := &bench{rounds: *rounds, atOnce: *atOnce, image: *image}
	if err := b.run(context.Background(), *guests); err != nil {
		fmt.Fprintln(os.Stderr, "oci:", err)
		os.Exit(1)
	}
}

type bench struct {
	rounds, atOnce int
	image          string
}

// engine is one of the sides.
type engine struct {
	sandbox.Engine
	name          string
	steps         *steps
	start, remove []time.Duration
	all           time.Duration
	cpu           time.Duration // of this process and its children; the Docker engine's own is not in it
}

func (b *bench) run(ctx context.Context, folder string) (err error) {
	guests := dockerengine.NewGuestFiles(os.DirFS(folder))
	docker, err := dockerengine.New(ctx, guests, &dockerengine.Options{Pull: dockerengine.PullPolicy{When: dockerengine.PullMissing}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, docker.Close()) }()
	engines := []*engine{{Engine: docker, name: "Docker engine", steps: newSteps()}}
	for _, direct := range []struct {
		name string
		make func(*ociengine.Options) (*ociengine.Engine, error)
	}{{"OCI runtime", ociengine.New}, {"namespaces", nsengine.New}} {
		measured := newSteps()
		made, err := direct.make(&ociengine.Options{Docker: docker, Guests: guests, Log: slog.New(measured)})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, made.Close()) }() //nolint:contextcheck // a close takes none
		engines = append(engines, &engine{Engine: made, name: direct.name, steps: measured})
	}
	for _, e := range engines { // not counted: volumes are filled, layers are leased, a filter is learnt
		if err := b.containers(ctx, &engine{Engine: e.Engine}, 2); err != nil {
			return err
		}
		e.steps.clear()
	}
	const turns = 5
	for range turns {
		for _, e := range engines {
			if err := b.containers(ctx, e, max(b.rounds/turns, 1)); err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
		}
	}
	b.show(engines)
	return nil
}

// containers makes and removes so many.
func (b *bench) containers(ctx context.Context, e *engine, count int) error {
	image, err := e.Image(ctx, b.image)
	if err != nil {
		return err
	}
	spec := &sandbox.Spec{
		Image: image, Profile: sandbox.Profiles()[sandbox.PrairieLearn], Runner: fmt.Sprintf("bench-oci-%d", os.Getpid()),
	}
	begun, cpu := time.Now(), cpuTime()
	var (
		mu      sync.Mutex
		failed  error
		workers sync.WaitGroup
	)
	left := make(chan struct{}, count)
	for range count {
		left <- struct{}{}
	}
	close(left)
	for range b.atOnce {
		workers.Go(func() {
			for range left {
				start, remove, err := one(ctx, e, spec)
				mu.Lock()
				e.start, e.remove, failed = append(e.start, start), append(e.remove, remove), errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	e.all += time.Since(begun)
	e.cpu += cpuTime() - cpu
	return failed
}

// one makes one container, waits for its guest, and removes it.
func one(ctx context.Context, e *engine, spec *sandbox.Spec) (start, remove time.Duration, err error) {
	begun := time.Now()
	session, err := sandbox.Open(ctx, e, spec)
	if err != nil {
		return 0, 0, err
	}
	start = time.Since(begun)
	begun = time.Now()
	err = session.Close(ctx)
	return start, time.Since(begun), err
}

func cpuTime() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var usage syscall.Rusage
		if syscall.Getrusage(who, &usage) == nil {
			sum += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		}
	}
	return sum
}

func (b *bench) show(engines []*engine) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer func() { _ = w.Flush() }()
	_, _ = fmt.Fprintln(w, "ms\tmin\tmedian\tp95\tmax\t")
	for _, e := range engines {
		row(w, e.name+": start to hello", e.start)
		row(w, e.name+": remove", e.remove)
		for _, step := range []string{"mounts", "description", "process"} {
			row(w, e.name+", of the start: "+step, e.steps.took[step])
		}
	}
	for _, e := range engines {
		count := len(e.start)
		_, _ = fmt.Fprintf(w, "%s: %.1f a second, %.1f ms of processor each\t\t\t\t\t\n",
			e.name, float64(count)/e.all.Seconds(), e.cpu.Seconds()*1000/float64(count))
	}
	for _, e := range engines[1:] {
		_, _ = fmt.Fprintf(w, "ratio of medians, start to hello, %s: %.2f\t\t\t\t\t\n",
			e.name, float64(at(e.start, 0.5))/float64(at(engines[0].start, 0.5)))
	}
}

func at(values []time.Duration, share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

func row(w *tabwriter.Writer, name string, values []time.Duration) {
	if len(values) == 0 {
		return
	}
	_, _ = fmt.Fprint(w, name)
	for _, share := range []float64{0, 0.5, 0.95, 1} {
		_, _ = fmt.Fprintf(w, "\t%.1f", float64(at(values, share).Microseconds())/1000)
	}
	_, _ = fmt.Fprintln(w, "\t")
}

// steps is a log that keeps how long the steps of starts took.
type steps struct {
	mu   sync.Mutex
	took map[string][]time.Duration
}

func newSteps() *steps { return &steps{took: map[string][]time.Duration{}} }

func (s *steps) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.took)
}

// Enabled implements [slog.Handler].
func (s *steps) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (s *steps) Handle(_ context.Context, record slog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if record.Level >= slog.LevelWarn {
		fmt.Fprintln(os.Stderr, "oci:", record.Message)
	}
	record.Attrs(func(attr slog.Attr) bool {
		if attr.Key == "took" {
			for _, step := range attr.Value.Group() {
				s.took[step.Key] = append(s.took[step.Key], step.Value.Duration())
			}
		}
		return true
	})
	return nil
}

// WithAttrs implements [slog.Handler].
func (s *steps) WithAttrs([]slog.Attr) slog.Handler { return s }

// WithGroup implements [slog.Handler].
func (s *steps) WithGroup(string) slog.Handler { return s }
