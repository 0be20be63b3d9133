package jobspec

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/slashgrade/slashgrade/schemas"
)

// Outcome says in one word how a job ended. The list is closed.
type Outcome string

// The outcomes. Only Graded has results; all others are failures that use up no attempt of the student.
const (
	// Graded is a job whose results were read and are valid.
	Graded Outcome = "graded"
	// TimedOut is a job that was ended at its time limit.
	TimedOut Outcome = "timed_out"
	// OutOfMemory is a job that failed because its container reached the memory limit.
	OutOfMemory Outcome = "out_of_memory"
	// OutOfDisk is a job that was ended because it wrote more than its container may hold.
	OutOfDisk Outcome = "out_of_disk"
	// Killed is a job whose entrypoint was ended by a signal.
	Killed Outcome = "killed"
	// ExitStatus is a job whose entrypoint ended with a status other than 0.
	ExitStatus Outcome = "exit_status"
	// NotStarted is a job whose entrypoint could not be started: missing, not executable, of another architecture.
	NotStarted Outcome = "not_started"
	// GuestLost is a job whose container ended without an end of its own, for a reason that could not be found out.
	GuestLost Outcome = "guest_lost"
	// NoResults is a job that ended well but left no results that could be read.
	NoResults Outcome = "no_results"
	// ResultsTooLarge is a job whose results exceed 1 MiB.
	ResultsTooLarge Outcome = "results_too_large"
	// ResultsUnparsable is a job whose results are not JSON.
	ResultsUnparsable Outcome = "results_unparsable"
	// ResultsInvalid is a job whose results are JSON but break the schema.
	ResultsInvalid Outcome = "results_invalid"
	// PullFailed is a job whose image cannot be had.
	PullFailed Outcome = "pull_failed"
	// FilesFailed is a job whose archive cannot be had or unpacked.
	FilesFailed Outcome = "files_failed"
	// JobInvalid is a job whose message can never be graded.
	JobInvalid Outcome = "job_invalid"
)

// Report is what came of a job. Its JSON is a superset of the result object that PrairieLearn reads: job_id, received_time,
// start_time, end_time, succeeded, timedOut, message and results.
type Report struct {
	JobID        string `json:"job_id"`
	ReceivedTime string `json:"received_time,omitempty"` // grading_received_at under PrairieLearn's name
	StartTime    string `json:"start_time,omitempty"`    // grading_started_at under PrairieLearn's name
	TimedOut     bool   `json:"timedOut,omitempty"`
	EndTime      string `json:"end_time,omitempty"` // grading_finished_at under PrairieLearn's name
	// Succeeded is false when there is nothing to grade; PrairieLearn then counts no attempt.
	Succeeded bool `json:"succeeded"`
	// Results is the grader's results.json after validation. The four bytes null stand where the entrypoint failed or was ended;
	// it is absent on all other failures, as in PrairieLearn's own host.
	Results json.RawMessage `json:"results,omitempty"`
	// Message is for the student, where Succeeded is false.
	Message string `json:"message,omitempty"`

	Outcome Outcome `json:"outcome"`
	// Problems are what is wrong with results.json or the message, at most schemas.MaxShown; ProblemCount says how many there are.
	Problems     []schemas.Violation `json:"problems,omitempty"`
	ProblemCount int                 `json:"problem_count,omitempty"`
	// Warnings are what course staff should mend although the job was graded.
	Warnings []string `json:"warnings,omitempty"`
	// Image is what ran: the image as asked for and its repository digest, else its ID.
	Image *ImageRef `json:"image,omitempty"`
	// Exit is how the entrypoint ended; nil where it did not run.
	Exit *Exit `json:"exit,omitempty"`

	Timestamps Timestamps `json:"timestamps"`
	// ClockSkewMS says by how many milliseconds a platform's stamp was ahead of the runner's clock and was lowered.
	ClockSkewMS int64 `json:"clock_skew_ms,omitempty"`
	// DeliveryID is the delivery that this report answers. A second delivery of it is answered from the stored report.
	DeliveryID string `json:"delivery_id,omitempty"`
	// Runner names the program that graded: its version and the runner's stable id.
	Runner string `json:"runner,omitempty"`
}

// ImageRef names an image twice.
type ImageRef struct {
	Name   string `json:"name"`             // as the job asked for it
	Digest string `json:"digest,omitempty"` // repository@sha256:…, else the image ID sha256:…
}

// Exit is how an entrypoint ended.
type Exit struct {
	Status int    `json:"status"`           // 0 to 255; 128 plus the signal's number where a signal ended it
	Signal string `json:"signal,omitempty"` // for example SIGKILL
	// OutOfMemory says that the kernel ended a process of the job for memory, the entrypoint or a child of it.
	OutOfMemory bool `json:"out_of_memory,omitempty"`
}

// Stamp settles the timestamps and copies them to the names under which PrairieLearn reads them.
func (r *Report) Stamp(t Timestamps) {
	skew := t.Settle()
	r.Timestamps, r.ClockSkewMS = t, skew.Milliseconds()
	if !t.ReceivedAt.IsZero() {
		r.ReceivedTime = FormatTime(t.ReceivedAt)
	}
	if !t.StartedAt.IsZero() {
		r.StartTime = FormatTime(t.StartedAt)
	}
	if !t.FinishedAt.IsZero() {
		r.EndTime = FormatTime(t.FinishedAt)
	}
}

// maxIndented is the longest report that Encode indents. Results of 1 MiB that nest 1,000 levels deep would have a gigabyte.
const maxIndented = 8 << 20

// Encode writes the report as JSON, indented by indent ("" is compact). A report that would exceed 8 MiB with its indentation is written
// without. Nothing is escaped that JSON does not demand: as \u003c each < would take six bytes of a message that is limited.
func (r *Report) Encode(indent string) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r); err != nil {
		return nil, fmt.Errorf("encode the report of job %s: %w", r.JobID, err)
	}
	compact := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	if indent == "" || indentedSize(compact, len(indent)) > maxIndented {
		return compact, nil
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, compact, "", indent); err != nil {
		return nil, fmt.Errorf("indent the report of job %s: %w", r.JobID, err)
	}
	return indented.Bytes(), nil
}

// indentedSize is about how long compact JSON becomes when each level is indented by step bytes.
func indentedSize(compact []byte, step int) int {
	size, depth, inString := len(compact), 0, false
	for i := 0; i < len(compact); i++ {
		switch c := compact[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
			size += 1 + depth*step
		case c == '}' || c == ']':
			depth--
			size += 1 + depth*step
		case c == ',':
			size += 1 + depth*step
		}
	}
	return size
}
