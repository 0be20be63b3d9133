package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

const (
	// pandasJob uses numpy and pandas.
	pandasJob = "bench/python-grader/questions/pandas.txtar"
	// standIn imports what PrairieLearn's grader imports, and runs the same test.
	standIn = "bench/python-grader/standin.py"
	// asOriginal does what the original's entrypoint does, with the stand-in in the place of its program.
	asOriginal = `mkdir -p /grade/run /grade/results && chmod 1777 /grade/run
mv /grade/student/* /grade/tests/* /grade/data/data.json /grade/run
su ag -c 'cd /grade/run && /venv/bin/python standin.py' && mv /grade/run/results.json /grade/results/
`
	// warmRest is the pause in which the next container's warm-up imports what the one that was used had imported.
	warmRest = 3 * time.Second
)

// warmups runs one Python question at a time: with the imports of PrairieLearn's grader and with this one's, each in a container of its own, in
// one that waits, and in one that waits with the packages imported.
func (o *options) warmups(ctx context.Context) (result *table, err error) {
	if o.question == "" {
		o.question = pandasJob
	}
	job, err := o.work()
	if err != nil {
		return nil, err
	}
	original, err := asStandIn(o.question)
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
		{"a container of its own, PrairieLearn's imports", original, nil},
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
	median := func(side int) time.Duration { return spreadOf(sides[side].taken, less).at(0.5) }
	warmed := median(3)
	result.note("From receipt to answer the warmed-up job took %s ms at the median: %s times sooner than with PrairieLearn's imports, %s times sooner than with "+
		"this grader's in a container of its own, %s times sooner than in one that waits.",
		ms(warmed), ratio(median(0), warmed), ratio(median(1), warmed), ratio(median(2), warmed))
	return result, nil
}

// asStandIn is the same question by the stand-in for PrairieLearn's grader.
func asStandIn(question string) (*work, error) {
	program, err := os.ReadFile(standIn)
	if err != nil {
		return nil, err
	}
	files, err := jobFiles(question)
	if err != nil {
		return nil, fmt.Errorf("the stand-in takes a question in one file: %w", err)
	}
	files["tests/standin.py"] = program
	archive, err := pack(asOriginal, files)
	return &work{image: pythonGrader, entrypoint: []string{"/bin/sh", "/grade/tests/run.sh"}, archive: archive}, err
}
