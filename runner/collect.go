package runner

import (
	"errors"
	"fmt"
	"strings"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
	"github.com/slashgrade/slashgrade/schemas"
)

// null stands for results that are not read: PrairieLearn's own host sends it after a time-out and an exit status other than 0.
const null = "null"

// collect turns the end of a job into its report, and returns why there is no grade if there is none.
func (a *attempt) collect(ending *sandbox.Ending) *failure {
	switch {
	case ending.NotStarted != "": // results are absent, as on PrairieLearn's own host when the engine cannot start it
		return notStarted(ending.NotStarted)
	case ending.Lost:
		return a.collectLost(ending)
	default:
		return a.collectEnded(ending)
	}
}

// collectLost is about a container that went away by itself.
func (a *attempt) collectLost(ending *sandbox.Ending) *failure {
	a.report.Results = []byte(null)
	a.grading.unfilled = true // /grade was in its memory
	a.grading.Log.Finish(0)
	switch {
	case ending.Overdue:
		a.report.TimedOut = true
		return timedOut(a.timeout, "The container did not end the job in time; the runner did")
	case ending.State.OutOfMemory:
		a.report.Exit = &jobspec.Exit{Status: ending.State.ExitStatus, OutOfMemory: true}
		return outOfMemory(a.profile.MemoryBytes, "The container's memory was full and the kernel ended it")
	default:
		return guestLost(ending.State.ExitStatus)
	}
}

func (a *attempt) collectEnded(ending *sandbox.Ending) *failure {
	ended := ending.Ended
	a.report.Exit = &jobspec.Exit{Status: ended.Status, Signal: signalName(ended.Signal), OutOfMemory: ended.OutOfMemory}
	a.grading.Log.Finish(ended.Output)
	a.grading.Usage = &Usage{
		MemoryPeak: ended.MemoryPeak, GradeBytes: ended.GradeBytes, GradeInodes: ended.GradeInodes, Output: ended.Output,
	}
	a.grading.Log.Info(fmt.Sprintf("The entrypoint ended with exit status %d after %.3f s; memory at most %d MiB, /grade %d MiB in %d inodes",
		ended.Status, ending.FinishedAt.Sub(ending.StartedAt).Seconds(), ended.MemoryPeak>>20, ended.GradeBytes>>20, ended.GradeInodes))
	if failed := a.badEnd(ended); failed != nil {
		a.report.Results = []byte(null)
		return failed
	}
	if ended.OutOfMemory {
		a.warn(fmt.Sprintf("The container's memory (%d MiB) was full and a process of the job was ended for it; the grade may be wrong.",
			a.profile.MemoryBytes>>20))
	}
	return a.readResults(ending)
}

// badEnd is why a job that ended like this has no grade, whatever it left in results.json.
func (a *attempt) badEnd(ended *guest.Ended) *failure {
	switch {
	case ended.TimedOut:
		a.report.TimedOut = true
		return timedOut(a.timeout, stderrDetail(ended))
	case ended.DiskFull:
		return outOfDisk(a.profile.DiskBytes)
	case ended.Survivors:
		return survivors()
	case ended.Status == 0:
		return nil
	case ended.OutOfMemory:
		return outOfMemory(a.profile.MemoryBytes, stderrDetail(ended))
	case ended.Signal != 0:
		return killed(signalName(ended.Signal), stderrDetail(ended))
	default:
		return exitStatus(ended.Status, stderrDetail(ended))
	}
}

func stderrDetail(ended *guest.Ended) string {
	tail := strings.TrimSpace(ended.StderrTail)
	if tail == "" {
		return "The job wrote nothing to stderr"
	}
	return "The end of stderr: " + tail
}

// readResults checks results.json and puts it into the report.
func (a *attempt) readResults(ending *sandbox.Ending) *failure {
	switch ending.ResultsEnd.State {
	case guest.ResultsRead:
		return a.checkResults(ending.Results)
	case guest.ResultsTooLarge:
		return resultsTooLarge(ending.ResultsEnd.Size)
	default:
		return noResults(ending.ResultsEnd.Reason)
	}
}

func (a *attempt) checkResults(data []byte) *failure {
	document, err := schemas.Decode(data)
	if err != nil {
		return resultsUnparsable(err)
	}
	warnings, err := schemas.ValidateResults(document.Value)
	if invalid, ok := errors.AsType[*schemas.Invalid](err); ok {
		a.report.Problems, a.report.ProblemCount = invalid.Violations, invalid.Total
		return resultsInvalid(invalid)
	}
	if err != nil {
		return resultsUnparsable(err)
	}
	results, err := document.JSON()
	if err != nil {
		return resultsUnparsable(err)
	}
	for _, warning := range append(document.Warnings, warnings...) {
		a.warn(warning)
	}
	a.report.Succeeded, a.report.Outcome, a.report.Results = true, jobspec.Graded, results
	return nil
}
