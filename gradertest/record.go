package gradertest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/jobspec"
)

// recorded is an expect.toml as it is written, in the order of its keys.
type recorded struct {
	Score           any            `toml:"score,omitempty"`
	Gradable        *bool          `toml:"gradable,omitempty"`
	TimedOut        bool           `toml:"timed_out,omitempty"`
	Outcome         string         `toml:"outcome,omitempty"`
	MessageContains []string       `toml:"message_contains,omitempty"`
	MessageMatches  []string       `toml:"message_matches,omitempty"`
	MaxSeconds      float64        `toml:"max_seconds,omitempty"`
	Points          map[string]any `toml:"points,omitempty"`
}

// Record writes the sample's expect.toml anew: what came of it is from now on expected. Of the former expectation (nil if there was
// none) ranges, messages and the time are kept where they hold; comments before the first key are kept.
func (c *Case) Record(former *Expectation, report *jobspec.Report) error {
	text, err := toml.Marshal(record(former, report))
	if err != nil {
		return fmt.Errorf("write the expectation of %s: %w", c, err)
	}
	name := c.ExpectFile()
	before, _ := os.ReadFile(name) //nolint:gosec // a sample of the user's own course
	temporary := name + ".new"
	if err := os.WriteFile(temporary, append(comments(before), text...), 0o644); err != nil { //nolint:gosec // a course's files are for all its staff
		return fmt.Errorf("write the expectation of %s: %w", c, err)
	}
	return os.Rename(temporary, name)
}

func record(former *Expectation, report *jobspec.Report) *recorded {
	if former == nil {
		former = &Expectation{}
	}
	results := desk.ReadResults(report)
	r := &recorded{Points: map[string]any{}}
	r.keepMessages(former, report, results)
	switch {
	case report.Outcome == jobspec.TimedOut:
		r.TimedOut = true
		return r
	case report.Outcome != jobspec.Graded:
		r.Outcome = string(report.Outcome)
		return r
	case results.Ungradable():
		no := false
		r.Gradable = &no
		return r
	}
	r.Score = kept(former.Score, results.Score)
	got := points(results)
	for _, name := range slices.Sorted(maps.Keys(got)) {
		var before *Range
		if was, there := former.Points[name]; there {
			before = &was
		}
		r.Points[name] = kept(before, got[name])
	}
	return r
}

// kept is a range that still holds, else the number.
func kept(before *Range, number float64) any {
	if before != nil && before.Min < before.Max && before.holds(number) {
		return map[string]float64{"min": before.Min, "max": before.Max}
	}
	return round(number)
}

// round takes off what a float has more than people write.
func round(number float64) float64 {
	const digits = 1e6
	return float64(int64(number*digits+0.5)) / digits
}

func (r *recorded) keepMessages(former *Expectation, report *jobspec.Report, results *desk.Results) {
	told := messages(report, results)
	for _, text := range former.MessageContains {
		if strings.Contains(told, text) {
			r.MessageContains = append(r.MessageContains, text)
		}
	}
	for _, pattern := range former.MessageMatches {
		if pattern.MatchString(told) {
			r.MessageMatches = append(r.MessageMatches, pattern.String())
		}
	}
	if former.MaxSeconds > 0 && Ran(report).Seconds() <= former.MaxSeconds {
		r.MaxSeconds = former.MaxSeconds
	}
}

// comments are the lines before the first key.
func comments(text []byte) []byte {
	var head []byte
	for line := range bytes.Lines(text) {
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 && trimmed[0] != '#' {
			break
		}
		head = append(head, line...)
	}
	return head
}

// Add makes a sample of a question from files as a student would hand them in, without an expectation yet. It refuses names that are taken.
func Add(question, name string, files []string) (*Case, error) {
	if name != filepath.Base(name) || !filepath.IsLocal(name) || strings.HasPrefix(name, ".") {
		return nil, fmt.Errorf("%q cannot be a sample's name: it becomes a folder's", name)
	}
	submission, err := desk.ReadSubmission(files...)
	if err != nil {
		return nil, err
	}
	if len(submission.Files) == 0 {
		return nil, fmt.Errorf("a sample needs files: name what the student hands in")
	}
	c := &Case{Question: question, Name: name}
	if err := os.MkdirAll(filepath.Dir(c.Folder()), 0o755); err != nil { //nolint:gosec // a course's files are for all its staff
		return nil, err
	}
	if err := os.Mkdir(c.Folder(), 0o755); err != nil { //nolint:gosec // see above
		return nil, fmt.Errorf("the sample %s: %w", name, err)
	}
	for _, file := range submission.Files {
		target := filepath.Join(c.Folder(), filepath.FromSlash(file.Name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil { //nolint:gosec // see above
			return nil, err
		}
		if err := os.WriteFile(target, file.Contents, 0o644); err != nil { //nolint:gosec // see above
			return nil, err
		}
	}
	return c, nil
}
