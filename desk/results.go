package desk

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slashgrade/slashgrade/jobspec"
)

// Results are the parts of a grader's results.json that a student is shown.
type Results struct {
	// Score is from 0 to 1; 0 where there is none.
	Score float64
	// Gradable is nil where the grader says nothing of it, which means true.
	Gradable        *bool
	Message, Output string
	FormatErrors    []string
	Images          []Image
	Tests           []Test
}

// Test is one test of a grader's results. Points are nil where they are missing or no numbers.
type Test struct {
	Name, Description, Message, Output string
	Points, MaxPoints                  *float64
	Images                             []Image
}

// ReadResults takes what a report's results have of it, by exact key and type; what has another type is as if it were not there. The
// runner has checked the results before, so that little is ever lost.
func ReadResults(report *jobspec.Report) *Results {
	var object map[string]any
	_ = json.Unmarshal(report.Results, &object)
	r := &Results{
		Gradable: field[bool](object, "gradable"), Message: text(object, "message"), Output: text(object, "output"),
		Images: images(object["images"]),
	}
	if score := field[float64](object, "score"); score != nil {
		r.Score = *score
	}
	switch errors := object["format_errors"].(type) {
	case string:
		r.FormatErrors = []string{errors}
	case []any:
		for _, entry := range errors {
			r.FormatErrors = append(r.FormatErrors, fmt.Sprint(entry))
		}
	}
	tests, _ := object["tests"].([]any)
	for _, entry := range tests {
		test, _ := entry.(map[string]any)
		r.Tests = append(r.Tests, Test{
			Name: text(test, "name"), Description: text(test, "description"), Message: text(test, "message"), Output: text(test, "output"),
			Points: field[float64](test, "points"), MaxPoints: field[float64](test, "max_points"), Images: images(test["images"]),
		})
	}
	return r
}

// Ungradable says whether the grader refused to grade the submission.
func (r *Results) Ungradable() bool { return r.Gradable != nil && !*r.Gradable }

func field[T any](object map[string]any, key string) *T {
	value, ok := object[key].(T)
	if !ok {
		return nil
	}
	return &value
}

func text(object map[string]any, key string) string {
	if value := field[string](object, key); value != nil {
		return *value
	}
	return ""
}

// AllImages are the images of the whole report and then those of its tests, labelled with the test's name.
func (r *Results) AllImages() []Image {
	all := append([]Image(nil), r.Images...)
	for _, test := range r.Tests {
		for _, image := range test.Images {
			image.Label = test.Name + " " + image.Label
			all = append(all, image)
		}
	}
	return all
}

// PointsShown says whether a student is shown points: not if any test lacks them.
func (r *Results) PointsShown() bool {
	return !slices.ContainsFunc(r.Tests, func(test Test) bool { return test.Points == nil || test.MaxPoints == nil })
}

// Points are those of all tests, and how many there could be. The score is another figure: the two may disagree.
func (r *Results) Points() (points, most float64) {
	for _, test := range r.Tests {
		if test.Points != nil && test.MaxPoints != nil {
			points, most = points+*test.Points, most+*test.MaxPoints
		}
	}
	return points, most
}

// Mark is what stands before a test.
type Mark string

// The marks, by PrairieLearn's rules.
const (
	Passed   Mark = "passed"   // as many points as there are, as far as two decimals tell
	Failed   Mark = "failed"   // less, or more
	Unmarked Mark = "unmarked" // no points, or none to be had
)

// Mark is the test's mark.
func (t *Test) Mark() Mark {
	switch {
	case t.Points == nil || t.MaxPoints == nil || Number(*t.MaxPoints) == "0":
		return Unmarked
	case Number(*t.Points) == Number(*t.MaxPoints):
		return Passed
	default:
		return Failed
	}
}

// Number writes points as PrairieLearn does: with at most two decimals, without trailing zeros.
func Number(value float64) string {
	text := strconv.FormatFloat(value, 'f', 2, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
