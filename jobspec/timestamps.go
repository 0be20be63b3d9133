package jobspec

import (
	"encoding/json"
	"fmt"
	"time"
)

// TimeFormat is how every timestamp is written: RFC 3339 in UTC with milliseconds, as PrairieLearn's grader host writes its own.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// Timestamps are the six instants of a job, in order. The spans between them are the phases submit, queue, prepare, run and report.
// A zero time is one that nobody gave; it is null in JSON and never invented.
type Timestamps struct {
	RequestedAt time.Time // the platform: the student asked for a grade
	SubmittedAt time.Time // the queue: the job entered it
	ReceivedAt  time.Time // the worker: it took the job
	StartedAt   time.Time // the guest: the entrypoint's first instant, on the host's clock
	FinishedAt  time.Time // the guest: the entrypoint's last instant, on the host's clock
	GradedAt    time.Time // the worker: the answer was accepted
}

// stamps lists the six with their names in JSON, in order.
func (t *Timestamps) stamps() []stamp {
	return []stamp{
		{"grading_requested_at", &t.RequestedAt},
		{"grading_submitted_at", &t.SubmittedAt},
		{"grading_received_at", &t.ReceivedAt},
		{"grading_started_at", &t.StartedAt},
		{"grading_finished_at", &t.FinishedAt},
		{"graded_at", &t.GradedAt},
	}
}

type stamp struct {
	name string
	at   *time.Time
}

// Settle puts the stamps in order, as they are promised: rounded to the millisecond in UTC, never decreasing, FinishedAt at
// least 1 ms after ReceivedAt (PrairieLearn bills that difference). Stamps of the platform that are later than ReceivedAt
// come from another clock: they are lowered to ReceivedAt, and the largest correction is returned (0 if there was none). Other stamps
// are raised to the one before.
func (t *Timestamps) Settle() (skew time.Duration) {
	for _, s := range t.stamps() {
		if !s.at.IsZero() {
			*s.at = s.at.UTC().Truncate(time.Millisecond)
		}
	}
	skew = t.lowerToReceived()
	if !t.FinishedAt.IsZero() && !t.ReceivedAt.IsZero() && t.FinishedAt.Sub(t.ReceivedAt) < time.Millisecond {
		t.FinishedAt = t.ReceivedAt.Add(time.Millisecond)
	}
	var latest time.Time
	for _, s := range t.stamps() {
		if s.at.IsZero() {
			continue
		}
		if s.at.Before(latest) {
			*s.at = latest
		}
		latest = *s.at
	}
	return skew
}

func (t *Timestamps) lowerToReceived() (skew time.Duration) {
	if t.ReceivedAt.IsZero() {
		return 0
	}
	for _, at := range []*time.Time{&t.RequestedAt, &t.SubmittedAt} {
		if ahead := at.Sub(t.ReceivedAt); !at.IsZero() && ahead > 0 {
			*at = t.ReceivedAt
			skew = max(skew, ahead)
		}
	}
	return skew
}

// MarshalJSON writes all stamps but GradedAt, which cannot stand in the answer that it times, unless it is set.
func (t Timestamps) MarshalJSON() ([]byte, error) {
	object := make(map[string]*string, 6)
	for _, s := range t.stamps() {
		switch {
		case !s.at.IsZero():
			text := FormatTime(*s.at)
			object[s.name] = &text
		case s.name != "graded_at":
			object[s.name] = nil
		}
	}
	return json.Marshal(object)
}

// UnmarshalJSON reads what MarshalJSON wrote. It refuses a stamp that is not RFC 3339.
func (t *Timestamps) UnmarshalJSON(data []byte) error {
	var object map[string]*time.Time
	if err := json.Unmarshal(data, &object); err != nil {
		return fmt.Errorf("read the timestamps: %w", err)
	}
	for _, s := range t.stamps() {
		*s.at = time.Time{}
		if at := object[s.name]; at != nil {
			*s.at = at.UTC()
		}
	}
	return nil
}

// FormatTime writes t as TimeFormat.
func FormatTime(t time.Time) string {
	return t.UTC().Format(TimeFormat)
}
