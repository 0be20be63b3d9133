package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// settle is the pause in which a waiting container takes the place of the one that was used: the pool leaves a job a quarter of a second, and
// a start that ran into the next job would be counted with it.
const settle = 600 * time.Millisecond

// side is one of those that are compared.
type side struct {
	name  string
	once  func(context.Context) (*measured, error)
	ours  bool // what it took has parts
	taken []*measured
}

// latency runs one job at a time on every side in turn.
func (o *options) latency(ctx context.Context) (result *table, err error) {
	job, err := o.work()
	if err != nil {
		return nil, err
	}
	warm, err := startServer(ctx, o, "--pool.places", fmt.Sprint(o.places), "--pool.warm", job.image)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, warm.close()) }()
	sides := []*side{{name: "slashgrade, warm", ours: true, once: func(ctx context.Context) (*measured, error) { return warm.one(ctx, job) }}}
	if !o.alone {
		base, err := newBaseline(o.image)
		if err != nil {
			return nil, err
		}
		cold, err := startServer(ctx, o)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, cold.close()) }()
		sides = slices.Concat([]*side{
			{name: "Engine API: inspect, create, start, wait, remove", once: bare(base.engineAPI)},
			{name: "`docker run`", once: bare(base.dockerRun)},
			{name: "slashgrade, cold", ours: true, once: func(ctx context.Context) (*measured, error) { return cold.one(ctx, job) }},
		}, sides)
	}
	before := warm.processor()
	rounds := o.count(0, o.rounds)
	if err := turns(ctx, sides, rounds, settle); err != nil {
		return nil, err
	}
	result = latencyTable(sides)
	result.note("Processor time of the warm runner's own threads: %s ms a job, with what it does between them.",
		ms((warm.processor()-before)/time.Duration(rounds+warmUp)))
	return result, nil
}

// warmUp is how many rounds are not counted.
const warmUp = 2

func bare(once func(context.Context) (time.Duration, error)) func(context.Context) (*measured, error) {
	return func(ctx context.Context) (*measured, error) {
		took, err := once(ctx)
		return &measured{total: took}, err
	}
}

func turns(ctx context.Context, sides []*side, rounds int, pause time.Duration) error {
	for round := range rounds + warmUp {
		for _, s := range sides {
			m, err := s.once(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if round >= warmUp {
				s.taken = append(s.taken, m)
			}
			time.Sleep(pause)
		}
	}
	return nil
}

func latencyTable(sides []*side) *table {
	t := &table{
		title: "Latency, one job at a time",
		head:  []string{"ms", "n", "min", "median", "p95", "p99", "max", "to the first median"},
	}
	reference := spreadOf(sides[0].taken, func(m *measured) time.Duration { return m.total }).at(0.5)
	row := func(name string, s durations) {
		t.add(slices.Concat([]string{name}, s.cells(), []string{ratio(s.at(0.5), reference)})...)
	}
	for _, s := range sides {
		row(s.name, spreadOf(s.taken, func(m *measured) time.Duration { return m.total }))
		if s.ours {
			row("— of it overhead: less the queue's wait and the grader's own time", spreadOf(s.taken, (*measured).overhead))
			row("— of that from receipt to the grader's start", spreadOf(s.taken, func(m *measured) time.Duration { return m.prepared }))
			row("— and from its end to the answer", spreadOf(s.taken, func(m *measured) time.Duration { return m.reported }))
			row("— the queue's wait", spreadOf(s.taken, func(m *measured) time.Duration { return m.waited }))
		}
	}
	t.note("slashgrade's rows are from enqueue to answer: unpacking, checks, storing and answering are in them, and in no other.")
	return t
}
