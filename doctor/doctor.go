// Package doctor looks whether a host has what grading needs, and says of each thing what was found and what to do. Nothing is taken
// on trust: limits are tried in a real container, rights by requests that change nothing.
package doctor

import (
	"context"
	"fmt"
	"time"
)

// Status is how bad a finding is.
type Status string

// The statuses.
const (
	// OK needs nothing.
	OK Status = "ok"
	// Warn works, and may not under load or for every job.
	Warn Status = "warn"
	// Fail must be mended before jobs can be graded.
	Fail Status = "fail"
)

// Finding is what one look found.
type Finding struct {
	// Name is what was looked at: one or two words, for example "engine" or "runtime runsc".
	Name string `json:"name"`
	// Status is how bad it is.
	Status Status `json:"status"`
	// Found is what there is, one line.
	Found string `json:"found"`
	// Advice is what to do; "" for OK.
	Advice string `json:"advice,omitempty"`
}

// Good is a finding that needs nothing.
func Good(name, format string, args ...any) Finding {
	return Finding{Name: name, Status: OK, Found: fmt.Sprintf(format, args...)}
}

// Poor is a warning with its advice.
func Poor(name, advice, format string, args ...any) Finding {
	return Finding{Name: name, Status: Warn, Found: fmt.Sprintf(format, args...), Advice: advice}
}

// Bad is a failure with its advice.
func Bad(name, advice, format string, args ...any) Finding {
	return Finding{Name: name, Status: Fail, Found: fmt.Sprintf(format, args...), Advice: advice}
}

// Check is one look. It may find several things, and bounds its own answer by ctx.
type Check struct {
	// Name stands for the check where it does not end in time.
	Name string
	// Limit is how long it may take.
	Limit time.Duration
	// Look looks.
	Look func(ctx context.Context) []Finding
}

// Run makes the checks one after the other, so that one does not disturb another's trial, and hands each finding on as it comes. A check
// that is not done in time fails and is left behind. The end of ctx ends the running check and leaves out the others: that is a failure.
func Run(ctx context.Context, checks []Check, show func(Finding)) (worst Status) {
	worst = OK
	for _, check := range checks {
		if ctx.Err() != nil {
			return Fail
		}
		for _, finding := range check.run(ctx) {
			show(finding)
			if finding.Status == Fail || finding.Status == Warn && worst == OK {
				worst = finding.Status
			}
		}
	}
	return worst
}

// leeway is how much longer than its limit a check is waited for: its own message is the better one.
const leeway = 2 * time.Second

func (c *Check) run(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, c.Limit)
	defer cancel()
	done := make(chan []Finding, 1)
	go func() { done <- c.Look(ctx) }()
	select {
	case found := <-done:
		return found
	case <-time.After(c.Limit + leeway):
		return []Finding{Bad(c.Name, "Look at what it needs: a part that does not answer fails jobs by their time limit.",
			"no answer within %s", c.Limit)}
	}
}
