package gradertest

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/jobspec"
)

// Difference is one thing that did not come out as expected.
type Difference struct {
	// What is the key of expect.toml, with the test's name for points.
	What string `json:"what"`
	Want string `json:"want"`
	Got  string `json:"got"`
}

// Compare returns how the report differs from the expectation, nothing if it keeps to it.
func (e *Expectation) Compare(report *jobspec.Report) []Difference {
	if report.Outcome != e.Outcome {
		got := string(report.Outcome)
		if report.Message != "" {
			got += ": " + report.Message
		}
		return []Difference{{"outcome", string(e.Outcome), got}}
	}
	results := desk.ReadResults(report)
	return slices.Concat(e.compareScore(results), e.comparePoints(results), e.compareMessages(report, results), e.compareTime(report))
}

func (e *Expectation) compareScore(results *desk.Results) []Difference {
	gradable := !results.Ungradable()
	switch {
	case e.Gradable != nil && *e.Gradable != gradable:
		return []Difference{{"gradable", strconv.FormatBool(*e.Gradable), strconv.FormatBool(gradable) + reason(results)}}
	case e.Score != nil && !gradable:
		return []Difference{{"score", e.Score.String(), "not gradable" + reason(results)}}
	case e.Score != nil && !e.Score.holds(results.Score):
		return []Difference{{"score", e.Score.String(), number(results.Score)}}
	}
	return nil
}

// reason is why a submission is not gradable, where the grader says so.
func reason(results *desk.Results) string {
	if len(results.FormatErrors) == 0 {
		return ""
	}
	return ": " + strings.TrimSpace(results.FormatErrors[0])
}

func number(n float64) string { return strconv.FormatFloat(n, 'g', 6, 64) }

func (e *Expectation) comparePoints(results *desk.Results) []Difference {
	got := points(results)
	var found []Difference
	for _, name := range slices.Sorted(maps.Keys(e.Points)) {
		want := e.Points[name]
		points, there := got[name]
		switch {
		case !there:
			found = append(found, Difference{"points of " + strconv.Quote(name), want.String(), "no such test with points"})
		case !want.holds(points):
			found = append(found, Difference{"points of " + strconv.Quote(name), want.String(), number(points)})
		}
	}
	return found
}

// points are those of the tests by name; of tests with one name they are added up.
func points(results *desk.Results) map[string]float64 {
	found := map[string]float64{}
	for i := range results.Tests {
		if test := &results.Tests[i]; test.Points != nil {
			found[test.Name] += *test.Points
		}
	}
	return found
}

func (e *Expectation) compareMessages(report *jobspec.Report, results *desk.Results) []Difference {
	told := messages(report, results)
	var found []Difference
	for _, text := range e.MessageContains {
		if !strings.Contains(told, text) {
			found = append(found, Difference{"message_contains", strconv.Quote(text), excerpt(told)})
		}
	}
	for _, pattern := range e.MessageMatches {
		if !pattern.MatchString(told) {
			found = append(found, Difference{"message_matches", pattern.String(), excerpt(told)})
		}
	}
	return found
}

// messages is all that the student is told, one text after the other.
func messages(report *jobspec.Report, results *desk.Results) string {
	told := slices.Concat([]string{report.Message, results.Message}, results.FormatErrors, []string{results.Output})
	for i := range results.Tests {
		told = append(told, results.Tests[i].Message, results.Tests[i].Output)
	}
	return strings.Join(slices.DeleteFunc(told, func(text string) bool { return text == "" }), "\n")
}

// excerpt is the beginning of a text, so that one difference stays on a screen.
func excerpt(text string) string {
	const most = 300
	if text == "" {
		return "no message at all"
	}
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strconv.Quote(text)
}

func (e *Expectation) compareTime(report *jobspec.Report) []Difference {
	if took := Ran(report).Seconds(); e.MaxSeconds > 0 && took > e.MaxSeconds {
		return []Difference{{"max_seconds", number(e.MaxSeconds), number(took)}}
	}
	return nil
}

// Ran is how long the grader ran, 0 if it did not.
func Ran(report *jobspec.Report) time.Duration {
	t := &report.Timestamps
	if t.StartedAt.IsZero() || t.FinishedAt.IsZero() {
		return 0
	}
	return t.FinishedAt.Sub(t.StartedAt)
}
