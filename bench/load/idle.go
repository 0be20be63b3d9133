package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// idle lets runners with pools of different sizes do nothing.
func (o *options) idle(ctx context.Context) (*table, error) {
	watch := 20 * time.Second
	if o.quick {
		watch = 3 * time.Second
	}
	t := &table{title: "Idle", head: []string{"pool.places", "memory of the runner, MB", "processor, % of one"}}
	for _, places := range []int{0, 4, 16} {
		if err := o.idleOne(ctx, t, places, watch); err != nil {
			return nil, fmt.Errorf("%d places: %w", places, err)
		}
	}
	t.note("Over %s, after as many jobs at once as there are places.", watch)
	return t, nil
}

func (o *options) idleOne(ctx context.Context, t *table, places int, watch time.Duration) (err error) {
	job, err := o.trivial(nil)
	if err != nil {
		return err
	}
	s, err := startServer(ctx, o, "--pool.places", fmt.Sprint(places), "--runner.concurrency", fmt.Sprint(max(1, places)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	begins := map[string]time.Time{}
	for range places {
		id, begin, err := s.insert(ctx, job)
		if err != nil {
			return err
		}
		begins[id] = begin
	}
	if _, err := s.drained(ctx, begins); err != nil {
		return err
	}
	time.Sleep(watch / 2) // places are filled, one at a time
	before, begin := s.processor(), time.Now()
	time.Sleep(watch)
	used, took := s.processor()-before, time.Since(begin)
	t.add(fmt.Sprint(places), s.resident(), fmt.Sprintf("%.1f", 100*used.Seconds()/took.Seconds()))
	return nil
}
