package localstack_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/queue"
)

// stampNames are the six, in order. The last cannot stand in the answer that it times.
func stampNames() []string {
	return []string{
		"grading_requested_at", "grading_submitted_at", "grading_received_at", "grading_started_at", "grading_finished_at", "graded_at",
	}
}

// PrairieLearn's jobs, one at a time and four at once: each is answered once, with everything where it belongs.
func TestJobs(t *testing.T) {
	for _, concurrency := range []int{1, 4} {
		t.Run(fmt.Sprintf("%d at once", concurrency), func(t *testing.T) {
			t.Parallel()
			const jobs = 10
			s := newStand(t)
			s.serve(t, "runner.concurrency="+strconv.Itoa(concurrency), "sqs.visibility_timeout=30s")
			requested := time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond)
			before := time.Now().Truncate(time.Millisecond)
			for i := range jobs {
				s.submitNumbered(t, i, requested)
			}
			after := time.Now()
			results := s.answers(t, jobs)
			for i := range jobs {
				stamps := s.checkJob(t, results[strconv.Itoa(i)])
				if given := isEven(i); stamps[0].IsZero() == given || given && !stamps[0].Equal(requested) {
					t.Errorf("grading_requested_at of job %d is %v, want %v for even ones only", i, stamps[0], requested)
				}
				if stamps[1].Before(before) || stamps[1].After(after) {
					t.Errorf("grading_submitted_at is %v, but the job was sent between %v and %v", stamps[1], before, after)
				}
			}
			s.wantLeft(t, "0")
			s.wantNoDeadLetters(t)
		})
	}
}

func isEven(i int) bool { return i%2 == 0 }

// submitNumbered submits a good job. Even ones say when grading was requested.
func (s *stand) submitNumbered(t *testing.T, i int, requested time.Time) {
	t.Helper()
	id := strconv.Itoa(i)
	s.upload(t, id, pack(t, "echo hello from "+id+"; echo made >/grade/made.txt\n"+leave))
	changes := map[string]any{"unknown": 1}
	if isEven(i) {
		changes["gradingRequestedAt"] = jobspec.FormatTime(requested)
	}
	s.send(t, s.message(t, id, changes))
}

func (s *stand) wantNoDeadLetters(t *testing.T) {
	t.Helper()
	if dead, err := s.Drain(t.Context(), s.dead); err != nil || len(dead) > 0 {
		t.Errorf("dead letters: %q, %v", dead, err)
	}
}

// Two runners on one queue, and jobs that take longer than a visibility timeout: no job is taken from the one that runs it.
func TestTwoServers(t *testing.T) {
	t.Parallel()
	const jobs = 4
	s := newStand(t)
	for range 2 {
		s.serve(t, "sqs.visibility_timeout=3s")
	}
	for i := range jobs {
		s.submit(t, strconv.Itoa(i), "sleep 5\n"+leave)
	}
	for id, events := range s.answers(t, jobs) {
		if len(events) != 1 || readReport(t, events[0].Data).Outcome != "graded" {
			t.Errorf("job %s was answered %d times, the first time with %s", id, len(events), events[0].Data)
		}
	}
	s.wantLeft(t, "0")
	s.wantNoDeadLetters(t)
}

// checkJob checks all that is left of a good job and returns its six stamps, zero where there is none.
func (s *stand) checkJob(t *testing.T, answers []*event) []time.Time {
	t.Helper()
	if len(answers) != 1 {
		t.Fatalf("a job has %d answers, want one", len(answers))
	}
	e := answers[0]
	r := readReport(t, e.Data)
	if r.JobID != e.JobID || !r.Succeeded || string(r.Results) != perfect {
		t.Errorf("job %s was graded as %s", e.JobID, e.Data)
	}
	if _, has := r.Timestamps["graded_at"]; has {
		t.Errorf("the report of job %s has graded_at", e.JobID)
	}
	last := s.checkFiles(t, e)
	stamps := checkStamps(t, last)
	if graded := stamps[5]; graded.Before(e.sent) || stamps[5].IsZero() {
		t.Errorf("graded_at %v of job %s is before its answer was sent, at %v", graded, e.JobID, e.sent)
	}
	delete(last, "graded_at")
	if diff := cmp.Diff(last, r.Timestamps); diff != "" {
		t.Errorf("the log's timestamps differ from the report's (-log +report):\n%s", diff)
	}
	names := []string{r.ReceivedTime, r.StartTime, r.EndTime}
	if want := []string{jobspec.FormatTime(stamps[2]), jobspec.FormatTime(stamps[3]), jobspec.FormatTime(stamps[4])}; !slices.Equal(names, want) {
		t.Errorf("PrairieLearn's times are %v, want %v", names, want)
	}
	return stamps
}

// checkFiles checks what is stored of a good job and returns the timestamps that its log ends with.
func (s *stand) checkFiles(t *testing.T, e *event) (last map[string]*string) {
	t.Helper()
	if !bytes.Equal(compact(t, s.stored(t, e.JobID, "results.json")), e.Data) {
		t.Errorf("results.json of job %s is not the report that was sent", e.JobID)
	}
	eventually(t, "output.log is stored", func() bool { return slices.Contains(s.names(t, e.JobID), "output.log") })
	lines := checkLog(t, s.stored(t, e.JobID, "output.log"))
	if text, ok := strings.CutPrefix(lines[len(lines)-1], queue.AnsweredPrefix); !ok || json.Unmarshal([]byte(text), &last) != nil {
		t.Fatalf("the log of job %s ends with %q", e.JobID, lines[len(lines)-1])
	}
	if !slices.Contains(lines, "container> hello from "+e.JobID) {
		t.Errorf("the log of job %s lacks what it wrote: %q", e.JobID, lines)
	}
	if files := unpack(t, s.stored(t, e.JobID, "archive.tar.gz")); files["./made.txt"] != "made\n" || files["./results/results.json"] != perfect+"\n" {
		t.Errorf("the archive of job %s holds %v", e.JobID, files)
	}
	return last
}

// checkStamps reads the stamps and checks their order. All but the first must be there.
func checkStamps(t *testing.T, texts map[string]*string) []time.Time {
	t.Helper()
	var stamps, given []time.Time
	for i, name := range stampNames() {
		text, has := texts[name]
		if !has || text == nil && i > 0 {
			t.Fatalf("%s is missing in %v", name, texts)
		}
		if text == nil {
			stamps = append(stamps, time.Time{})
			continue
		}
		at, err := time.Parse(jobspec.TimeFormat, *text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		stamps, given = append(stamps, at), append(given, at)
	}
	if !slices.IsSortedFunc(given, time.Time.Compare) {
		t.Errorf("the timestamps are not in order: %v", given)
	}
	return stamps
}

// checkLog checks the format of output.log and returns the messages.
func checkLog(t *testing.T, text []byte) []string {
	t.Helper()
	var messages []string
	for line := range strings.Lines(string(text)) {
		var entry struct {
			Level     string `json:"level"`
			Message   string `json:"message"`
			Timestamp string `json:"timestamp"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("the line %q: %v", line, err)
		}
		_, err := time.Parse(jobspec.TimeFormat, entry.Timestamp)
		if err != nil || entry.Level != "info" && entry.Level != "error" || !strings.HasPrefix(line, `{"level":"`+entry.Level+`","message":"`) {
			t.Errorf("the line %q is not in PrairieLearn's format", line)
		}
		messages = append(messages, entry.Message)
	}
	return messages
}

func compact(t *testing.T, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// unpack returns the files of a gzip'd tar.
func unpack(t *testing.T, data []byte) map[string]string {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	archive := tar.NewReader(zipped)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(content)
	}
}

// Results that are too long for a message are announced without them; the platform reads them from the store.
func TestLongResults(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.serve(t)
	long := `{"output":"` + strings.Repeat("x", 300<<10) + `","score":1}`
	script := "mkdir /grade/results; (printf '{\"output\":\"'; head -c 307200 /dev/zero | tr '\\0' x; printf '\",\"score\":1}') >/grade/results/results.json"
	s.submit(t, "long", script)
	events := s.answers(t, 1)["long"]
	if len(events) != 1 || events[0].Data != nil {
		t.Fatalf("the answer is %.500s, want one without data", events[0].Data)
	}
	if r := readReport(t, compact(t, s.stored(t, "long", "results.json"))); !r.Succeeded || string(r.Results) != long {
		t.Errorf("the stored report is %.500s", s.stored(t, "long", "results.json"))
	}
}
