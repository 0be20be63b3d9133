package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// size is a job of growth: so many files of noise, each of so many bytes, and results with so much output.
type size struct {
	name          string
	files, each   int
	results       int
	quickTooLarge bool
}

func sizes() []size {
	const kb, mb = 1000, 1000 * 1000
	return []size{
		{"archive of 1 kB", 1, kb, 0, false},
		{"archive of 1 MB", 1, mb, 0, false},
		{"archive of 30 MB", 1, 30 * mb, 0, false},
		{"archive of 500 MB", 1, 500 * mb, 0, true},
		{"1,000 files", 1000, 100, 0, false},
		{"50,000 files", 50_000, 100, 0, true},
		{"results of 100 B", 0, 0, 60, false},
		{"results of 100 kB", 0, 0, 100 * kb, false},
		{"results of 1 MB", 0, 0, 1000 * kb, true},
	}
}

// growth runs one job of each size and looks at the runner's memory.
func (o *options) growth(ctx context.Context) (result *table, err error) {
	s, err := startServer(ctx, o, "--runner.archive=false")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	result = &table{title: "Growth, one job of each size", head: []string{"job", "enqueue to answer, ms", "peak of the runner, MB", "after it, MB"}}
	result.add("before any", "–", s.peak(), s.resident())
	for _, size := range sizes() {
		if o.quick && size.quickTooLarge {
			continue
		}
		job, err := o.grown(size)
		if err != nil {
			return nil, err
		}
		if err := s.forgetPeak(); err != nil {
			return nil, fmt.Errorf("count the peak anew: %w", err)
		}
		m, err := s.one(ctx, job)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", size.name, err)
		}
		result.add(size.name, ms(m.total), s.peak(), s.resident())
		time.Sleep(settle) // the container's removal belongs to this job
	}
	result.note("The content is random and does not compress. The archive of /grade after the job is not kept.")
	return result, nil
}

func (o *options) grown(s size) (*work, error) {
	files := map[string][]byte{}
	for i := range s.files {
		files[fmt.Sprintf("serverFilesCourse/%d/%d", i/1000, i)] = noise(s.each)
	}
	job, err := o.trivial(files)
	if err != nil || s.results == 0 {
		return job, err
	}
	job.archive, err = pack(longResults(s.results), files)
	return job, err
}

// longResults is a script that leaves results with so much output.
func longResults(bytes int) string {
	return fmt.Sprintf("mkdir -p /grade/results\n{ printf '{\"score\":1,\"output\":\"'; head -c %d /dev/zero | tr '\\0' x; printf '\"}'; } > /grade/results/results.json\n", bytes)
}
