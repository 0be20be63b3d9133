package localstack_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// course writes a course whose one question takes the file answer.json for its results, and returns the question's folder.
func course(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	question := filepath.Join(folder, "questions", "echo")
	write(t, filepath.Join(folder, "infoCourse.json"), "{}")
	write(t, filepath.Join(question, "info.json"), `{
		"uuid": "2a6f3a52-7c2d-4f0e-9a3c-0d5c3a1e6f10", "title": "Echo", "topic": "T", "type": "v3", "gradingMethod": "External",
		"externalGradingOptions": {"image": "debian:trixie-slim", "entrypoint": "/grade/tests/run.sh", "timeout": 20}
	}`)
	write(t, filepath.Join(question, "tests", "run.sh"), "#!/bin/sh\nmkdir /grade/results; cp /grade/student/answer.json /grade/results/results.json\n")
	return question
}

func write(t *testing.T, name, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// enqueue runs `slashgrade enqueue` for the question with the answer.
func (s *stand) enqueue(t *testing.T, question, answer string, flags ...string) (status int, stdout, stderr string) {
	t.Helper()
	file := write(t, filepath.Join(t.TempDir(), "answer.json"), answer)
	args := []string{
		"enqueue", question, file, "--wait=60s", "--runner.data_dir=" + t.TempDir(),
		"--sqs.endpoint=" + s.endpoint, "--sqs.wait_time=1s", "--s3.bucket=" + s.bucket,
	}
	return s.run(t, append(args, flags...)...)
}

// The platform's side: the exit status tells the outcome, and the results queue is left to the platform.
func TestEnqueue(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.serve(t, "runner.concurrency=2")
	question := course(t)
	t.Run("all", func(t *testing.T) {
		for name, c := range map[string]struct {
			answer string
			status int
			shows  string
		}{
			"full":       {`{"score":1}`, 0, "100"},
			"partial":    {`{"score":0.5}`, 3, "50"},
			"ungradable": {`{"gradable":false,"format_errors":["no such thing"]}`, 4, "no such thing"},
			"no grade":   {`{"score":NaN}`, 5, "Could not parse the grading results."},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				status, stdout, stderr := s.enqueue(t, question, c.answer)
				if status != c.status || !strings.Contains(stdout, c.shows) || stderr != "" {
					t.Errorf("status %d, want %d; want %q in\n%s\nand nothing in\n%s", status, c.status, c.shows, stdout, stderr)
				}
				if strings.Contains(stdout, "\x1b") {
					t.Errorf("a pipe got colours: %q", stdout)
				}
			})
		}
	})
	if results := s.answers(t, 4); len(results) != 4 {
		t.Errorf("the platform got %d answers, want 4", len(results))
	}
}

func TestEnqueueJSON(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.serve(t)
	status, stdout, stderr := s.enqueue(t, course(t), perfect, "--json", "--own-results-queue")
	if status != 0 || stderr != "" || strings.Count(stdout, "\n") != 1 {
		t.Fatalf("status %d, want one line\n%s%s", status, stdout, stderr)
	}
	var line struct {
		Submission string
		Report     struct {
			Timestamps map[string]*string
			Results    json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(stdout), &line); err != nil {
		t.Fatal(err)
	}
	if stamps := checkStamps(t, line.Report.Timestamps); stamps[0].IsZero() {
		t.Error("enqueue is the platform and knows when grading was requested, but the report does not")
	}
	if line.Submission != "echo" || string(line.Report.Results) != perfect {
		t.Errorf("the line is %s", stdout)
	}
	if events := s.receive(t); len(events) > 0 {
		t.Errorf("with --own-results-queue %d events are left", len(events))
	}
}

func TestEnqueueMistakes(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	question := course(t)
	for name, c := range map[string]struct {
		flags  []string
		status int
		says   string
	}{
		"nobody grades":   {[]string{"--wait=2s"}, 1, "no report of echo within 2s; job "},
		"no such bucket":  {[]string{"--s3.bucket=slashgrade-none"}, 1, "store the archive of echo: "},
		"no such queue":   {[]string{"--sqs.jobs_queue=slashgrade-none"}, 1, `find the jobs queue "slashgrade-none"`},
		"wrong flag":      {[]string{"--s3.bukket=x"}, 2, "unknown flag: --s3.bukket"},
		"wrong duration":  {[]string{"--sqs.wait_time=soon"}, 2, `it must be a duration such as 90s or 10m, found "soon"`},
		"wait not whole":  {[]string{"--sqs.wait_time=1500ms"}, 1, "must be whole seconds"},
		"half configured": {[]string{"--sqs.results_queue="}, 2, "sqs.jobs_queue is set, so sqs.results_queue must be too"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, stdout, stderr := s.enqueue(t, question, perfect, c.flags...)
			if status != c.status || !strings.Contains(stderr, c.says) || stdout != "" {
				t.Errorf("status %d, want %d; want %q in\n%s\nand nothing in\n%s", status, c.status, c.says, stderr, stdout)
			}
			for line := range strings.Lines(stderr) {
				if slices.Contains([]string{"panic", "goroutine"}, strings.Fields(line + " .")[0]) {
					t.Errorf("it crashed:\n%s", stderr)
				}
			}
		})
	}
}
