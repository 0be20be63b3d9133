package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
)

// staff shows what a student does not see: how the job ended, the image, the phases, what it took of its limits, and its log.
func (t *terminal) staff(s *submitted, grading *runner.Grading) {
	t.line("\n  for staff")
	t.row("outcome", endOf(s.report))
	if image := s.report.Image; image != nil {
		t.row("image", image.Name)
		t.indented("  ", image.Digest) // 71 characters, and 80 are a narrow terminal
	}
	for i, phase := range s.report.Timestamps.Spans() {
		t.row(first("phases", i), fmt.Sprintf("%-8s %s", phase.Name, milliseconds(phase.Took)))
	}
	for i, limit := range limitsOf(s, grading) {
		t.row(first("limits", i), limit)
	}
	t.line("  log")
	for line := range logMessages(grading.Log.Reader()) {
		t.indented(t.colour(grey, "│ "), line)
	}
}

func (t *terminal) row(name, value string) {
	if value != "" {
		t.indented("", fmt.Sprintf("%-9s %s", name, value))
	}
}

// first is the name for the first of several rows.
func first(name string, i int) string {
	if i == 0 {
		return name
	}
	return ""
}

func endOf(report *jobspec.Report) string {
	text := string(report.Outcome)
	if report.Exit != nil {
		text += fmt.Sprintf(", exit status %d", report.Exit.Status)
		if report.Exit.Signal != "" {
			text += " by " + report.Exit.Signal
		}
	}
	return text
}

func milliseconds(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

// limitsOf says what a job took of what it was given, and marks what it reached.
func limitsOf(s *submitted, grading *runner.Grading) []string {
	limits := []string{"time     " + jobspec.FormatSeconds(s.job.Timeout) + " s" + reached(s.report.TimedOut)}
	usage, profile := grading.Usage, grading.Profile
	if usage == nil || profile == nil {
		return limits
	}
	out := s.report.Exit != nil && s.report.Exit.OutOfMemory
	return append(limits,
		fmt.Sprintf("memory   %d of %d MiB%s", usage.MemoryPeak>>20, profile.MemoryBytes>>20, reached(out)),
		fmt.Sprintf("/grade   %d of %d MiB, %d of %d entries", usage.GradeBytes>>20, profile.GradeBytes>>20, usage.GradeInodes, profile.GradeInodes),
		fmt.Sprintf("output   %d of %d KiB%s", usage.Output>>10, runner.MaxLog>>10, reached(usage.Output > runner.MaxLog)),
	)
}

func reached(yes bool) string { //nolint:revive // it words a fact
	if yes {
		return "  ← reached"
	}
	return ""
}

// logMessages are the messages of a job's log, without their times.
func logMessages(log io.Reader) func(func(string) bool) {
	return func(yield func(string) bool) {
		lines := bufio.NewScanner(log)
		lines.Buffer(nil, 2*runner.MaxLog)
		for lines.Scan() {
			var line struct{ Message string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && !yield(strings.TrimRight(line.Message, "\n")) {
				return
			}
		}
	}
}

// jsonWithLog prints one job's report and its log on one line.
func (t *terminal) jsonWithLog(s *submitted, grading *runner.Grading) error {
	var log []string
	for line := range logMessages(grading.Log.Reader()) {
		log = append(log, line)
	}
	return json.NewEncoder(t.stdout).Encode(struct {
		Submission string          `json:"submission"`
		Report     *jobspec.Report `json:"report"`
		Log        []string        `json:"log"`
	}{s.name, s.report, log})
}
