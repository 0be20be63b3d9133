package gradertest

import (
	"context"
	"errors"
	"fmt"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/jobspec"
)

// variant is what all samples of a question are graded with: the first seed, and what its server.py computes with it.
type variant struct {
	computed *desk.Variant // nil where there is no server.py, or the image cannot run it
	warnings []string      // for staff
}

// engineError says that server.py was not run for a reason that lies on our side.
type engineError struct{ error }

// Unwrap gives [errors.Is] the cause.
func (e *engineError) Unwrap() error { return e.error }

// give makes the submission one of this variant.
func (v *variant) give(submission *jobspec.Submission) {
	submission.VariantSeed = desk.FirstSeed
	if v.computed != nil {
		submission.Params, submission.CorrectAnswers = v.computed.Params, v.computed.CorrectAnswers
	}
}

// variant runs the question's server.py. An image that cannot run it is no error: many graders need no parameters.
func (s *Suite) variant(ctx context.Context, question *desk.Question) (*variant, error) {
	generates, err := question.Generates()
	if err != nil || !generates {
		return &variant{}, err
	}
	work, err := question.VariantWork(desk.FirstSeed)
	if err != nil {
		return nil, err
	}
	computed, err := s.compute(ctx, work)
	if missing, ok := errors.AsType[*desk.MissingError](err); ok {
		return &variant{warnings: []string{missing.Error()}}, nil
	}
	if err != nil {
		return nil, err
	}
	return &variant{computed: computed}, nil
}

// compute takes the variant from the cache if it is there, else from a container. What is wrong with server.py is not kept.
func (s *Suite) compute(ctx context.Context, work *desk.Work) (*desk.Variant, error) {
	key := s.cacheKey(ctx, work)
	if key != "" && !s.Fresh {
		if report := s.Cache.get(key); report != nil {
			return desk.ReadVariant(&work.Job, report)
		}
	}
	grading, err := s.Grader.Grade(ctx, work)
	if err != nil {
		return nil, &engineError{fmt.Errorf("run server.py: %w", err)}
	}
	_ = grading.Close(context.WithoutCancel(ctx))
	computed, err := desk.ReadVariant(&work.Job, grading.Report)
	if missing, _ := errors.AsType[*desk.MissingError](err); key != "" && (err == nil || missing != nil) {
		s.Cache.put(key, grading.Report)
	}
	return computed, err
}
