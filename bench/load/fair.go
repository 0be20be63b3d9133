package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	// courseVariable names a job's course in its environment, by which courses take turns.
	courseVariable = "COURSE"
	// flooding is the course that sends all its jobs at once, a hundred and fifty of them; the other two send a job in turns.
	flooding = "flooding"
	// smallPause is the time between their jobs.
	smallPause = 250 * time.Millisecond
)

// fair lets one of three courses flood the queue, and looks how long each course's jobs wait, in the queue's order and with turns.
func (o *options) fair(ctx context.Context) (*table, error) {
	jobs := o.count(o.jobs, 150)
	t := &table{title: "Three courses, one of which floods the queue", head: []string{
		"order", "course", "jobs", "wait, median, s", "p95, s", "to the p95 in the queue's order",
	}}
	var plain map[string]durations
	for _, order := range []struct {
		name  string
		flags []string
	}{
		{"the queue's", nil},
		{"turns", []string{"--fair.ahead", fmt.Sprint(2 * jobs), "--fair.share", "env:" + courseVariable}},
	} {
		waits, err := o.flood(ctx, jobs, order.flags)
		if err != nil {
			return nil, fmt.Errorf("order %s: %w", order.name, err)
		}
		if plain == nil {
			plain = waits
		}
		for _, course := range slices.Sorted(maps.Keys(waits)) {
			wait := waits[course]
			t.add(order.name, course, fmt.Sprint(len(wait)), fmt.Sprintf("%.2f", wait.at(0.5).Seconds()), fmt.Sprintf("%.2f", wait.at(0.95).Seconds()),
				ratio(wait.at(0.95), plain[course].at(0.95)))
		}
	}
	t.note("Two jobs at once. The flooding course's jobs are all there at the beginning; of the others one comes each %s, by turns. A wait is from enqueue to receipt.", smallPause)
	return t, nil
}

// flood runs one order and returns how long the jobs of each course waited.
func (o *options) flood(ctx context.Context, jobs int, flags []string) (waits map[string]durations, err error) {
	s, err := prepare(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	begins, courses := map[string]time.Time{}, map[string]string{}
	send := func(course string) error {
		job, err := o.trivial(nil)
		if err != nil {
			return err
		}
		job.env = map[string]*string{courseVariable: &course}
		id, begin, err := s.insert(ctx, job)
		begins[id], courses[id] = begin, course
		return err
	}
	for range jobs {
		if err := send(flooding); err != nil {
			return nil, err
		}
	}
	if err := s.start(ctx, o, slices.Concat([]string{"--runner.concurrency", "2", "--pool.places", fmt.Sprint(o.places)}, flags)...); err != nil {
		return nil, err
	}
	for i := range max(4, jobs/5) {
		if err := send([]string{"small 1", "small 2"}[i%2]); err != nil {
			return nil, err
		}
		time.Sleep(smallPause)
	}
	all, err := s.drained(ctx, begins)
	if err != nil {
		return nil, err
	}
	waits = map[string]durations{}
	for _, m := range all {
		waits[courses[m.id]] = append(waits[courses[m.id]], m.waited)
	}
	return waits, nil
}
