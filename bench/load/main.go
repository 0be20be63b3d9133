// Load measures a running slashgrade beside what grader hosts do today: one scenario at a time, in one run, by turns, because machines
// differ and drift. It prints a Markdown table with medians, p95 and p99, the ratios, and the machine's description.
//
//	go run ./bench/load -scenario latency -n 20
//	go run ./bench/load -scenario capacity -workers 1,2,4
//	go run ./bench/load -scenario capacity -queue sqs        # through LocalStack, beside a runner that does nothing
//	go run ./bench/load -scenario burst
//	go run ./bench/load -scenario growth
//	go run ./bench/load -scenario idle
//	go run ./bench/load -scenario fair                       # three courses, one of which floods the queue
//	go run ./bench/load -scenario warmups                    # a Python question
//
// It needs a Docker engine with the image, and `make build`. Each scenario takes less than three minutes on a quiet machine with two
// processors; none may run beside anything else.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// options are the command line.
type options struct {
	program, image       string
	engine, queue        string
	endpoint             string
	rounds, jobs, places int
	results              int
	workers              []int
	question, submission string
	quick, alone         bool
}

func main() {
	scenario := flag.String("scenario", "latency", "latency, capacity, burst, growth, idle, fair or warmups")
	o := &options{}
	flag.StringVar(&o.program, "slashgrade", "bin/slashgrade", "the program, with the guest beside it")
	flag.StringVar(&o.image, "image", "debian:trixie-slim", "an image with /bin/sh that the engine has")
	flag.StringVar(&o.engine, "engine", "", "engine.kind: docker, oci, namespaces or auto; empty leaves it to the program")
	flag.StringVar(&o.queue, "queue", "embedded", "capacity: embedded, or sqs for LocalStack")
	flag.StringVar(&o.endpoint, "endpoint", "http://127.0.0.1:4566", "LocalStack")
	flag.IntVar(&o.rounds, "n", 20, "latency: counted rounds, after two that are not")
	flag.IntVar(&o.jobs, "jobs", 0, "capacity, burst, fair: how many jobs; 0 is 200, of a burst 300, of a flood 150")
	flag.IntVar(&o.places, "places", 4, "pool.places of the warm runner")
	flag.StringVar(&o.question, "question", "", "latency, burst, warmups: a question's folder below a course, or a .txtar file of the Python grader's, instead of the trivial shell job")
	flag.StringVar(&o.submission, "submission", "", "with -question: a folder with the student's files")
	flag.IntVar(&o.results, "results", 0, "latency, burst: bytes of output in the trivial job's results; 0 is none")
	flag.BoolVar(&o.quick, "quick", false, "few and small jobs, to see that the program works")
	flag.BoolVar(&o.alone, "alone", false, "capacity, latency: without what it is compared with, for profiles and processor time")
	workers := flag.String("workers", "1,2,4,8", "capacity: how many at once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := o.readWorkers(*workers)
	if err == nil {
		err = o.run(ctx, *scenario)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func (o *options) readWorkers(text string) error {
	for word := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 {
			return fmt.Errorf("-workers %q: it must be numbers from 1 up, separated by commas", text)
		}
		o.workers = append(o.workers, n)
	}
	return nil
}

func (o *options) run(ctx context.Context, scenario string) error {
	scenarios := map[string]func(*options, context.Context) (*table, error){
		"latency": (*options).latency, "capacity": (*options).capacity, "burst": (*options).burst,
		"growth": (*options).growth, "idle": (*options).idle, "warmups": (*options).warmups, "fair": (*options).fair,
	}
	measure, ok := scenarios[scenario]
	if !ok {
		return fmt.Errorf("there is no scenario %q", scenario)
	}
	if scenario == "capacity" && o.queue == "sqs" {
		measure = (*options).capacitySQS
	}
	result, err := measure(o, ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", scenario, err)
	}
	return result.write(os.Stdout, machine())
}

// serveFlags are those of every serve that is measured.
func (o *options) serveFlags(more ...string) []string {
	flags := []string{"--engine.pull", "missing", "--log.format", "json", "--pool.places", "0"}
	if o.engine != "" {
		flags = append(flags, "--engine.kind", o.engine)
	}
	return slices.Concat(flags, more)
}

// count is what was asked for, else a default; quick runs take a tenth.
func (o *options) count(given, usual int) int {
	switch {
	case given > 0:
		return given
	case o.quick:
		return max(1, usual/10)
	}
	return usual
}
