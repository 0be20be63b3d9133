package gradertest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// Grader grades one submission, as a desk does.
type Grader interface {
	Grade(ctx context.Context, work *desk.Work) (*runner.Grading, error)
}

// Images finds images, as an engine does.
type Images interface {
	Image(ctx context.Context, name string) (*sandbox.Image, error)
}

// Suite grades samples.
type Suite struct {
	Grader Grader
	Images Images
	// Cache keeps reports between runs; nil keeps none.
	Cache *Cache
	// Course is the course's folder; "" finds it above each question.
	Course string
	// Parallel is how many samples are graded at once, at least 1.
	Parallel int
	// Update records what comes out as expected.
	Update bool
	// Fresh grades everything anew, whatever the cache has.
	Fresh bool

	mu        sync.Mutex
	questions map[string]*opened
	images    map[string]*found
}

// opened is a question that was read, once for all its samples, and the variant that its server.py computes for them.
type opened struct {
	once     sync.Once
	question *desk.Question
	variant  *variant
	err      error
}

// found is an image that was looked for, once for all samples: a run uses one image of a name.
type found struct {
	once  sync.Once
	image *sandbox.Image
	err   error
}

// Result is what came of one sample.
type Result struct {
	Case
	// Report is nil where Err is not.
	Report *jobspec.Report
	// Differences are empty for a sample that came out as expected.
	Differences []Difference
	// Err is a mistake in the question or its sample, or a failure of ours: then Failed is true.
	Err    error
	Failed bool
	// Cached says that the report is an earlier run's.
	Cached bool
	// Updated says that the expectation was recorded.
	Updated bool
	// Took is how long it all took.
	Took time.Duration
}

// Passed says whether the sample came out as expected.
func (r *Result) Passed() bool { return r.Err == nil && len(r.Differences) == 0 }

// Run grades the samples and calls done for each as soon as it is known, one at a time. The results are in the order of the cases. It
// ends early only if ctx does.
func (s *Suite) Run(ctx context.Context, cases []Case, done func(*Result)) []*Result {
	s.questions, s.images = map[string]*opened{}, map[string]*found{}
	defer s.close()
	results := make([]*Result, len(cases))
	var group errgroup.Group
	group.SetLimit(max(1, s.Parallel))
	var telling sync.Mutex
	for i := range cases {
		group.Go(func() error {
			begin := time.Now()
			result := s.run(ctx, &cases[i])
			result.Took = time.Since(begin)
			telling.Lock()
			defer telling.Unlock()
			results[i] = result
			done(result)
			return nil
		})
	}
	_ = group.Wait()
	return results
}

func (s *Suite) close() {
	for _, o := range s.questions {
		if o.question != nil {
			_ = o.question.Close()
		}
	}
}

func (s *Suite) run(ctx context.Context, c *Case) *Result {
	r := &Result{Case: *c}
	if ctx.Err() != nil {
		r.Err, r.Failed = context.Cause(ctx), true
		return r
	}
	expected, err := s.expectation(c)
	if err != nil {
		r.Err = err
		return r
	}
	work, err := s.work(ctx, c)
	if err != nil {
		failed, _ := errors.AsType[*engineError](err)
		r.Err, r.Failed = err, failed != nil
		return r
	}
	s.grade(ctx, r, work, expected)
	if r.Err == nil && s.Update && (expected == nil || len(r.Differences) > 0) {
		r.Err = c.Record(expected, r.Report)
		r.Updated, r.Differences = r.Err == nil, nil
	}
	return r
}

// expectation reads the sample's; where one will be recorded it may be missing.
func (s *Suite) expectation(c *Case) (*Expectation, error) {
	e, err := ReadExpectation(c.ExpectFile())
	switch {
	case err == nil:
		return e, nil
	case s.Update && (errors.Is(err, fs.ErrNotExist) || isMistake(err)):
		return nil, nil //nolint:nilnil // there is no expectation yet
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no %s; --update records what comes out today", c.ExpectFile())
	}
	return nil, fmt.Errorf("%s: %w", c.ExpectFile(), err)
}

func isMistake(err error) bool {
	mistake, is := errors.AsType[*Mistake](err)
	return is && mistake.Reason == reasonNothing
}

// work assembles /grade for the sample.
func (s *Suite) work(ctx context.Context, c *Case) (*desk.Work, error) {
	o, err := s.question(ctx, c.Question)
	if err != nil {
		return nil, err
	}
	submission, err := desk.ReadSubmission(c.Folder())
	if err != nil {
		return nil, err
	}
	o.variant.give(submission)
	work, err := o.question.Work(submission)
	if err != nil {
		return nil, err
	}
	work.Job.Warnings = append(work.Job.Warnings, o.variant.warnings...)
	return work, nil
}

func (s *Suite) question(ctx context.Context, folder string) (*opened, error) {
	s.mu.Lock()
	o := s.questions[folder]
	if o == nil {
		o = &opened{}
		s.questions[folder] = o
	}
	s.mu.Unlock()
	o.once.Do(func() {
		if o.question, o.err = desk.OpenQuestion(folder, s.Course); o.err == nil {
			o.variant, o.err = s.variant(ctx, o.question)
		}
	})
	return o, o.err
}

func (s *Suite) image(ctx context.Context, name string) (*sandbox.Image, error) {
	s.mu.Lock()
	f := s.images[name]
	if f == nil {
		f = &found{}
		s.images[name] = f
	}
	s.mu.Unlock()
	f.once.Do(func() { f.image, f.err = s.Images.Image(ctx, name) })
	return f.image, f.err
}

// grade takes the report from the cache if it is there and as expected, else from a container.
func (s *Suite) grade(ctx context.Context, r *Result, work *desk.Work, expected *Expectation) {
	key := s.cacheKey(ctx, work)
	if key != "" && !s.Fresh && expected != nil {
		if report := s.Cache.get(key); report != nil && len(expected.Compare(report)) == 0 {
			r.Report, r.Cached = report, true
			return
		}
	}
	grading, err := s.Grader.Grade(ctx, work)
	if err != nil {
		r.Err, r.Failed = err, true
		return
	}
	_ = grading.Close(context.WithoutCancel(ctx))
	r.Report = grading.Report
	if expected != nil {
		r.Differences = expected.Compare(r.Report)
	}
	if key != "" && r.Passed() && r.Report.Outcome != jobspec.PullFailed {
		s.Cache.put(key, r.Report)
	}
}

// cacheKey is "" where nothing is kept, or the image is not there: the run says why.
func (s *Suite) cacheKey(ctx context.Context, work *desk.Work) string {
	if s.Cache == nil {
		return ""
	}
	image, err := s.image(ctx, work.Job.Image)
	if err != nil {
		return ""
	}
	key, err := s.Cache.key(work, image)
	if err != nil {
		return ""
	}
	return key
}
