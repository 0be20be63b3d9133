package hostile_test

import (
	"bufio"
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/jobspec"
)

// gap stands in an expected text for any text.
const gap = "…"

// Times that hold for every case.
const (
	// endSlack is by how much a job may run over its time limit.
	endSlack = 7 * time.Second
	// aroundSlack is what may pass beside the entrypoint's time from the message to the report: a container's start on a crowded
	// machine, an archive of 64 MB, an image that cannot be pulled.
	aroundSlack = 60 * time.Second
)

// judge is told what is wrong with a case: a test, or what stands in for it where a case must fail.
type judge interface {
	Helper()
	Errorf(format string, args ...any)
	Logf(format string, args ...any)
	Failed() bool
}

// check holds what came of the case to its expectation and to what holds for every case.
func (b *bench) check(t judge, c *hostileCase, got *graded) {
	t.Helper()
	if got == nil || c.want.Unanswerable {
		if got != nil || !c.want.Unanswerable {
			t.Errorf("answered: %v, unanswerable: %v", got != nil, c.want.Unanswerable)
		}
		return
	}
	c.checkReport(t, got)
	checkTimes(t, got, time.Duration(c.want.Seconds*float64(time.Second)))
	checkText(t, got.Report)
	checkLog(t, got.log)
	b.host.checkSecrets(t, got)
	if t.Failed() {
		t.Logf("outcome %s, results %.1000s\nmessage %q\nwarnings %q\nlog:\n%.4000s", got.Outcome, got.Results, got.Message, got.Warnings, got.log)
	}
}

func (c *hostileCase) checkReport(t judge, got *graded) {
	t.Helper()
	if !slices.Contains(strings.Split(c.want.Outcome, "|"), string(got.Outcome)) {
		t.Errorf("the outcome is %s, want %s", got.Outcome, c.want.Outcome)
	}
	if got.Succeeded != (got.Outcome == jobspec.Graded) || got.Succeeded != (got.Message == "") {
		t.Errorf("outcome %s, succeeded %v, message %q do not agree", got.Outcome, got.Succeeded, got.Message)
	}
	if c.want.Message != "" && !matches(c.want.Message, got.Message) {
		t.Errorf("the message is %q, want %q", got.Message, c.want.Message)
	}
	for _, warning := range c.want.Warnings {
		if !slices.ContainsFunc(got.Warnings, func(text string) bool { return matches(warning, text) }) {
			t.Errorf("no warning is %q", warning)
		}
	}
	for _, line := range c.want.Log {
		if !strings.Contains(got.log, line) {
			t.Errorf("the log lacks %q", line)
		}
	}
	c.checkResults(t, got.Report)
}

func (c *hostileCase) checkResults(t judge, report *jobspec.Report) {
	t.Helper()
	if report.Outcome != jobspec.Graded {
		if len(report.Results) > 0 && string(report.Results) != "null" {
			t.Errorf("a job without a grade has results: %.200s", report.Results)
		}
		return
	}
	results := map[string]any{}
	if err := json.Unmarshal(report.Results, &results); err != nil {
		t.Errorf("the results are no object: %v", err)
	}
	if c.want.Score != nil && results["score"] != *c.want.Score {
		t.Errorf("the score is %v, want %v; message %q", results["score"], *c.want.Score, results["message"])
	}
	if c.want.Results != nil {
		if diff := gocmp.Diff(c.want.Results, any(results)); diff != "" {
			t.Errorf("the results differ (-want +got):\n%.2000s", diff)
		}
	}
}

// matches says whether text is pattern with something in the place of each gap.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, gap)
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile(`(?s)^` + strings.Join(parts, ".*") + `$`).MatchString(text)
}

// checkTimes holds that nobody waits for a hostile job, and that the instants are in order.
func checkTimes(t judge, got *graded, most time.Duration) {
	t.Helper()
	limit := got.job.Timeout + endSlack
	ran := got.Timestamps.FinishedAt.Sub(got.Timestamps.StartedAt)
	if most = cmp.Or(most, limit); ran > most {
		t.Errorf("the entrypoint ran for %s, at most %s are allowed", ran, most)
	}
	if got.took > limit+aroundSlack {
		t.Errorf("the report took %s", got.took)
	}
	if stamps := got.Timestamps; stamps.StartedAt.Before(stamps.ReceivedAt) || stamps.FinishedAt.Before(stamps.StartedAt) {
		t.Errorf("the timestamps are out of order: %+v", stamps)
	}
}

// inside finds what a student must never read: the words of the program, the system and the engine.
func inside() *regexp.Regexp {
	return regexp.MustCompile(`/var/lib|/proc/|/run/|/tmp/|/\.slashgrade|goroutine|panic|runtime error|errno|%!|\bEOF\b|syscall|containerd|dockerd|` +
		`OCI|\b(open|lstat|openat|mkdirat|read|write) /|context (deadline|canceled)|0x[0-9a-f]{6}|\bnil\b|(^|[^.])json:|\btar:|\bgzip:|\bfd\b`)
}

// checkText holds that what the platform stores and shows is text, and that the student's part says nothing of the inside.
func checkText(t judge, report *jobspec.Report) {
	t.Helper()
	encoded, err := report.Encode("")
	if err != nil || !json.Valid(encoded) {
		t.Errorf("the report is not JSON: %v", err)
	}
	if strings.Contains(strings.ReplaceAll(string(encoded), `\\`, ""), `\u0000`) {
		t.Errorf("the report holds U+0000, which a database refuses")
	}
	// What stands in quotation marks is the job's own, shown to it again.
	if found := inside().FindString(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(report.Message, "")); found != "" {
		t.Errorf("the message %q holds %q", report.Message, found)
	}
	const longest = 8 << 10
	if len(report.Message) > longest {
		t.Errorf("the message has %d bytes", len(report.Message))
	}
	if i := strings.IndexFunc(report.Message, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("the message %q holds a control character at byte %d", report.Message, i)
	}
}

// checkLog holds that the log is bounded, and that each of its lines is one JSON object, whatever the job wrote: none can be forged.
func checkLog(t judge, log string) {
	t.Helper()
	const most = 1 << 20
	if len(log) > most {
		t.Errorf("the log has %d bytes", len(log))
	}
	lines := bufio.NewScanner(strings.NewReader(log))
	lines.Buffer(nil, most)
	for lines.Scan() {
		var line struct{ Level, Message, Timestamp string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Timestamp == "" || line.Message == "" {
			t.Errorf("a line of the log is no entry: %.200q (%v)", lines.Text(), err)
		}
		if strings.IndexFunc(lines.Text(), func(r rune) bool { return r < ' ' }) >= 0 {
			t.Errorf("a line of the log holds control characters: %.200q", lines.Text())
		}
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the log cannot be read: %v", err)
	}
}
