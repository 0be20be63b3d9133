package localstack_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/slashgrade/slashgrade/internal/awstest"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/jobspec"
)

// bad is a job that cannot be graded, or is odd and can.
type bad struct {
	changes map[string]any // of the message
	body    string         // the whole message instead
	archive []byte         // nil is a good one; an empty one is not uploaded
	outcome string
	message string // what the student's message or the warnings must hold
}

func badJobs(t *testing.T) map[string]bad {
	t.Helper()
	good := pack(t, leave, testenv.Entry{Name: "student/random", Content: rand.Text()})
	timeout := func(value any) map[string]any { return map[string]any{"timeout": value} }
	return map[string]bad{
		"timeout-zero":     {changes: timeout(0), outcome: "job_invalid", message: "/timeout must be more than 0, found 0"},
		"timeout-negative": {changes: timeout(-5), outcome: "job_invalid", message: "/timeout must be more than 0, found -5"},
		"timeout-text":     {changes: timeout("30"), outcome: "job_invalid", message: `/timeout must be a number, found "30"`},
		"timeout-NaN": {
			body:    `{"jobId":"timeout-NaN","s3Bucket":"BUCKET","s3RootKey":"job_timeout-NaN","timeout":NaN}`,
			outcome: "job_invalid", message: "NaN and Infinity are not JSON",
		},
		"timeout-huge":     {changes: timeout(1e12), outcome: "graded", message: "lowered to 600 seconds"},
		"timeout-fraction": {changes: timeout(2.5), outcome: "graded"},
		"keys-missing": {
			changes: map[string]any{"image": nothing{}, "timeout": nothing{}}, outcome: "job_invalid",
			message: "/image must be present, found nothing; /timeout must be present, found nothing",
		},
		"image-option":       {changes: map[string]any{"image": "--privileged"}, outcome: "job_invalid", message: "/image must be an image's name"},
		"image-unknown":      {changes: map[string]any{"image": "127.0.0.1:1/none"}, outcome: "pull_failed", message: "Could not pull Docker image 127.0.0.1:1/none."},
		"environment-null":   {changes: map[string]any{"environment": map[string]any{"A": nil}}, outcome: "graded"},
		"archive-missing":    {archive: []byte{}, outcome: "files_failed", message: "Could not initialize files for grading."},
		"archive-elsewhere":  {changes: map[string]any{"s3RootKey": "../../job?x y"}, outcome: "files_failed", message: "Could not initialize files"},
		"bucket-missing":     {changes: map[string]any{"s3Bucket": "slashgrade-none-" + strings.ToLower(rand.Text())}, outcome: "files_failed"},
		"archive-not-gzip":   {archive: []byte("<Error>NoSuchKey</Error>"), outcome: "files_failed", message: "Could not initialize files"},
		"archive-truncated":  {archive: good[:len(good)/2], outcome: "files_failed", message: "Could not initialize files"},
		"archive-traversal":  {archive: testenv.Archive(t, testenv.Entry{Name: "../../x", Content: "x"}), outcome: "files_failed"},
		"entrypoint-quotes":  {changes: map[string]any{"entrypoint": "/grade/tests/run.sh 'a"}, outcome: "job_invalid", message: "/entrypoint must close its quotes"},
		"entrypoint-missing": {changes: map[string]any{"entrypoint": "/grade/none"}, outcome: "not_started", message: `there is no file "/grade/none"`},
	}
}

// A message that names its job is answered at once, whatever is wrong with it, and the next good job is graded.
func TestBadMessages(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	jobs := badJobs(t)
	for id, job := range jobs {
		switch {
		case job.archive == nil:
			s.upload(t, id, pack(t, leave))
		case len(job.archive) > 0:
			s.upload(t, id, job.archive)
		}
		body := job.body
		if body == "" {
			body = s.message(t, id, job.changes)
		}
		s.send(t, strings.ReplaceAll(body, "BUCKET", s.bucket))
	}
	s.submit(t, "good", leave)
	srv := s.serve(t, "sqs.visibility_timeout=30s", "runner.concurrency=2")
	results := s.answers(t, len(jobs)+1)
	for id, job := range jobs {
		checkBad(t, id, &job, results[id])
	}
	if e := results["good"]; len(e) != 1 || readReport(t, e[0].Data).Outcome != "graded" {
		t.Errorf("the good job was answered so: %v", e)
	}
	s.wantLeft(t, "0")
	if n := srv.logged("job failed on our side"); n > 0 {
		t.Errorf("%d jobs failed on our side", n)
	}
}

func checkBad(t *testing.T, id string, job *bad, events []*event) {
	t.Helper()
	if len(events) != 1 {
		t.Errorf("job %s has %d answers, want one", id, len(events))
		return
	}
	r := readReport(t, events[0].Data)
	if r.Outcome != job.outcome || r.Succeeded != (job.outcome == "graded") {
		t.Errorf("the outcome of job %s is %q (%v), want %q: %s", id, r.Outcome, r.Succeeded, job.outcome, r.Message)
	}
	if text := r.Message + strings.Join(r.Warnings, "\n"); !strings.Contains(text, job.message) {
		t.Errorf("job %s was answered with %q, want %q in it", id, text, job.message)
	}
}

// unreadable are messages that name no job: nobody can be answered.
func unreadable() []string {
	return []string{"not JSON", `{"jobId":7,"image":"x"}`, `[]`, `{"image":"debian:trixie-slim"}`, strings.Repeat("junk ", 50_000)}
}

func TestUnreadableMessagesAreSetAside(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for _, body := range unreadable() {
		s.send(t, body)
	}
	s.submit(t, "good", leave)
	srv := s.serve(t, "sqs.dead_letter_queue="+s.deadName)
	if r := s.answer(t, "good"); r.Outcome != "graded" {
		t.Errorf("the good job is %s", r.Outcome)
	}
	s.wantLeft(t, "0")
	dead, err := s.Drain(t.Context(), s.dead)
	if err != nil || len(dead) != len(unreadable()) {
		t.Errorf("%d dead letters (%v), want %d", len(dead), err, len(unreadable()))
	}
	if n := srv.logged("unreadable message moved to the dead-letter queue"); n != len(unreadable()) {
		t.Errorf("%d of %d unreadable messages were logged", n, len(unreadable()))
	}
}

// Without a dead-letter queue of its own the runner leaves the message to the jobs queue's redrive policy, and goes on.
func TestUnreadableMessageIsLeftToRedrive(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.send(t, "not JSON")
	srv := s.serve(t, "sqs.visibility_timeout=1s")
	s.submit(t, "good", leave)
	if r := s.answer(t, "good"); r.Outcome != "graded" {
		t.Errorf("the good job is %s", r.Outcome)
	}
	eventually(t, "the message is a dead letter", func() bool {
		waiting, _ := s.Count(t, s.dead)
		return waiting == "1"
	})
	if n := srv.logged("unreadable message left"); n != 1 {
		t.Errorf("the message was logged %d times, want once", n)
	}
}

// A message that comes again is answered from the report that is stored; the same job under a new message is run again.
func TestRedelivery(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.submit(t, "again", leave)
	sent := s.peek(t)
	proxy := awstest.New(t)
	s.endpoint = proxy.URL
	proxy.Break(awstest.FailCalls("DeleteMessage"))
	srv := s.serve(t, "sqs.visibility_timeout=1s")
	var results []*event
	eventually(t, "two answers", func() bool {
		for _, e := range s.receive(t) {
			if e.Event == "grading_result" {
				results = append(results, e)
			}
		}
		return len(results) >= 2
	})
	first, second := readReport(t, results[0].Data), readReport(t, results[1].Data)
	if string(results[0].Data) != string(results[1].Data) {
		t.Errorf("the second answer differs from the first:\n%s\n%s", results[0].Data, results[1].Data)
	}
	if want := jobspec.FormatTime(sent); *first.Timestamps["grading_submitted_at"] != want {
		t.Errorf("grading_submitted_at is %s, but SentTimestamp %s", *first.Timestamps["grading_submitted_at"], want)
	}
	if srv.logged("the job came again and is answered from its stored report") == 0 {
		t.Error("the log does not say that the job came again")
	}
	proxy.Break(nil)
	eventually(t, "the message is gone", func() bool {
		waiting, taken := s.Count(t, s.jobs)
		return waiting == "0" && taken == "0"
	})
	if _, err := s.Drain(t.Context(), s.results); err != nil { // what was answered meanwhile
		t.Fatal(err)
	}
	s.send(t, s.message(t, "again", nil))
	if third := s.answer(t, "again"); third.StartTime <= second.StartTime {
		t.Errorf("the new message was answered with a run of %s, the old one's began at %s", third.StartTime, second.StartTime)
	}
}

// peek takes the one message and gives it back at once, and returns when it was sent.
func (s *stand) peek(t *testing.T) time.Time {
	t.Helper()
	got, err := s.SQS.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &s.jobs, WaitTimeSeconds: 1, VisibilityTimeout: 0,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp},
	})
	if err != nil || len(got.Messages) != 1 {
		t.Fatalf("the message to look at: %v, %v", got, err)
	}
	give := &sqs.ChangeMessageVisibilityInput{QueueUrl: &s.jobs, ReceiptHandle: got.Messages[0].ReceiptHandle}
	if _, err := s.SQS.ChangeMessageVisibility(t.Context(), give); err != nil {
		t.Fatal(err)
	}
	return sentAt(t, &got.Messages[0])
}
