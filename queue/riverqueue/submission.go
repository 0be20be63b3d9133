package riverqueue

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/slashgrade/slashgrade/jobspec"
)

// storedJob is a job in its row. Names are part of the file's format: rows outlive the program that wrote them.
type storedJob struct {
	Image            string             `json:"image"`
	Entrypoint       []string           `json:"entrypoint"`
	Timeout          time.Duration      `json:"timeout_ns"`
	EnableNetworking bool               `json:"enable_networking"`
	Environment      map[string]*string `json:"environment"`
	Bucket           string             `json:"bucket"`
	Root             string             `json:"root"`
	RequestedAt      time.Time          `json:"requested_at,omitzero"`
	Warnings         []string           `json:"warnings,omitempty"`
}

func encodeJob(id string, job *jobspec.Job) (string, error) {
	if err := checkText(id, job); err != nil {
		return "", err
	}
	document, err := json.Marshal(storedJob{
		Image: job.Image, Entrypoint: job.Entrypoint, Timeout: job.Timeout, EnableNetworking: job.EnableNetworking,
		Environment: job.Environment, Bucket: job.Files.Bucket, Root: job.Files.Root,
		RequestedAt: job.RequestedAt, Warnings: job.Warnings,
	})
	return string(document), err
}

// checkText refuses what JSON cannot hold: it would come back as something else.
func checkText(id string, job *jobspec.Job) error {
	texts := append([]string{id, job.Image, job.Files.Bucket, job.Files.Root}, job.Entrypoint...)
	texts = append(texts, job.Warnings...)
	for name, value := range job.Environment {
		texts = append(texts, name)
		if value != nil {
			texts = append(texts, *value)
		}
	}
	for _, text := range texts {
		if !utf8.ValidString(text) {
			return fmt.Errorf("the text %q is not UTF-8, as every text of a job must be", text)
		}
	}
	return nil
}

func decodeJob(document string, job *jobspec.Job) error {
	var stored storedJob
	if err := json.Unmarshal([]byte(document), &stored); err != nil {
		return err
	}
	job.Image, job.Entrypoint, job.Timeout = stored.Image, stored.Entrypoint, stored.Timeout
	job.EnableNetworking, job.Environment = stored.EnableNetworking, stored.Environment
	job.Files = jobspec.Location{Bucket: stored.Bucket, Root: stored.Root}
	job.RequestedAt, job.Warnings = stored.RequestedAt, stored.Warnings
	return nil
}

func insertSubmission(ctx context.Context, tx *sql.Tx, id, document string) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO submission (job_id, delivery_id, job, submitted_at) VALUES (?, ?, ?, ?)",
		id, NewID(), document, time.Now().UnixMilli())
	if failure := (*sqlite.Error)(nil); errors.As(err, &failure) && failure.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY {
		return ErrDuplicate
	}
	return err
}

// submission is a row.
type submission struct {
	job        *jobspec.Job
	malformed  error // why the rest of job could not be read
	deliveries int
	receivedAt time.Time
	runner     string
	report     string
	gradedAt   time.Time
}

// submission reads the row of the job; ErrNotFound if there is none.
func (q *Queue) submission(ctx context.Context, id string) (*submission, error) {
	s := &submission{job: &jobspec.Job{ID: id}}
	var document string
	var submitted int64
	var received, graded sql.NullInt64
	var runner, report sql.NullString
	err := q.db.QueryRowContext(ctx, `
		SELECT delivery_id, job, submitted_at, deliveries, received_at, runner, report, graded_at
		FROM submission WHERE job_id = ?`, id,
	).Scan(&s.job.DeliveryID, &document, &submitted, &s.deliveries, &received, &runner, &report, &graded)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	s.malformed = decodeJob(document, s.job)
	s.job.SubmittedAt, s.receivedAt, s.gradedAt = fromMillis(submitted), optionalTime(received), optionalTime(graded)
	s.runner, s.report = runner.String, report.String
	return s, nil
}

// markReceived notes a delivery and returns how many there were, this one included.
func (q *Queue) markReceived(ctx context.Context, id, runner string, at time.Time) (deliveries int, err error) {
	err = q.db.QueryRowContext(ctx, `
		UPDATE submission SET deliveries = deliveries + 1, received_at = ?, runner = ? WHERE job_id = ? RETURNING deliveries`,
		at.UnixMilli(), runner, id,
	).Scan(&deliveries)
	return deliveries, err
}

func optionalTime(ms sql.NullInt64) time.Time {
	if !ms.Valid {
		return time.Time{}
	}
	return fromMillis(ms.Int64)
}

func fromMillis(ms int64) time.Time {
	return time.UnixMilli(ms).UTC()
}
