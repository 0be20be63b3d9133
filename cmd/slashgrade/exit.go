package main

import (
	"fmt"
	"io"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/jobspec"
)

// The exit statuses. Help texts and docs/protocol.md list them too.
const (
	statusFull       = 0 // graded, with the full score
	statusFailed     = 1 // slashgrade could not do what it was asked to
	statusUsage      = 2 // the command line or the configuration is wrong
	statusPartial    = 3 // graded, with less than the full score
	statusUngradable = 4 // the grader says that the submission is not gradable
	statusNoGrade    = 5 // the job ended without a grade: time-out, exit status, invalid results, …
	statusFound      = 3 // check found errors or warnings
)

// exitError is an error with its exit status; err may be nil where everything has been said.
type exitError struct {
	status int
	err    error
}

// Error implements error.
func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.status)
	}
	return e.err.Error()
}

// Unwrap gives [errors.Is] and [errors.As] the cause.
func (e exitError) Unwrap() error { return e.err }

func usageError(err error) error { return exitError{statusUsage, err} }

// printError writes an error as the program writes all of them: its name, then what happened, then perhaps a hint on a line of its own.
func printError(w io.Writer, err error) {
	_, _ = fmt.Fprintf(w, "slashgrade: %v\n", err)
}

// reportStatus is the exit status that a report means.
func reportStatus(report *jobspec.Report) int {
	results := desk.ReadResults(report)
	switch {
	case !report.Succeeded:
		return statusNoGrade
	case results.Ungradable():
		return statusUngradable
	case results.Score >= 1:
		return statusFull
	default:
		return statusPartial
	}
}
