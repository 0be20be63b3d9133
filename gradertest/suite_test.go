package gradertest_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/gradertest"
	"github.com/slashgrade/slashgrade/internal/testengine"
	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/runner"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// counting is a real engine that counts the containers it starts.
type counting struct {
	sandbox.Engine
	started atomic.Int64
}

func (c *counting) Start(ctx context.Context, spec *sandbox.Spec) (sandbox.Container, error) {
	c.started.Add(1)
	return c.Engine.Start(ctx, spec)
}

// newSuite is a suite on the real engine with a cache of its own. What it leaves in the engine fails the test.
func newSuite(t *testing.T) (*gradertest.Suite, *counting) {
	t.Helper()
	docker, id := testengine.New(t)
	engine := &counting{Engine: docker}
	return &gradertest.Suite{
		Grader: desk.New(engine, &runner.Options{ID: id, Version: "test"}), Images: engine, Parallel: 4,
		Cache: &gradertest.Cache{Folder: filepath.Join(t.TempDir(), "cache"), Salt: "test"},
	}, engine
}

// grader writes the score that the student's file says.
const grader = `#!/bin/sh
mkdir /grade/results
. /grade/student/answer.sh
`

func writeQuestion(t *testing.T, course string, n int) {
	t.Helper()
	folder := filepath.Join(course, "questions", fmt.Sprintf("q%03d", n))
	write(t, filepath.Join(folder, "info.json"), `{"gradingMethod": "External", "externalGradingOptions":
		{"image": "debian:trixie-slim", "entrypoint": "/grade/tests/run.sh", "serverFilesCourse": [], "timeout": 20}}`)
	// Questions are alike but for this line, of which there are 10: what is alike is graded once.
	write(t, filepath.Join(folder, "tests/run.sh"), fmt.Sprintf("%s# %d\n", grader, n%10))
	sample := filepath.Join(folder, "grader_tests/right")
	write(t, filepath.Join(sample, "answer.sh"), `echo '{"score": 1}' > /grade/results/results.json`)
	write(t, filepath.Join(sample, "expect.toml"), "score = 1\n")
}

// TestCourse is a course of 200 questions: the second run starts no container, and after an edit only what it changed is graded.
func TestCourse(t *testing.T) {
	suite, engine := newSuite(t)
	const questions = 200
	course := t.TempDir()
	write(t, filepath.Join(course, "infoCourse.json"), "{}")
	for n := range questions {
		writeQuestion(t, course, n)
	}
	cases, err := gradertest.Find([]string{course})
	if err != nil || len(cases) != questions {
		t.Fatalf("%d samples, %v", len(cases), err)
	}
	run := func() (started int64, summary *gradertest.Summary) {
		before := engine.started.Load()
		summary = gradertest.Summarise(suite.Run(t.Context(), cases, func(*gradertest.Result) {}), time.Second)
		return engine.started.Load() - before, summary
	}
	if started, summary := run(); started < 10 || summary.Passed != questions {
		t.Errorf("the first run started %d containers: %+v", started, summary)
	}
	if started, summary := run(); started != 0 || summary.Passed != questions || summary.Cached != questions {
		t.Errorf("the second run started %d containers", started)
	}
	edit := filepath.Join(course, "questions/q007")
	for _, c := range []struct {
		file, text     string
		started        int64
		passed, failed int
	}{
		{"tests/run.sh", grader + "# edited\n", 1, questions, 0},
		{"grader_tests/right/expect.toml", "score = { min = 0.5, max = 1 }\n", 0, questions, 0},
		{"grader_tests/right/answer.sh", `echo '{"score": 0.25}' > /grade/results/results.json`, 1, questions - 1, 1},
		{"grader_tests/right/answer.sh", `echo '{"score": 0.25}' > /grade/results/results.json`, 1, questions - 1, 1}, // a failure is not kept
		{"grader_tests/right/expect.toml", "score = 0.25\n", 1, questions, 0},
		{"tests/more.txt", "another file", 1, questions, 0},
		{"info.json", strings.ReplaceAll(mustRead(t, filepath.Join(edit, "info.json")), `"timeout": 20`, `"timeout": 21`), 1, questions, 0},
	} {
		write(t, filepath.Join(edit, c.file), c.text)
		if started, s := run(); started != c.started || s.Passed != c.passed || s.Failed != c.failed {
			t.Errorf("after a change of %s %d containers were started, want %d; %d passed, %d failed", c.file, started, c.started, s.Passed, s.Failed)
		}
	}
	suite.Cache.Salt = "another release"
	suite.Parallel = 8
	if started, _ := run(); started < 10 {
		t.Errorf("another release started %d containers", started)
	}
}

func mustRead(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEndings has a sample of each kind of ending, and of each kind of mistake.
func TestEndings(t *testing.T) {
	suite, _ := newSuite(t)
	course := t.TempDir()
	write(t, filepath.Join(course, "infoCourse.json"), "{}")
	writeQuestion(t, course, 0)
	question := filepath.Join(course, "questions/q000")
	write(t, filepath.Join(question, "info.json"), `{"gradingMethod": "External", "externalGradingOptions":
		{"image": "debian:trixie-slim", "entrypoint": "/grade/tests/run.sh", "timeout": 2}}`)
	sample := func(name, answer, expect string) {
		folder := filepath.Join(question, "grader_tests", name)
		write(t, filepath.Join(folder, "answer.sh"), answer)
		if expect != "" {
			write(t, filepath.Join(folder, "expect.toml"), expect)
		}
	}
	sample("time", "sleep 60", "timed_out = true\nmessage_contains = \"time limit of 2 seconds\"")
	sample("status", "exit 3", `outcome = "exit_status"`)
	sample("invalid", `echo '{"score": 7}' > /grade/results/results.json`, `outcome = "results_invalid"`)
	sample("lower", `echo '{"score": 0.5, "message": "half"}' > /grade/results/results.json`, "score = 1")
	sample("misspelt", "exit", "scor = 1")
	sample("missing", "exit", "")
	sample("expect-is-not-handed-in", `[ ! -e /grade/student/expect.toml ] && echo '{"score": 1}' > /grade/results/results.json`, "score = 1")
	cases, err := gradertest.Find([]string{question})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"time": "passed", "status": "passed", "invalid": "passed", "right": "passed", "expect-is-not-handed-in": "passed",
		"lower": "score: expected 1, got 0.5", "misspelt": "line 1, column 1: there is no key scor", "missing": "--update records",
	}
	results := suite.Run(t.Context(), cases, func(*gradertest.Result) {})
	if len(results) != len(want) {
		t.Errorf("%d results, want %d", len(results), len(want))
	}
	var text bytes.Buffer
	summary := gradertest.Summarise(results, time.Second)
	if err := summary.WriteJUnit(&text); err != nil {
		t.Fatal(err)
	}
	for i := range summary.Tests {
		r := &summary.Tests[i]
		name := filepath.Base(r.Name)
		got := r.Result + " " + r.Error
		for _, d := range r.Differences {
			got += fmt.Sprintf("%s: expected %s, got %s", d.What, d.Want, d.Got)
		}
		if !strings.Contains(got, want[name]) {
			t.Errorf("%s: %s, want %q", name, got, want[name])
		}
	}
	var suites struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
	}
	if err := xml.Unmarshal(text.Bytes(), &suites); err != nil || suites.Tests != len(want) || suites.Failures != 3 {
		t.Errorf("JUnit XML: %+v, %v:\n%s", suites, err, text.String())
	}
}

// TestUpdate records what comes out, and passes from then on.
func TestUpdate(t *testing.T) {
	suite, _ := newSuite(t)
	course := t.TempDir()
	write(t, filepath.Join(course, "infoCourse.json"), "{}")
	writeQuestion(t, course, 0)
	folder := filepath.Join(course, "questions/q000/grader_tests/right")
	write(t, filepath.Join(folder, "answer.sh"), `echo '{"score": 0.75, "tests": [{"name": "a", "points": 3, "max_points": 4}]}' > /grade/results/results.json`)
	cases, err := gradertest.Find([]string{course})
	if err != nil {
		t.Fatal(err)
	}
	suite.Update = true
	if r := suite.Run(t.Context(), cases, func(*gradertest.Result) {})[0]; !r.Updated || !r.Passed() {
		t.Errorf("the update: %+v", r)
	}
	suite.Update = false
	if r := suite.Run(t.Context(), cases, func(*gradertest.Result) {})[0]; !r.Passed() {
		t.Errorf("after the update: %+v", r)
	}
	if text := mustRead(t, filepath.Join(folder, "expect.toml")); text != "score = 0.75\n\n[points]\na = 3.0\n" {
		t.Errorf("recorded was\n%s", text)
	}
}

// TestBrokenCache holds that a cache can cost a run at most, never a result.
func TestBrokenCache(t *testing.T) {
	suite, engine := newSuite(t)
	course := t.TempDir()
	write(t, filepath.Join(course, "infoCourse.json"), "{}")
	writeQuestion(t, course, 0)
	cases, err := gradertest.Find([]string{course})
	if err != nil {
		t.Fatal(err)
	}
	run := func() *gradertest.Result { return suite.Run(t.Context(), cases, func(*gradertest.Result) {})[0] }
	run()
	files, err := filepath.Glob(filepath.Join(suite.Cache.Folder, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("kept were %v, %v", files, err)
	}
	write(t, files[0], `{"outcome": "gra`)
	if r := run(); !r.Passed() || r.Cached || engine.started.Load() != 2 {
		t.Errorf("with a broken file: %+v after %d containers", r, engine.started.Load())
	}
	old := time.Now().AddDate(-1, 0, 0)
	if err := os.Chtimes(files[0], old, old); err != nil {
		t.Fatal(err)
	}
	suite.Cache.Prune()
	if _, err := os.Stat(files[0]); err == nil {
		t.Error("an old file is kept for ever")
	}
	suite.Cache.Folder = filepath.Join(course, "infoCourse.json", "no-folder")
	if r := run(); !r.Passed() {
		t.Errorf("with a folder that cannot be made: %+v", r)
	}
}

// TestInterrupted ends in mid-run and leaves nothing running, which newSuite checks.
func TestInterrupted(t *testing.T) {
	suite, engine := newSuite(t)
	course := t.TempDir()
	write(t, filepath.Join(course, "infoCourse.json"), "{}")
	for n := range 8 {
		writeQuestion(t, course, n)
		write(t, filepath.Join(course, fmt.Sprintf("questions/q%03d/grader_tests/right/answer.sh", n)), "sleep 100")
	}
	cases, err := gradertest.Find([]string{course})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for engine.started.Load() == 0 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	for _, r := range suite.Run(ctx, cases, func(*gradertest.Result) {}) {
		if !errors.Is(r.Err, context.Canceled) || !r.Failed {
			t.Errorf("%s: %v", r.Name, r.Err)
		}
	}
}

// TestServer tests a question on the parameters of its server.py, which runs again only when it changed.
func TestServer(t *testing.T) {
	const image = "slashgrade/python-grader:dev"
	testenv.NeedsImage(t, image, "make images")
	suite, engine := newSuite(t)
	course := t.TempDir()
	write(t, filepath.Join(course, "infoCourse.json"), "{}")
	question := filepath.Join(course, "questions/q")
	info := `{"gradingMethod": "External", "externalGradingOptions": {"image": "%s", "entrypoint": "sh /grade/tests/run.sh", "timeout": 20}}`
	write(t, filepath.Join(question, "info.json"), fmt.Sprintf(info, image))
	write(t, filepath.Join(question, "tests/run.sh"), `mkdir /grade/results
grep -q '"n":7' /grade/data/data.json && grep -q '"variant_seed":1' /grade/data/data.json && score=1
echo "{\"score\": ${score:-0}}" > /grade/results/results.json
`)
	for _, sample := range []string{"one", "two"} {
		write(t, filepath.Join(question, "grader_tests", sample, "answer.sh"), "true "+sample)
		write(t, filepath.Join(question, "grader_tests", sample, "expect.toml"), "score = 1\n")
	}
	cases, err := gradertest.Find([]string{question})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, file, text string
		started          int64
		want             string
	}{
		{"the first run", "server.py", "def generate(data):\n    data['params']['n'] = 7\n", 3, ""},
		{"the second run", "", "", 0, ""},
		{"other parameters", "server.py", "def generate(data):\n    data['params']['n'] = 8\n", 3, "score: expected 1, got 0"},
		{"a mistake", "server.py", "def generate(data):\n    data['params']['n'] = 1 / 0\n", 1, "ZeroDivisionError"},
		{"a mistake is not kept", "", "", 1, "ZeroDivisionError"},
		{"an image without Python", "info.json", fmt.Sprintf(info, testenv.Image), 3, "has no python3 to run it"},
		{"and again", "", "", 2, "has no python3 to run it"},
	} {
		if c.file != "" {
			write(t, filepath.Join(question, c.file), c.text)
		}
		before := engine.started.Load()
		results := suite.Run(t.Context(), cases, func(*gradertest.Result) {})
		if started := engine.started.Load() - before; started != c.started {
			t.Errorf("%s: %d containers were started, want %d", c.name, started, c.started)
		}
		for _, r := range results {
			if got := told(r); r.Failed || c.want == "" != r.Passed() || !strings.Contains(got, c.want) {
				t.Errorf("%s: %s: %s, want %q", c.name, r.Name, got, c.want)
			}
		}
	}
}

// told is all that a result says is wrong.
func told(r *gradertest.Result) string {
	text := fmt.Sprint(r.Err)
	for _, d := range r.Differences {
		text += fmt.Sprintf(" %s: expected %s, got %s", d.What, d.Want, d.Got)
	}
	if r.Report != nil {
		text += fmt.Sprint(r.Report.Warnings)
	}
	return text
}

// TestFindLink finds the samples of a question to which a link leads.
func TestFindLink(t *testing.T) {
	course := t.TempDir()
	writeQuestion(t, course, 0)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(course, "questions/q000"), link); err != nil {
		t.Fatal(err)
	}
	cases, err := gradertest.Find([]string{link})
	if err != nil || len(cases) != 1 || cases[0].Name != "right" {
		t.Errorf("found %v, %v", cases, err)
	}
}
