package gradertest_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/gradertest"
	"github.com/slashgrade/slashgrade/jobspec"
)

func TestMistakesInExpectations(t *testing.T) {
	for _, c := range []struct {
		text   string
		line   int
		reason string
	}{
		{"score = 1\nscroe = 2", 2, "there is no key scroe"},
		{"score = 1\n[tests]\na = 1", 2, "there is no key tests"},
		{"score = \"1\"", 1, "score must be a number"},
		{"gradable = true\nscore = 1.5", 2, "from 0 to 1"},
		{"\nscore = { min = 0.6, max = 0.4 }", 2, "min above its max"},
		{"score = { min = 0.6 }", 1, "score must be a number, or"},
		{"score = { min = 0, max = 1, mean = 2 }", 1, "score must be a number, or"},
		{"score = nan", 1, "score must be a number"},
		{"[points]\n\"a b\" = \"1\"", 2, `points of "a b" must be a number`},
		{"gradable = \"no\"", 1, ""},
		{"score = 1\nscore = 2", 2, ""},
		{"score = ", 1, ""},
		{"message_matches = \"(\"", 1, "message_matches: error parsing regexp"},
		{"message_contains = [1]", 1, "message_contains must be a text"},
		{"outcome = \"lost\"", 1, `there is no outcome "lost"`},
		{"outcome = \"killed\"\ntimed_out = true", 1, "contradicts"},
		{"max_seconds = -1", 1, "above 0"},
		{"score = 1\ngradable = false", 1, "has no score"},
		{"timed_out = true\nscore = 1", 1, "has no score"},
		{"# nothing", 1, "nothing is expected"},
		{strings.Repeat("#", gradertest.MaxExpectBytes+1), 1, "more than"},
	} {
		_, err := gradertest.ParseExpectation([]byte(c.text))
		mistake, ok := errors.AsType[*gradertest.Mistake](err)
		if !ok {
			t.Errorf("%.40q: error %v, want a mistake", c.text, err)
			continue
		}
		if mistake.Line != c.line || !strings.Contains(mistake.Reason, c.reason) {
			t.Errorf("%.40q: %v, want line %d and %q", c.text, mistake, c.line, c.reason)
		}
	}
}

func report(results string) *jobspec.Report {
	return &jobspec.Report{Succeeded: true, Outcome: jobspec.Graded, Results: []byte(results)}
}

const half = `{"score": 0.5, "message": "Two of four.", "output": "printed", "tests": [
	{"name": "a", "points": 1, "max_points": 1, "message": "well done"}, {"name": "b", "points": 0, "max_points": 1, "output": "expected 3"}]}`

func TestCompare(t *testing.T) {
	slow := report(half)
	slow.Timestamps.StartedAt = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	slow.Timestamps.FinishedAt = slow.Timestamps.StartedAt.Add(3 * time.Second)
	timedOut := &jobspec.Report{Outcome: jobspec.TimedOut, TimedOut: true, Message: "not within the time limit of 5 seconds"}
	ungradable := report(`{"gradable": false, "format_errors": ["no file"]}`)
	for _, c := range []struct {
		expect string
		report *jobspec.Report
		want   []gradertest.Difference
	}{
		{"score = 0.5", report(half), nil},
		{"score = { min = 0.4, max = 0.6 }\ngradable = true\n[points]\na = 1\nb = { min = 0, max = 0.5 }", report(half), nil},
		{"score = 1", report(half), []gradertest.Difference{{"score", "1", "0.5"}}},
		{"score = 0.333333", report(`{"score": 0.3333333333333333}`), nil},
		{"score = 0.33", report(`{"score": 0.3333333333333333}`), []gradertest.Difference{{"score", "0.33", "0.333333"}}},
		{"[points]\na = 0\nc = 1", report(half), []gradertest.Difference{
			{`points of "a"`, "0", "1"}, {`points of "c"`, "1", "no such test with points"},
		}},
		{`message_contains = ["Two", "well done", "expected 3", "printed"]`, report(half), nil},
		{`message_matches = "^Tw[o0]"`, report(half), nil},
		{`message_contains = "three"`, report(`{"score": 1}`), []gradertest.Difference{{"message_contains", `"three"`, "no message at all"}}},
		{"gradable = false", ungradable, nil},
		{"gradable = false\nmessage_contains = \"no file\"", ungradable, nil},
		{"gradable = true", ungradable, []gradertest.Difference{{"gradable", "true", "false: no file"}}},
		{"score = 0", ungradable, []gradertest.Difference{{"score", "0", "not gradable: no file"}}},
		{"timed_out = true\nmessage_matches = \"limit of [0-9]+\"", timedOut, nil},
		{"score = 1", timedOut, []gradertest.Difference{{"outcome", "graded", "timed_out: not within the time limit of 5 seconds"}}},
		{"timed_out = true", report(half), []gradertest.Difference{{"outcome", "timed_out", "graded"}}},
		{"max_seconds = 3", slow, nil},
		{"max_seconds = 2.5", slow, []gradertest.Difference{{"max_seconds", "2.5", "3"}}},
	} {
		e, err := gradertest.ParseExpectation([]byte(c.expect))
		if err != nil {
			t.Errorf("%q: %v", c.expect, err)
			continue
		}
		if diff := cmp.Diff(c.want, e.Compare(c.report)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.expect, diff)
		}
	}
}

// TestRecord holds that what was recorded is what comes out, and that what people wrote is kept where it holds.
func TestRecord(t *testing.T) {
	c := &gradertest.Case{Question: t.TempDir(), Name: "half"}
	write(t, c.ExpectFile(), "# why this sample is here\n\nscore = { min = 0.4, max = 0.6 }\nmessage_contains = [\"Two\", \"Three\"]\n[points]\na = 0\n")
	former, err := gradertest.ReadExpectation(c.ExpectFile())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Record(former, report(half)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(c.ExpectFile())
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"# why this sample is here\n", "min = 0.4", "'Two'"} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%q was not kept in\n%s", part, text)
		}
	}
	if strings.Contains(string(text), "Three") {
		t.Errorf("a message that did not come was kept in\n%s", text)
	}
	for _, r := range []*jobspec.Report{
		report(half),
		report(`{"gradable": false}`),
		report(`{"score": 0.123456789, "tests": [{"name": "q\"'\n=", "points": 0.1}]}`),
		{Outcome: jobspec.TimedOut},
		{Outcome: jobspec.Killed},
	} {
		if err := c.Record(nil, r); err != nil {
			t.Fatal(err)
		}
		e, err := gradertest.ReadExpectation(c.ExpectFile())
		if err != nil {
			t.Errorf("what was recorded cannot be read: %v", err)
			continue
		}
		if diff := e.Compare(r); len(diff) > 0 {
			t.Errorf("what was recorded is not what came out: %v", diff)
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAdd(t *testing.T) {
	question := t.TempDir()
	answer := filepath.Join(t.TempDir(), "answer.py")
	write(t, answer, "x = 1\n")
	for _, name := range []string{"", ".", "..", "a/b", "../a", ".hidden"} {
		if _, err := gradertest.Add(question, name, []string{answer}); err == nil {
			t.Errorf("a sample can be called %q", name)
		}
	}
	c, err := gradertest.Add(question, "right", []string{answer})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(c.Folder(), "answer.py")); err != nil || string(text) != "x = 1\n" {
		t.Errorf("the sample's file: %q, %v", text, err)
	}
	if _, err := gradertest.Add(question, "right", []string{answer}); err == nil {
		t.Error("a sample is written over")
	}
	found, err := gradertest.Find([]string{question})
	if err != nil || len(found) != 1 || found[0].Name != "right" {
		t.Errorf("found %v, %v", found, err)
	}
}
