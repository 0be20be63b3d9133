package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// pandasJob uses numpy and pandas.
	pandasJob = "bench/python-grader/questions/pandas.txtar"
	// warmRest is the pause in which the next container's warm-up imports what the one that was used had imported.
	warmRest = 3 * time.Second
)

// warmups runs one Python question at a time: in a container of its own, in one that waits, and in one that waits with the packages imported.
func (o *options) warmups(ctx context.Context) (result *table, err error) {
	if o.question == "" {
		o.question = pandasJob
	}
	job, err := o.work()
	if err != nil {
		return nil, err
	}
	// A job with an environment of its own could not have been the image's warm-up.
	value := "1"
	fresh := *job
	fresh.env = map[string]*string{"SLASHGRADE_BENCH": &value}
	waits := []string{"--pool.places", fmt.Sprint(o.places), "--pool.warm", job.image}
	var sides []*side
	for _, way := range []struct {
		name  string
		work  *work
		flags []string
	}{
		{"a container of its own, fresh imports", &fresh, nil},
		{"a container waits, fresh imports", &fresh, waits},
		{"a container waits, warmed up", job, waits},
	} {
		s, err := startServer(ctx, o, way.flags...)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.close()) }()
		sides = append(sides, &side{name: way.name, ours: true, once: func(ctx context.Context) (*measured, error) { return s.one(ctx, way.work) }})
	}
	if err := turns(ctx, sides, o.count(0, o.rounds), warmRest); err != nil {
		return nil, err
	}
	result = latencyTable(sides)
	result.title = "A Python question, with and without a warm-up: " + o.question
	less := func(m *measured) time.Duration { return m.total - m.waited }
	warmed := spreadOf(sides[2].taken, less).at(0.5)
	result.note("From receipt to answer the warmed-up job took %s ms at the median: %s times sooner than in a container of its own, %s times sooner than in one that waits.",
		ms(warmed), ratio(spreadOf(sides[0].taken, less).at(0.5), warmed), ratio(spreadOf(sides[1].taken, less).at(0.5), warmed))
	return result, nil
}
