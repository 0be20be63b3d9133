package main

import (
	"fmt"
	"strings"
	"sync"

	"github.com/slashgrade/slashgrade/gradertest"
)

// testProgress shows samples as they come out: failures at once, and on a terminal a bar below them, elsewhere a line for each sample.
type testProgress struct {
	mu        sync.Mutex
	out       *terminal
	bar       bool // false where stderr is no terminal
	done, all int
	failed    int
}

// barWidth leaves room for the figures beside it in 80 columns.
const barWidth = 40

func (t *terminal) testProgress(all int) *testProgress {
	p := &testProgress{out: t, all: all, bar: isTerminal(t.stderr)}
	p.draw()
	return p
}

// one shows a sample that came out; told is false where stdout is for programs.
func (p *testProgress) one(r *gradertest.Result, told bool) { //nolint:revive // stdout belongs to somebody else then
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	if !r.Passed() {
		p.failed++
	}
	p.clear()
	if told && (!p.bar || !r.Passed() || r.Updated) {
		p.out.testResult(r)
	}
	p.draw()
}

func (p *testProgress) draw() {
	if !p.bar {
		return
	}
	text := fmt.Sprintf("%d of %d", p.done, p.all)
	if p.failed > 0 {
		text += ", " + p.out.colour(red, fmt.Sprintf("%d failed", p.failed))
	}
	full := barWidth * p.done / max(1, p.all)
	_, _ = fmt.Fprintf(p.out.stderr, "%s%s %s", p.out.colour(green, strings.Repeat("█", full)), p.out.colour(grey, strings.Repeat("░", barWidth-full)), text)
}

func (p *testProgress) clear() {
	if p.bar {
		_, _ = fmt.Fprint(p.out.stderr, "\r\033[K")
	}
}

func (p *testProgress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

// testResult shows one sample: a line, and below it what differs.
func (t *terminal) testResult(r *gradertest.Result) {
	word, note := t.colour(green, "ok  "), fmt.Sprintf("%.1f s", r.Took.Seconds())
	switch {
	case r.Cached:
		note = "not changed"
	case r.Updated:
		note = "recorded in " + r.ExpectFile()
	}
	if !r.Passed() {
		word = t.colour(red, "FAIL")
	}
	t.hanging(word+"  ", oneLine(r.String())+"  "+t.colour(grey, oneLine(note)))
	if r.Err != nil {
		t.indented("    ", r.Err.Error())
	}
	for _, d := range r.Differences {
		t.hanging("      ", oneLine(d.What))
		t.hanging("        "+t.colour(green, "expected")+" ", oneLine(d.Want))
		t.hanging("        "+t.colour(red, "got")+"      ", oneLine(d.Got))
	}
	if len(r.Differences) > 0 {
		t.warnings(r.Report)
	}
}

func (t *terminal) testSummary(s *gradertest.Summary) {
	parts := []string{fmt.Sprintf("%d passed", s.Passed)}
	if s.Cached > 0 {
		parts[0] += fmt.Sprintf(" (%d of them not changed)", s.Cached)
	}
	if s.Failed > 0 {
		parts = append(parts, t.colour(red, fmt.Sprintf("%d failed", s.Failed)))
	}
	if s.Broken > 0 {
		parts = append(parts, t.colour(red, fmt.Sprintf("%d could not be graded", s.Broken)))
	}
	t.line("%s in %.1f s", strings.Join(parts, ", "), s.Seconds)
}
