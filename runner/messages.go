package runner

import (
	"fmt"
	"strings"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/schemas"
)

// The messages of this file are what a student reads in place of a grade. Where PrairieLearn's own host has a message, it is that one
// to the letter: courses look for it. A detail is for staff and stands in the log only.

// contactStaff ends the messages about what a student can do nothing about.
const contactStaff = " If the problem persists, please contact course staff."

func timedOut(limit time.Duration, detail string) *failure {
	return &failure{
		outcome: jobspec.TimedOut, detail: detail,
		message: "Your grading job did not complete within the time limit of " + jobspec.FormatSeconds(limit) +
			" seconds.\nPlease fix your code before submitting again.",
	}
}

// setupFailure joins what failed, as PrairieLearn's own host does.
func setupFailure(image string, pull, files error) *failure {
	f := &failure{outcome: jobspec.FilesFailed}
	var messages, details []string
	if pull != nil {
		f.outcome = jobspec.PullFailed
		messages = append(messages, "Could not pull Docker image "+image+".")
		details = append(details, "The image: "+pull.Error())
	}
	if files != nil {
		messages = append(messages, "Could not initialize files for grading.")
		details = append(details, "The files: "+files.Error())
	}
	f.message, f.detail = strings.Join(messages, "\n"), strings.Join(details, "; ")
	return f
}

func noNetwork(err error) *failure {
	return &failure{
		outcome: jobspec.JobInvalid, detail: "The network: " + err.Error(),
		message: "Your submission could not be graded because the question asks for network access, which this grading host does not give. " +
			"Please contact course staff.",
	}
}

func notStarted(reason string) *failure {
	return &failure{
		outcome: jobspec.NotStarted,
		message: "The grading program could not be started: " + reason + ". Please contact course staff.",
	}
}

func outOfMemory(limit int64, detail string) *failure {
	return &failure{
		outcome: jobspec.OutOfMemory, detail: detail,
		message: fmt.Sprintf("Your grading job ran out of memory: it may use %d MiB. "+
			"Please check your code for data that grows without end before submitting again.", limit>>20),
	}
}

func outOfDisk(limit int64) *failure {
	return &failure{
		outcome: jobspec.OutOfDisk,
		message: fmt.Sprintf("Your grading job wrote more than the %d MiB that it may write to disk, and was ended. "+
			"Please check your code for files that grow without end before submitting again.", limit>>20),
	}
}

func killed(signal, detail string) *failure {
	return &failure{
		outcome: jobspec.Killed, detail: detail,
		message: "The grading program was ended by the signal " + signal + " before it could finish." + contactStaff,
	}
}

func exitStatus(status int, detail string) *failure {
	return &failure{
		outcome: jobspec.ExitStatus, detail: detail,
		message: fmt.Sprintf("The grading program ended with exit status %d, so its results were not read.", status) + contactStaff,
	}
}

func guestLost(status int) *failure {
	return &failure{
		outcome: jobspec.GuestLost,
		message: "Your grading job was ended from inside its container before it could finish. " +
			"Please check your code for anything that ends other processes before submitting again." + contactStaff,
		detail: fmt.Sprintf("The container ended with status %d and without a word of its guest", status),
	}
}

func survivors() *failure {
	return &failure{
		outcome: jobspec.NoResults,
		message: "Your grading job left processes behind that could not be ended, so its results were not read." + contactStaff,
	}
}

func noResults(reason string) *failure {
	return &failure{
		outcome: jobspec.NoResults, message: "Could not read grading results.",
		detail: "The results: " + reason,
	}
}

func resultsTooLarge(size int64) *failure {
	return &failure{
		outcome: jobspec.ResultsTooLarge,
		message: "The grading results were larger than 1MB. If the problem persists, please contact course staff or a proctor.",
		detail:  fmt.Sprintf("results.json has %d bytes", size),
	}
}

func resultsUnparsable(err error) *failure {
	return &failure{
		outcome: jobspec.ResultsUnparsable, message: "Could not parse the grading results.",
		detail: "results.json: " + err.Error(),
	}
}

// resultsInvalid names the places: the grader's author reads it over the student's shoulder.
func resultsInvalid(invalid *schemas.Invalid) *failure {
	return &failure{
		outcome: jobspec.ResultsInvalid,
		message: "The grading results are not valid, so there is no grade. Please contact course staff and show them this: " + invalid.Error(),
	}
}

// Refused is the report of a job whose message can never be graded; reason is for course staff.
func Refused(job *jobspec.Job, reason string) *Grading {
	report := NewReport(job)
	report.Outcome = jobspec.JobInvalid
	report.Message = "Your submission could not be graded because the question is not set up correctly. " +
		"Please contact course staff and show them this: " + reason
	now := time.Now()
	times := Timestamps(job)
	times.StartedAt, times.FinishedAt = now, now
	report.Stamp(times)
	grading := NewGrading(report, nil)
	grading.Log.Error(report.Message)
	return grading
}

// signalName is SIGKILL for 9, "" for 0. The numbers are Linux's, whatever system the runner is on.
func signalName(signal int) string {
	names := [...]string{
		"", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV",
		"SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU",
		"SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
	}
	if signal >= 0 && signal < len(names) {
		return names[signal]
	}
	return fmt.Sprintf("signal %d", signal)
}
