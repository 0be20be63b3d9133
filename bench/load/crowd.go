package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// capacity lets jobs wait and counts how many are done in a second, by as many workers.
func (o *options) capacity(ctx context.Context) (*table, error) {
	job, err := o.trivial(nil)
	if err != nil {
		return nil, err
	}
	t := &table{title: "Capacity, jobs that wait", head: []string{
		"at once", "Engine API, jobs/s", "slashgrade, jobs/s", "ratio", "p95 wait, s", "processor of the runner, ms/job", "its peak, MB",
	}}
	jobs := o.count(o.jobs, 200)
	for _, workers := range o.workers {
		theirs, err := o.engineRate(ctx, max(workers, jobs/5), workers) // known after fewer jobs
		if err != nil {
			return nil, err
		}
		crowd, err := o.waitingCrowd(ctx, job, jobs, workers)
		if err != nil {
			return nil, err
		}
		ours := perSecond(len(crowd.all), span(crowd.all))
		wait := spreadOf(crowd.all, func(m *measured) time.Duration { return m.waited }).at(0.95)
		t.add(fmt.Sprint(workers), rate(theirs), rate(ours), share(ours, theirs), fmt.Sprintf("%.1f", wait.Seconds()),
			ms(crowd.processor/time.Duration(jobs)), crowd.peak)
	}
	t.note("%d jobs in slashgrade's queue before it starts, a fifth as many for the engine alone; a rate is from the first receipt to the last answer.", jobs)
	t.note("Processor time is of the runner's own threads, its start included and engine, runtime and containers not.")
	return t, nil
}

// engineRate is how many jobs a second the engine's API does by itself, 0 where that is not asked.
func (o *options) engineRate(ctx context.Context, jobs, atOnce int) (float64, error) {
	if o.alone {
		return 0, nil
	}
	base, err := newBaseline(o.image)
	if err != nil {
		return 0, err
	}
	took, err := base.crowd(ctx, jobs, atOnce)
	return perSecond(jobs, took), err
}

func rate(perSecond float64) string {
	if perSecond == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f", perSecond)
}

func share(a, b float64) string {
	if b == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f", a/b)
}

// crowd is what came of jobs that waited.
type crowd struct {
	all       []*measured
	processor time.Duration
	peak      string
}

// waitingCrowd inserts the jobs and then starts a serve on them.
func (o *options) waitingCrowd(ctx context.Context, job *work, jobs, workers int) (c *crowd, err error) {
	s, err := prepare(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	begins := map[string]time.Time{}
	for range jobs {
		id, begin, err := s.insert(ctx, job)
		if err != nil {
			return nil, err
		}
		begins[id] = begin
	}
	if err := s.start(ctx, o, "--runner.concurrency", fmt.Sprint(workers), "--pool.places", fmt.Sprint(o.places)); err != nil {
		return nil, err
	}
	all, err := s.drained(ctx, begins)
	return &crowd{all: all, processor: s.processor(), peak: s.peak()}, err
}

// burst is what comes before a deadline.
func (o *options) burst(ctx context.Context) (result *table, err error) {
	job, err := o.work()
	if err != nil {
		return nil, err
	}
	const within = 10 * time.Second
	jobs := o.count(o.jobs, 300)
	s, err := startServer(ctx, o, "--pool.places", fmt.Sprint(o.places), "--pool.warm", job.image)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	begins := map[string]time.Time{}
	begin := time.Now()
	for i := range jobs {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * within / time.Duration(jobs))))
		id, inserted, err := s.insert(ctx, job)
		if err != nil {
			return nil, err
		}
		begins[id] = inserted
	}
	sent := time.Since(begin)
	all, err := s.drained(ctx, begins)
	if err != nil {
		return nil, err
	}
	last := slices.MaxFunc(all, func(a, b *measured) int { return a.graded.Compare(b.graded) }).graded.Sub(begin)
	total := spreadOf(all, func(m *measured) time.Duration { return m.total })
	result = &table{title: "A burst before a deadline", head: []string{"jobs", "sent within, s", "last answered after, s", "median, s", "p95, s", "p99, s", "peak of the runner, MB"}}
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }
	result.add(fmt.Sprint(jobs), seconds(sent), seconds(last), seconds(total.at(0.5)), seconds(total.at(0.95)), seconds(total.at(0.99)), s.peak())
	result.note("Times are from each job's own enqueueing to its answer.")
	return result, nil
}
