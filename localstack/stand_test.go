package localstack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/slashgrade/slashgrade/internal/awstest"
	"github.com/slashgrade/slashgrade/internal/testenv"
)

// stand is the platform's side: queues and a bucket of the test's own.
type stand struct {
	*awstest.Services
	endpoint              string
	jobsName, resultsName string
	deadName, bucket      string
	jobs, results, dead   string // URLs
}

// maxReceives is after how many receives a message that stays goes to the dead-letter queue.
const maxReceives = 4

func newStand(t *testing.T) *stand {
	t.Helper()
	testenv.NeedsDocker(t)
	s := &stand{endpoint: testenv.NeedsLocalStack(t), Services: awstest.NewServices(t)}
	s.deadName, s.dead = s.Queue(t, nil)
	attributes, err := s.SQS.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &s.dead, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.jobsName, s.jobs = s.Queue(t, map[string]string{
		"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, attributes.Attributes["QueueArn"], maxReceives),
	})
	s.resultsName, s.results = s.Queue(t, nil)
	s.bucket = s.Bucket(t)
	return s
}

func (s *stand) flags() []string {
	return []string{"sqs.endpoint=" + s.endpoint, "sqs.wait_time=1s", "sqs.visibility_timeout=3s", "engine.pull=missing", "runner.concurrency=1"}
}

// environment names the queues and gives the credentials the AWS way.
func (s *stand) environment() []string {
	return append(os.Environ(),
		"SLASHGRADE_SQS_JOBS_QUEUE="+s.jobsName, "SLASHGRADE_SQS_RESULTS_QUEUE="+s.resultsName,
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_REGION=us-east-1")
}

// perfect are results with the full score; leave is a script that leaves them.
const (
	perfect = `{"score":1}`
	leave   = "mkdir /grade/results; echo '" + perfect + "' >/grade/results/results.json\n"
)

// pack is job.tar.gz with the script as the entrypoint.
func pack(t *testing.T, script string, files ...testenv.Entry) []byte {
	t.Helper()
	return testenv.Archive(t, append(files, testenv.Entry{Name: "./tests/run.sh", Content: "#!/bin/sh\n" + script})...)
}

func root(id string) string { return "job_" + id }

// upload puts a job's archive where its message says that it is.
func (s *stand) upload(t *testing.T, id string, archive []byte) {
	t.Helper()
	put := &s3.PutObjectInput{Bucket: &s.bucket, Key: aws.String(root(id) + "/job.tar.gz"), Body: bytes.NewReader(archive)}
	if _, err := s.S3.PutObject(t.Context(), put); err != nil {
		t.Fatal(err)
	}
}

// message is PrairieLearn's, with the changes; a change to nothing{} takes the key away.
func (s *stand) message(t *testing.T, id string, changes map[string]any) string {
	t.Helper()
	m := map[string]any{
		"jobId": id, "image": testenv.Image, "entrypoint": "/grade/tests/run.sh", "s3Bucket": s.bucket, "s3RootKey": root(id),
		"timeout": 30, "enableNetworking": false, "environment": map[string]any{},
	}
	maps.Copy(m, changes)
	maps.DeleteFunc(m, func(_ string, value any) bool { return value == nothing{} })
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

type nothing struct{}

func (s *stand) send(t *testing.T, body string) {
	t.Helper()
	if _, err := s.SQS.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &s.jobs, MessageBody: &body}); err != nil {
		t.Fatal(err)
	}
}

// submit uploads and sends a job.
func (s *stand) submit(t *testing.T, id, script string) {
	t.Helper()
	s.upload(t, id, pack(t, script))
	s.send(t, s.message(t, id, nil))
}

// event is what the platform reads from the results queue.
type event struct {
	JobID string          `json:"jobId"`
	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
	sent  time.Time
}

// report is the part of a Report that tests look at, read as a platform would.
type report struct {
	JobID        string             `json:"job_id"`
	ReceivedTime string             `json:"received_time"`
	StartTime    string             `json:"start_time"`
	EndTime      string             `json:"end_time"`
	Succeeded    bool               `json:"succeeded"`
	Results      json.RawMessage    `json:"results"`
	Message      string             `json:"message"`
	Outcome      string             `json:"outcome"`
	Warnings     []string           `json:"warnings"`
	Timestamps   map[string]*string `json:"timestamps"`
}

func readReport(t *testing.T, text []byte) *report {
	t.Helper()
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("the report %.300q: %v", text, err)
	}
	return &r
}

// answers takes events until there are n results, and then for another second, in which none may follow. It holds every job to its
// order and returns the results by job.
func (s *stand) answers(t *testing.T, n int) map[string][]*event {
	t.Helper()
	results, received := map[string][]*event{}, map[string]int{}
	count := 0
	for deadline := time.Now().Add(patience); ; {
		events := s.receive(t)
		for _, e := range events {
			switch e.Event {
			case "job_received":
				received[e.JobID]++
				if len(results[e.JobID]) >= received[e.JobID] {
					t.Errorf("job_received of job %s came after its result", e.JobID)
				}
			case "grading_result":
				results[e.JobID] = append(results[e.JobID], e)
				count++
			default:
				t.Errorf("an unknown event %q", e.Event)
			}
		}
		if count >= n && len(events) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d answers came: %v", count, n, results)
		}
	}
	if count > n {
		t.Errorf("%d answers came, want %d", count, n)
	}
	return results
}

// receive takes what is on the results queue, in the order of its sending; it waits a second for the first.
func (s *stand) receive(t *testing.T) []*event {
	t.Helper()
	got, err := s.SQS.ReceiveMessage(t.Context(), &sqs.ReceiveMessageInput{
		QueueUrl: &s.results, MaxNumberOfMessages: 10, WaitTimeSeconds: 1,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameSentTimestamp},
	})
	if err != nil {
		t.Fatal(err)
	}
	var events []*event
	for i := range got.Messages {
		e := &event{sent: sentAt(t, &got.Messages[i])}
		if err := json.Unmarshal([]byte(*got.Messages[i].Body), e); err != nil {
			t.Fatalf("the event %.300q: %v", *got.Messages[i].Body, err)
		}
		events = append(events, e)
		remove := &sqs.DeleteMessageInput{QueueUrl: &s.results, ReceiptHandle: got.Messages[i].ReceiptHandle}
		if _, err := s.SQS.DeleteMessage(t.Context(), remove); err != nil {
			t.Fatal(err)
		}
	}
	return events
}

func sentAt(t *testing.T, m *types.Message) time.Time {
	t.Helper()
	var ms int64
	if _, err := fmt.Sscan(m.Attributes["SentTimestamp"], &ms); err != nil {
		t.Fatalf("SentTimestamp: %v", err)
	}
	return time.UnixMilli(ms).UTC()
}

// answer is the report of the one job that is answered.
func (s *stand) answer(t *testing.T, id string) *report {
	t.Helper()
	events := s.answers(t, 1)[id]
	if len(events) != 1 {
		t.Fatalf("job %s has %d answers, want one", id, len(events))
	}
	return readReport(t, events[0].Data)
}

// stored is what lies in the bucket below a job's root.
func (s *stand) stored(t *testing.T, id, name string) []byte {
	t.Helper()
	text, err := io.ReadAll(s.Object(t, s.bucket, root(id)+"/"+name).Body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// names are the objects below a job's root.
func (s *stand) names(t *testing.T, id string) []string {
	t.Helper()
	got, err := s.S3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: aws.String(root(id) + "/")})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range got.Contents {
		names = append(names, strings.TrimPrefix(*got.Contents[i].Key, root(id)+"/"))
	}
	return names
}

// wantLeft checks how many messages wait in the jobs queue and that none is with a receiver.
func (s *stand) wantLeft(t *testing.T, want string) {
	t.Helper()
	if waiting, taken := s.Count(t, s.jobs); waiting != want || taken != "0" {
		t.Errorf("%s messages wait and %s are taken, want %s and none", waiting, taken, want)
	}
}
