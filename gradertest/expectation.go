package gradertest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/slashgrade/slashgrade/jobspec"
)

// MaxExpectBytes is the longest expect.toml. Real ones have a few lines.
const MaxExpectBytes = 64 << 10

// Expectation is what must come of a sample. What is not given is not looked at, except for the outcome.
type Expectation struct {
	// Outcome is how the job must end; graded unless TimedOut is true.
	Outcome jobspec.Outcome
	// Score is the score that the results must have, nil for any.
	Score *Range
	// Gradable says whether the submission must be gradable; nil is either, but true where a score is expected.
	Gradable *bool
	// Points are the points of tests by their names.
	Points map[string]Range
	// MessageContains are texts, and MessageMatches regular expressions, each of which must be in what the student is told: message,
	// format errors, output, and those of the tests.
	MessageContains []string
	MessageMatches  []*regexp.Regexp
	// MaxSeconds is the longest that the grader may run, 0 for any.
	MaxSeconds float64
}

// Range is a number, or the numbers from Min to Max.
type Range struct {
	Min, Max float64
}

// tolerance is how far a number may be from what is expected: scores are sums of fractions, and expect.toml is written by people.
const tolerance = 1e-5

// holds says whether the number is in the range.
func (r Range) holds(number float64) bool {
	return number >= r.Min-tolerance && number <= r.Max+tolerance
}

// String is the range in words: "0.5", "0.4 to 0.6".
func (r Range) String() string {
	if r.Min == r.Max {
		return fmt.Sprintf("%g", r.Min)
	}
	return fmt.Sprintf("%g to %g", r.Min, r.Max)
}

// Mistake is a mistake in an expect.toml.
type Mistake struct { //nolint:errname // gradertest.Mistake says it all
	// Line and Column count from 1.
	Line, Column int
	// Reason is for the author.
	Reason string
}

// Error names the place, then the reason.
func (m *Mistake) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", m.Line, m.Column, m.Reason)
}

// file is expect.toml as it is written.
type file struct {
	Score           any            `toml:"score"`
	Gradable        *bool          `toml:"gradable"`
	TimedOut        *bool          `toml:"timed_out"`
	Outcome         string         `toml:"outcome"`
	MaxSeconds      float64        `toml:"max_seconds"`
	MessageContains any            `toml:"message_contains"`
	MessageMatches  any            `toml:"message_matches"`
	Points          map[string]any `toml:"points"`
}

// Keys are those of expect.toml, in the order in which they are documented.
func Keys() []string {
	return []string{"score", "gradable", "points", "message_contains", "message_matches", "timed_out", "outcome", "max_seconds"}
}

// ReadExpectation reads an expect.toml.
func ReadExpectation(name string) (*Expectation, error) {
	opened, err := os.Open(name) //nolint:gosec // a sample of the user's own course
	if err != nil {
		return nil, err
	}
	defer opened.Close() //nolint:errcheck // it was only read
	if info, err := opened.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a plain file", name)
	}
	data, err := io.ReadAll(io.LimitReader(opened, MaxExpectBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return ParseExpectation(data)
}

// ParseExpectation reads the text of an expect.toml. Keys that do not exist, and values that mean nothing, are a [*Mistake].
func ParseExpectation(data []byte) (*Expectation, error) {
	if len(data) > MaxExpectBytes {
		return nil, &Mistake{1, 1, fmt.Sprintf("the file has more than %d bytes", MaxExpectBytes)}
	}
	var f file
	decoder := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		return nil, tomlMistake(err)
	}
	e, key, err := f.expectation()
	if err != nil {
		return nil, &Mistake{lineOf(data, key), 1, err.Error()}
	}
	return e, nil
}

func tomlMistake(err error) error {
	if strict, unknown := errors.AsType[*toml.StrictMissingError](err); unknown && len(strict.Errors) > 0 {
		line, column := strict.Errors[0].Position()
		return &Mistake{line, column, fmt.Sprintf("there is no key %s; known are %s", strings.Join(strict.Errors[0].Key(), "."), strings.Join(Keys(), ", "))}
	}
	if wrong, isTOML := errors.AsType[*toml.DecodeError](err); isTOML {
		line, column := wrong.Position()
		return &Mistake{max(1, line), max(1, column), strings.TrimPrefix(wrong.Error(), "toml: ")}
	}
	return &Mistake{1, 1, err.Error()}
}

// lineOf is the line on which a key stands; 1 where it is not found, as in a file that has none.
func lineOf(data []byte, key string) int {
	for i, line := range strings.Split(string(data), "\n") {
		name, _, isKey := strings.Cut(line, "=")
		if isKey && strings.Trim(strings.TrimSpace(name), `"'`) == key {
			return i + 1
		}
	}
	return 1
}

// expectation checks the values. key names the one that an error is about.
func (f *file) expectation() (e *Expectation, key string, err error) {
	e = &Expectation{Gradable: f.Gradable, MaxSeconds: f.MaxSeconds, Points: map[string]Range{}}
	if e.Outcome, key, err = f.outcome(); err != nil {
		return nil, key, err
	}
	if f.Score != nil {
		score, err := readRange(f.Score)
		if err != nil {
			return nil, "score", fmt.Errorf("score %w", err)
		}
		if score.Min < 0 || score.Max > 1 {
			return nil, "score", errors.New("score must lie from 0 to 1")
		}
		e.Score = &score
	}
	for _, name := range slices.Sorted(maps.Keys(f.Points)) {
		if e.Points[name], err = readRange(f.Points[name]); err != nil {
			return nil, name, fmt.Errorf("points of %q %w", name, err)
		}
	}
	if key, err := e.readMessages(f); err != nil {
		return nil, key, err
	}
	return e, "", e.contradiction(f)
}

func (f *file) outcome() (outcome jobspec.Outcome, key string, err error) {
	if f.MaxSeconds < 0 {
		return "", "max_seconds", errors.New("max_seconds must be above 0")
	}
	outcome = jobspec.Graded
	if f.TimedOut != nil && *f.TimedOut {
		outcome = jobspec.TimedOut
	}
	if f.Outcome == "" {
		return outcome, "", nil
	}
	if !slices.Contains(outcomes(), jobspec.Outcome(f.Outcome)) {
		return "", "outcome", fmt.Errorf("there is no outcome %q", f.Outcome)
	}
	if f.TimedOut != nil && *f.TimedOut != (f.Outcome == string(jobspec.TimedOut)) {
		return "", "outcome", fmt.Errorf("outcome %q contradicts timed_out", f.Outcome)
	}
	return jobspec.Outcome(f.Outcome), "", nil
}

// outcomes are those that a sample can have.
func outcomes() []jobspec.Outcome {
	return []jobspec.Outcome{
		jobspec.Graded, jobspec.TimedOut, jobspec.OutOfMemory, jobspec.OutOfDisk, jobspec.Killed, jobspec.ExitStatus, jobspec.NotStarted,
		jobspec.GuestLost, jobspec.NoResults, jobspec.ResultsTooLarge, jobspec.ResultsUnparsable, jobspec.ResultsInvalid,
		jobspec.PullFailed, jobspec.FilesFailed, jobspec.JobInvalid,
	}
}

// reasonNothing is the reason of a Mistake in a file that has no key.
const reasonNothing = "nothing is expected: give at least a score, or run slashgrade test --update"

// contradiction says why nothing could keep to the expectation, or everything.
func (e *Expectation) contradiction(f *file) error {
	graded := e.Score != nil || e.Gradable != nil || len(e.Points) > 0
	switch {
	case e.Outcome != jobspec.Graded && graded:
		return fmt.Errorf("a job that ends as %s has no score, points or gradable", e.Outcome)
	case e.Score != nil && e.Gradable != nil && !*e.Gradable:
		return errors.New("a submission that is not gradable has no score")
	case !graded && f.TimedOut == nil && f.Outcome == "" && len(e.MessageContains)+len(e.MessageMatches) == 0 && e.MaxSeconds == 0:
		return errors.New(reasonNothing)
	}
	return nil
}

func (e *Expectation) readMessages(f *file) (key string, err error) {
	if e.MessageContains, err = texts(f.MessageContains); err != nil {
		return "message_contains", fmt.Errorf("message_contains %w", err)
	}
	patterns, err := texts(f.MessageMatches)
	if err != nil {
		return "message_matches", fmt.Errorf("message_matches %w", err)
	}
	for _, pattern := range patterns {
		compiled, err := regexp.Compile(pattern)
		if err != nil {
			return "message_matches", fmt.Errorf("message_matches: %w", err)
		}
		e.MessageMatches = append(e.MessageMatches, compiled)
	}
	return "", nil
}

// texts reads a text or an array of texts.
func texts(value any) ([]string, error) {
	switch value := value.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{value}, nil
	case []any:
		var list []string
		for _, item := range value {
			text, isText := item.(string)
			if !isText {
				return nil, errors.New("must be a text or an array of texts")
			}
			list = append(list, text)
		}
		return list, nil
	}
	return nil, errors.New("must be a text or an array of texts")
}

var errRange = errors.New("must be a number, or { min = …, max = … }")

// readRange reads 0.5 or { min = 0.4, max = 0.6 }.
func readRange(value any) (Range, error) {
	if number, isNumber := toNumber(value); isNumber {
		return Range{number, number}, nil
	}
	table, isTable := value.(map[string]any)
	low, hasLow := toNumber(table["min"])
	high, hasHigh := toNumber(table["max"])
	if !isTable || len(table) != 2 || !hasLow || !hasHigh {
		return Range{}, errRange
	}
	if low > high {
		return Range{}, errors.New("has a min above its max")
	}
	return Range{low, high}, nil
}

func toNumber(value any) (float64, bool) {
	switch value := value.(type) {
	case int64:
		return float64(value), true
	case float64:
		return value, value == value && value-value == 0
	}
	return 0, false
}
