// Package regrading grades submissions of a question again, for the day when its grader was wrong: the student's files and the variant's data of
// each job, with the question's tests, course files and options of today. It answers no platform and writes nothing: what to do with
// what changed is its caller's decision.
//
// An [Item] is one submission. It comes from a folder of jobs' archives or of submissions ([Folder]), or from a list of jobs in a store
// ([Jobs]); [Run] grades them.
package regrading

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
)

// MaxItems is how many submissions one run may have. A course of 1,000 students with 100 tries each has as many.
const MaxItems = 100_000

// Item is one submission to grade again.
type Item struct {
	// Name tells it from the others: a folder's path, or the job's place in the store.
	Name string

	submission func(context.Context) (*jobspec.Submission, error)
	before     func(context.Context) (*jobspec.Report, error) // ErrUnknown where nobody knows
}

// ErrUnknown is that it is not known what came of a submission before.
var ErrUnknown = errors.New("there is no report of it")

// Grade is what a report means for the student.
type Grade struct {
	Outcome  jobspec.Outcome `json:"outcome"`
	Gradable bool            `json:"gradable"`
	// Score is from 0 to 1; 0 where nothing was graded.
	Score float64 `json:"score"`
	// Points are those of the tests, by name.
	Points map[string]float64 `json:"points,omitempty"`
}

// NewGrade reads a report of ours, or of PrairieLearn's own host, which names no outcome.
func NewGrade(report *jobspec.Report) *Grade {
	g := &Grade{Outcome: report.Outcome}
	switch {
	case g.Outcome != "":
	case report.Succeeded:
		g.Outcome = jobspec.Graded
	case report.TimedOut:
		g.Outcome = jobspec.TimedOut
	default:
		g.Outcome = "failed"
	}
	if g.Outcome != jobspec.Graded {
		return g
	}
	results := desk.ReadResults(report)
	g.Gradable = !results.Ungradable()
	if g.Gradable {
		g.Score = results.Score
	}
	for i := range results.Tests {
		if test := &results.Tests[i]; test.Points != nil {
			if g.Points == nil {
				g.Points = map[string]float64{}
			}
			g.Points[test.Name] += *test.Points
		}
	}
	return g
}

// String is the grade in a few words.
func (g *Grade) String() string {
	switch {
	case g == nil:
		return "not known"
	case g.Outcome != jobspec.Graded:
		return "no grade: " + string(g.Outcome)
	case !g.Gradable:
		return "not gradable"
	}
	return strconv.FormatFloat(math.Round(g.Score*1e4)/1e2, 'f', -1, 64) + "%"
}

// same says whether two grades mean the same for the student. Sums of fractions may differ in their last digits.
func (g *Grade) same(other *Grade) bool {
	near := func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }
	return g.Outcome == other.Outcome && g.Gradable == other.Gradable && near(g.Score, other.Score) && maps.EqualFunc(g.Points, other.Points, near)
}

// Result is what came of one item.
type Result struct {
	Name string `json:"name"`
	// Before is nil where it is not known, After where Err says why there is none.
	Before *Grade `json:"before"`
	After  *Grade `json:"after"`
	// Changed says that both are known and differ.
	Changed bool   `json:"changed"`
	Err     error  `json:"-"`
	Error   string `json:"error,omitempty"`
	// Report is the new one.
	Report *jobspec.Report `json:"report,omitempty"`
}

// Grader grades one submission, as a desk does.
type Grader interface {
	Grade(ctx context.Context, work *desk.Work) (*runner.Grading, error)
}

// Run grades the items, at most parallel at once, and calls done for each as soon as it is known, one at a time. The results are in the
// order of the items.
func Run(ctx context.Context, question *desk.Question, grader Grader, items []Item, opts *Options) []*Result {
	results := make([]*Result, len(items))
	var group errgroup.Group
	group.SetLimit(max(1, opts.Parallel))
	var telling sync.Mutex
	for i := range items {
		group.Go(func() error {
			result := run(ctx, question, grader, &items[i])
			telling.Lock()
			defer telling.Unlock()
			results[i] = result
			if opts.Done != nil {
				opts.Done(result)
			}
			return nil
		})
	}
	_ = group.Wait()
	return results
}

// Options say how to run.
type Options struct {
	// Parallel is how many are graded at once, at least 1.
	Parallel int
	// Done is called for each result; nil is not.
	Done func(*Result)
}

func run(ctx context.Context, question *desk.Question, grader Grader, item *Item) *Result {
	r := &Result{Name: item.Name}
	if err := r.grade(ctx, question, grader, item); err != nil {
		r.Err, r.Error = err, err.Error()
		return r
	}
	r.Changed = r.Before != nil && !r.Before.same(r.After)
	return r
}

func (r *Result) grade(ctx context.Context, question *desk.Question, grader Grader, item *Item) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	before, err := item.before(ctx)
	switch {
	case err == nil:
		r.Before = NewGrade(before)
	case !errors.Is(err, ErrUnknown):
		return fmt.Errorf("read the report of before: %w", err)
	}
	submission, err := item.submission(ctx)
	if err != nil {
		return err
	}
	work, err := question.Work(submission)
	if err != nil {
		return err
	}
	grading, err := grader.Grade(ctx, work)
	if err != nil {
		return err
	}
	_ = grading.Close(context.WithoutCancel(ctx))
	r.Report, r.After = grading.Report, NewGrade(grading.Report)
	return nil
}
