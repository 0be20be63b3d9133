package sqsqueue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/slashgrade/slashgrade/jobspec"
)

// MaxInline is the size of the largest event, all of its body in bytes, that carries its Report. PrairieLearn's own host counts the
// UTF-16 code units of the result alone and so can exceed the 256 KiB that a message of SQS may have; this cannot.
const MaxInline = 250 * 1024

// event is what the platform reads. The order of the fields is that of PrairieLearn's own host.
type event struct {
	JobID string `json:"jobId"`
	Event string `json:"event"`
	Data  any    `json:"data,omitempty"`
}

type receivedData struct {
	ReceivedTime string `json:"receivedTime"`
}

func receivedEvent(job *jobspec.Job) (string, error) {
	return encode(event{JobID: job.ID, Event: "job_received", Data: receivedData{jobspec.FormatTime(job.ReceivedAt)}})
}

// resultEvent leaves the report out where it is too long for a message.
func resultEvent(job *jobspec.Job, r *jobspec.Report) (string, error) {
	e := event{JobID: job.ID, Event: "grading_result", Data: r}
	body, err := encode(e)
	if err != nil || len(body) <= MaxInline {
		return body, err
	}
	e.Data = nil
	return encode(e)
}

func encode(e event) (string, error) {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // six bytes for each < of a report are no use on a queue
	if err := encoder.Encode(e); err != nil {
		return "", fmt.Errorf("encode the event: %w", err)
	}
	return sendable(strings.TrimSuffix(body.String(), "\n")), nil
}

// sendable changes what SQS refuses in a body, and would refuse for ever, although it is JSON: U+FFFE and U+FFFF become
// escapes (in JSON they can only stand within strings) and bytes that are not UTF-8 become U+FFFD. A student's output can hold any.
func sendable(body string) string {
	body = strings.ToValidUTF8(body, "\uFFFD")
	return strings.NewReplacer("\uFFFE", `\ufffe`, "\uFFFF", `\uffff`).Replace(body)
}
