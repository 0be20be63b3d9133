package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/charmbracelet/lipgloss"

	"github.com/slashgrade/slashgrade/gradertest"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/regrading"
)

// TestNarrowTerminal shows reports whose texts are all too long for 80 columns: each is broken below its own beginning, and none is lost.
func TestNarrowTerminal(t *testing.T) {
	const width = 80
	long := strings.TrimSpace(strings.Repeat("several words of this ", 6)) + " end"
	results, err := json.Marshal(map[string]any{
		"score": 0.5, "message": long, "output": long,
		"tests": []any{map[string]any{"name": long, "points": 1, "max_points": 2, "message": long, "output": long}},
	})
	if err != nil {
		t.Fatal(err)
	}
	report := &jobspec.Report{Succeeded: true, Outcome: jobspec.Graded, Results: results, Warnings: []string{long}}
	failed := &jobspec.Report{Outcome: jobspec.TimedOut, Message: long}
	shown := map[string]func(*terminal){
		"grade": func(out *terminal) {
			out.student(&submitted{name: "q", report: report})
			out.warnings(report)
		},
		"test": func(out *terminal) {
			out.testResult(&gradertest.Result{
				Case:        gradertest.Case{Question: "questions/q", Name: "sample"},
				Report:      report,
				Differences: []gradertest.Difference{{What: long, Want: long, Got: long}},
			})
		},
		"regrade": func(out *terminal) {
			out.regraded([]*regrading.Result{{Name: "student", Report: failed}}, true)
		},
	}
	for name, show := range shown {
		var text bytes.Buffer
		out := newTerminal(&text, &text)
		out.width = width
		show(out)
		for line := range strings.Lines(text.String()) {
			if got := lipgloss.Width(strings.TrimRight(line, "\n")); got > width {
				t.Errorf("%s: %d columns: %s", name, got, line)
			}
			if strings.HasPrefix(line, "words") || strings.HasPrefix(line, "several") {
				t.Errorf("%s: a line that goes on is not indented: %s", name, line)
			}
		}
		if name != "regrade" && !strings.Contains(text.String(), "end") {
			t.Errorf("%s: a text is cut:\n%s", name, &text)
		}
	}
}
