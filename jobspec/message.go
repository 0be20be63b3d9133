package jobspec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/slashgrade/slashgrade/schemas"
)

// message is the job message as PrairieLearn sends it, with its keys in its order; schemas/jobMessage.schema.json explains them.
type message struct {
	JobID            string             `json:"jobId"`
	Image            string             `json:"image"`
	Entrypoint       *string            `json:"entrypoint"`
	S3Bucket         string             `json:"s3Bucket"`
	S3RootKey        string             `json:"s3RootKey"`
	Timeout          float64            `json:"timeout"`
	EnableNetworking bool               `json:"enableNetworking"`
	Environment      map[string]*string `json:"environment"`
	// GradingRequestedAt is ours: PrairieLearn does not tell.
	GradingRequestedAt string `json:"gradingRequestedAt,omitempty"`
}

// MarshalMessage writes the job as PrairieLearn writes its message: compact JSON, the same keys in the same order, and
// gradingRequestedAt after them if the job has one.
func MarshalMessage(job *Job) ([]byte, error) {
	m := message{
		JobID: job.ID, Image: job.Image, S3Bucket: job.Files.Bucket, S3RootKey: job.Files.Root,
		Timeout: job.Timeout.Seconds(), EnableNetworking: job.EnableNetworking, Environment: job.Environment,
	}
	if m.Environment == nil {
		m.Environment = map[string]*string{}
	}
	if job.Entrypoint != nil {
		line := joinEntrypoint(job.Entrypoint)
		m.Entrypoint = &line
	}
	if !job.RequestedAt.IsZero() {
		m.GradingRequestedAt = FormatTime(job.RequestedAt)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(m); err != nil {
		return nil, fmt.Errorf("encode the message of job %q: %w", job.ID, err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// MessageError is why a message can never be graded.
type MessageError struct {
	// Job is what could be read of the job. Where its ID is not empty the job can be answered; Files may be empty all the same.
	Job *Job
	// Reason is one paragraph for course staff that names every place and rule.
	Reason string
	// Problems are the broken rules one by one, at most schemas.MaxShown; ProblemCount is how many there are. Both are empty where
	// the message is no JSON document.
	Problems     []schemas.Violation
	ProblemCount int
}

// Error is the reason.
func (e *MessageError) Error() string { return e.Reason }

// ParseMessage reads a job message. Unknown keys are ignored. A timeout above MaxTimeout is lowered to it with a warning. The error is
// a [*MessageError] with all that is wrong at once.
func ParseMessage(body []byte) (*Job, error) {
	return ParseMessageWithin(body, MaxTimeout)
}

// ParseMessageWithin is ParseMessage for an operator whose longest timeout is another.
func ParseMessageWithin(body []byte, maxTimeout time.Duration) (*Job, error) {
	if len(body) > MaxMessageBytes {
		reason := fmt.Sprintf("the job message has %d bytes; at most %d are allowed", len(body), MaxMessageBytes)
		return nil, &MessageError{Job: readableJob(body), Reason: reason}
	}
	document, err := schemas.Decode(body)
	if err != nil {
		return nil, &MessageError{Job: readableJob(body), Reason: "the job message is not JSON: " + err.Error()}
	}
	object, _ := document.Value.(map[string]any)
	job := &Job{Warnings: document.Warnings}
	violations := job.read(object, maxTimeout)
	err = schemas.Combine("the job message", schemas.ValidateJobMessage(document.Value), violations)
	var invalid *schemas.Invalid
	switch {
	case errors.As(err, &invalid):
		return nil, &MessageError{Job: job, Reason: invalid.Error(), Problems: invalid.Violations, ProblemCount: invalid.Total}
	case err != nil:
		return nil, &MessageError{Job: job, Reason: err.Error()}
	}
	return job, nil
}

// read takes what has the right type and returns the violations of rules that the schema does not know.
func (j *Job) read(object map[string]any, maxTimeout time.Duration) []schemas.Violation {
	var violations []schemas.Violation
	broken := func(key, rule string) {
		if rule != "" {
			violations = append(violations, schemas.Violation{
				Pointer: schemas.Pointer(key), Rule: rule, Found: schemas.Describe(object[key]),
			})
		}
	}
	id, _ := object["jobId"].(string)
	broken("jobId", j.readID(id))
	if image, isText := object["image"].(string); isText && image != "" {
		j.Image = image
		broken("image", imageRule(image))
	}
	if line, isText := object["entrypoint"].(string); isText && line != "" {
		words, rule := splitEntrypoint(line)
		j.Entrypoint = words
		broken("entrypoint", rule)
	}
	j.Files.Bucket, _ = object["s3Bucket"].(string)
	j.Files.Root, _ = object["s3RootKey"].(string)
	if seconds, isNumber := object["timeout"].(float64); isNumber && seconds > 0 {
		j.readTimeout(seconds, maxTimeout)
	}
	j.EnableNetworking, _ = object["enableNetworking"].(bool)
	environment, more := readEnvironment(object["environment"])
	j.Environment = environment
	j.readRequestedAt(object["gradingRequestedAt"])
	return append(violations, more...)
}

// readID takes an ID that can be answered: an empty or huge one names nothing.
func (j *Job) readID(id string) (rule string) {
	if len(id) > MaxIDBytes {
		return fmt.Sprintf("must have at most %d bytes", MaxIDBytes)
	}
	j.ID = id
	return ""
}

func (j *Job) readTimeout(seconds float64, limit time.Duration) {
	if seconds > limit.Seconds() {
		j.Timeout = limit
		j.Warnings = append(j.Warnings, fmt.Sprintf("the timeout of %s seconds is above the limit and was lowered to %s seconds",
			strconv.FormatFloat(seconds, 'g', -1, 64), FormatSeconds(limit)))
		return
	}
	// Less than a millisecond cannot be measured; it must not round to 0, which means no limit elsewhere.
	j.Timeout = max(time.Duration(math.Round(seconds*float64(time.Second))), time.Millisecond)
}

func (j *Job) readRequestedAt(value any) {
	if value == nil {
		return
	}
	text, _ := value.(string)
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		j.Warnings = append(j.Warnings, "gradingRequestedAt is left out: it must be a time in RFC 3339, found "+schemas.Describe(value))
		return
	}
	j.RequestedAt = at.UTC()
}

// FormatSeconds writes a job's time limit as students read it: seconds without needless digits, 30 or 2.5.
func FormatSeconds(d time.Duration) string {
	return strconv.FormatFloat(d.Seconds(), 'f', -1, 64)
}

// readableJob finds the job's name and files in a message that is no JSON document, as far as it can be read: a NaN as timeout, which
// Python's json module writes, must not leave the job without an answer.
func readableJob(body []byte) *Job {
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
	job := &Job{}
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return job
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return job
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return job
		}
		job.readText(key, value)
	}
	return job
}

// readText takes the value of one of the three keys that an answer needs, if it is text.
func (j *Job) readText(key json.Token, value json.RawMessage) {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return
	}
	text = strings.ReplaceAll(text, "\x00", `\u0000`)
	switch key {
	case "jobId":
		_ = j.readID(text)
	case "s3Bucket":
		j.Files.Bucket = text
	case "s3RootKey":
		j.Files.Root = text
	}
}
