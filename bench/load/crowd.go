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
	base, err := newBaseline(o.image)
	if err != nil {
		return nil, err
	}
	t := &table{title: "Capacity, jobs that wait", head: []string{"at once", "Engine API, jobs/s", "slashgrade, jobs/s", "ratio", "p95 wait, s", "peak of the runner, MB"}}
	jobs := o.count(o.jobs, 200)
	for _, workers := range o.workers {
		// The engine's own rate is known after fewer jobs.
		few := max(workers, jobs/5)
		took, err := base.crowd(ctx, few, workers)
		if err != nil {
			return nil, err
		}
		theirs := perSecond(few, took)
		all, peak, err := o.waitingCrowd(ctx, job, jobs, workers)
		if err != nil {
			return nil, err
		}
		ours := perSecond(len(all), span(all))
		wait := spreadOf(all, func(m *measured) time.Duration { return m.waited }).at(0.95)
		t.add(fmt.Sprint(workers), fmt.Sprintf("%.1f", theirs), fmt.Sprintf("%.1f", ours), fmt.Sprintf("%.2f", ours/theirs),
			fmt.Sprintf("%.1f", wait.Seconds()), peak)
	}
	t.note("%d jobs in slashgrade's queue before it starts, a fifth as many for the engine alone; a rate is from the first receipt to the last answer.", jobs)
	return t, nil
}

// waitingCrowd inserts the jobs and then starts a serve on them.
func (o *options) waitingCrowd(ctx context.Context, job *work, jobs, workers int) (all []*measured, peak string, err error) {
	s, err := prepare(ctx)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	begins := map[string]time.Time{}
	for range jobs {
		id, begin, err := s.insert(ctx, job)
		if err != nil {
			return nil, "", err
		}
		begins[id] = begin
	}
	if err := s.start(ctx, o, "--runner.concurrency", fmt.Sprint(workers), "--pool.places", fmt.Sprint(o.places)); err != nil {
		return nil, "", err
	}
	all, err = s.drained(ctx, begins)
	return all, s.peak(), err
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
