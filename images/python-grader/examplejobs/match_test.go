package examplejobs_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/jobspec"
)

// gap stands in an expected text for any text, also for none and for several lines: "Traceback … ZeroDivisionError: division by zero".
const gap = "…"

// compare holds a job's report to what is expected of it.
func (j *job) compare(t *testing.T, got *graded) {
	t.Helper()
	j.compareReport(t, got.Report)
	if j.expected.results != nil {
		results := decodeResults(t, got.Results)
		want := withLines("", j.expected.results)
		if diff := cmp.Diff(want, accept(want, results)); diff != "" {
			t.Errorf("the results differ (-want +got):\n%.6000s", diff)
		}
	}
	for _, line := range j.expected.log {
		if !strings.Contains(got.Log, line) {
			t.Errorf("the log lacks %q", line)
		}
	}
	if t.Failed() {
		t.Logf("the log:\n%.5000s", got.Log)
	}
}

// compareReport holds the report to what is expected of it; by default it is a grade without warnings.
func (j *job) compareReport(t *testing.T, report *jobspec.Report) {
	t.Helper()
	got := map[string]any{}
	if report.Outcome != jobspec.Graded {
		got["outcome"] = string(report.Outcome)
	}
	if report.Message != "" {
		got["message"] = report.Message
	}
	if len(report.Warnings) > 0 {
		got["warnings"] = anys(report.Warnings)
	}
	want := map[string]any{}
	if j.expected.report != nil {
		want, _ = withLines("", j.expected.report).(map[string]any)
	}
	if diff := cmp.Diff(want, accept(want, got)); diff != "" {
		t.Errorf("the report differs (-want +got):\n%s", diff)
	}
}

func anys(texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}

func decodeResults(t *testing.T, data json.RawMessage) any {
	t.Helper()
	var value any
	if data != nil {
		if err := json.Unmarshal(data, &value); err != nil {
			t.Fatalf("the results are not JSON: %v", err)
		}
	}
	return value
}

// withLines returns an expected value in which every message and output that is written as a list of lines is the text of these lines,
// each with its end.
func withLines(key string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		joined := map[string]any{}
		for name, part := range value {
			joined[name] = withLines(name, part)
		}
		return joined
	case []any:
		if key == "message" || key == "output" {
			return joinLines(value)
		}
		list := make([]any, len(value))
		for i, part := range value {
			list[i] = withLines("", part)
		}
		return list
	default:
		return value
	}
}

func joinLines(lines []any) string {
	var text strings.Builder
	for _, line := range lines {
		part, _ := line.(string)
		text.WriteString(part + "\n")
	}
	return text.String()
}

// accept returns got with every text that an expected text with gaps allows replaced by that one, so that the two can be compared.
func accept(want, got any) any {
	switch want := want.(type) {
	case string:
		if text, isText := got.(string); isText && matches(want, text) {
			return want
		}
	case map[string]any:
		if object, isObject := got.(map[string]any); isObject {
			accepted := map[string]any{}
			for name, part := range object {
				accepted[name] = accept(want[name], part)
			}
			return accepted
		}
	case []any:
		if list, isList := got.([]any); isList && len(list) == len(want) {
			accepted := make([]any, len(list))
			for i, part := range list {
				accepted[i] = accept(want[i], part)
			}
			return accepted
		}
	}
	return got
}

// matches says whether text is pattern with something in the place of each gap.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, gap)
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return text == pattern
	}
	if len(text) < len(first)+len(last) || !strings.HasPrefix(text, first) || !strings.HasSuffix(text, last) {
		return false
	}
	rest := text[len(first) : len(text)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return true
}

// The comparison of all jobs rests on matches.
func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"a", "a", true},
		{"a", "ab", false},
		{"…", "", true},
		{"a…", "a\nb", true},
		{"…b", "a\nb", true},
		{"…b", "ab\n", false},
		{"a…a", "a", false},
		{"a…b…c", "a-b-c", true},
		{"a…b…c", "a-c-b", false},
		{"a…b…b", "ab", false},
	} {
		if got := matches(c.pattern, c.text); got != c.want {
			t.Errorf("matches(%q, %q) is %v", c.pattern, c.text, got)
		}
	}
}
