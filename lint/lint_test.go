package lint_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/internal/testenv"
	"github.com/slashgrade/slashgrade/lint"
)

const examples = "../examples"

func check(t *testing.T, opts *lint.Options, paths ...string) *lint.Report {
	t.Helper()
	report, err := lint.Check(t.Context(), paths, opts)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestExamplesPass holds the example courses to every rule, notes included.
func TestExamplesPass(t *testing.T) {
	testenv.NeedsPython(t)
	for course, questions := range map[string]int{"course": 2, "python-course": 6} {
		report := check(t, &lint.Options{}, filepath.Join(examples, course))
		if report.Questions < questions {
			t.Errorf("%s: %d questions were looked at, want at least %d", course, report.Questions, questions)
		}
		for _, f := range report.Findings {
			t.Errorf("%s:%d:%d: %s [%s]", f.File, f.Line, f.Column, f.Message, f.Rule)
		}
	}
}

// TestMistakes makes one mistake in each of many copies of the examples' questions, all in one course, and compares all that is found:
// each mistake by name and line, and nothing else.
func TestMistakes(t *testing.T) {
	testenv.NeedsPython(t)
	course := t.TempDir()
	copyTree(t, filepath.Join(examples, "course/infoCourse.json"), filepath.Join(course, "infoCourse.json"))
	copyTree(t, filepath.Join(examples, "course/serverFilesCourse"), filepath.Join(course, "serverFilesCourse"))
	copyTree(t, filepath.Join(examples, "python-course/serverFilesCourse"), filepath.Join(course, "serverFilesCourse"))
	writeFile(t, filepath.Join(course, "serverFilesCourse/other/run.sh"), "#!/bin/sh\n", 0o755)
	var want []string
	for i, m := range slices.Concat(optionMistakes(), entrypointMistakes(), pythonMistakes()) {
		folder := filepath.Join(course, "questions", fmt.Sprintf("%03d-%s", i, m.rule))
		copyTree(t, filepath.Join(examples, filepath.Dir(filepath.Dir(m.question)), "questions", filepath.Base(m.question)), folder)
		for _, e := range m.edits {
			makeMistake(t, filepath.Join(folder, e[0]), e[1], e[2])
		}
		want = append(want, fmt.Sprintf("%s:%d %s", filepath.Join(folder, m.at), lineOf(t, filepath.Join(folder, m.at), m.on), m.rule))
	}
	if len(want) < 60 {
		t.Fatalf("only %d mistakes are made", len(want))
	}
	report := check(t, &lint.Options{}, course)
	var got []string
	for _, f := range report.Findings {
		got = append(got, fmt.Sprintf("%s:%d %s", f.File, f.Line, f.Rule))
		if f.Message == "" || f.Advice == "" || f.Column < 1 || strings.Contains(f.Message, course) {
			t.Errorf("a finding without message, advice or column, or with a path in its message: %+v", f)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-mistakes made +found):\n%s", diff)
	}
}

// TestEveryRuleIsTried holds the list of mistakes to the list of rules.
func TestEveryRuleIsTried(t *testing.T) {
	elsewhere := map[string]string{
		"info-unreadable": "TestUnreadable", "python-not-read": "TestWithoutPython",
	}
	tried := map[string]bool{}
	for _, m := range slices.Concat(optionMistakes(), entrypointMistakes(), pythonMistakes()) {
		tried[m.rule] = true
	}
	names := map[string]bool{}
	for _, rule := range lint.Rules() {
		if names[rule.Name] {
			t.Errorf("two rules are called %s", rule.Name)
		}
		names[rule.Name] = true
		if !tried[rule.Name] && elsewhere[rule.Name] == "" {
			t.Errorf("no mistake tries the rule %s", rule.Name)
		}
	}
}

// makeMistake edits a file. A text that is not there is a mistake of the test.
func makeMistake(t *testing.T, file, text, replacement string) {
	t.Helper()
	switch {
	case text == "" && replacement == "-":
		must(t, os.RemoveAll(file))
	case text == "":
		writeFile(t, file, replacement, 0o644)
	case text == "chmod":
		mode, err := strconv.ParseUint(replacement, 8, 32)
		must(t, err)
		must(t, os.Chmod(file, os.FileMode(mode)))
	case text == "link":
		must(t, os.Symlink(replacement, file))
	case text == "fifo":
		must(t, syscall.Mkfifo(file, 0o644))
	case text == "size":
		writeFile(t, file, "", 0o644)
		size, err := strconv.ParseInt(replacement, 10, 64)
		must(t, err)
		must(t, os.Truncate(file, size))
	case text == "padded":
		writeFile(t, file, fmt.Sprintf(replacement, strings.Repeat("x", 1<<20)), 0o644)
	default:
		data, err := os.ReadFile(file)
		must(t, err)
		if !bytes.Contains(data, []byte(text)) {
			t.Fatalf("%s has no %q to change", file, text)
		}
		must(t, os.WriteFile(file, bytes.ReplaceAll(data, []byte(text), []byte(replacement)), 0o600))
	}
}

func lineOf(t *testing.T, file, on string) int {
	t.Helper()
	if on == "" {
		return 1
	}
	data, err := os.ReadFile(file)
	must(t, err)
	lines := strings.SplitAfter(string(data), "\n")
	text, last := strings.CutPrefix(on, "last ")
	found := 0
	for i, line := range lines {
		if strings.Contains(line, text) && (last || found == 0) {
			found = i + 1
		}
	}
	if found == 0 {
		t.Fatalf("%s has no line with %q", file, on)
	}
	return found
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(name), 0o755))
	must(t, os.WriteFile(name, []byte(text), mode))
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	must(t, err)
	if info.IsDir() {
		must(t, os.CopyFS(to, os.DirFS(from)))
		return
	}
	data, err := os.ReadFile(from)
	must(t, err)
	writeFile(t, to, string(data), info.Mode())
}

func TestUnreadable(t *testing.T) {
	course := t.TempDir()
	writeFile(t, filepath.Join(course, "infoCourse.json"), "{}", 0o644)
	writeFile(t, filepath.Join(course, "questions/large/info.json"), "{}"+strings.Repeat(" ", 2<<20), 0o644)
	must(t, os.MkdirAll(filepath.Join(course, "questions/pipe"), 0o755))
	must(t, syscall.Mkfifo(filepath.Join(course, "questions/pipe/info.json"), 0o644))
	must(t, os.MkdirAll(filepath.Join(course, "questions/out"), 0o755))
	must(t, os.Symlink("/etc/hostname", filepath.Join(course, "questions/out/info.json")))
	report := check(t, &lint.Options{}, course)
	if len(report.Findings) != 3 {
		t.Errorf("%d findings, want one for each question: %+v", len(report.Findings), report.Findings)
	}
	for _, f := range report.Findings {
		if f.Rule != "info-unreadable" {
			t.Errorf("%s: %s [%s]", f.File, f.Message, f.Rule)
		}
	}
}

func TestWithoutPython(t *testing.T) {
	report := check(t, &lint.Options{Python: lint.Python{Command: []string{filepath.Join(t.TempDir(), "python3")}}}, filepath.Join(examples, "course"))
	if len(report.Findings) != 1 || report.Findings[0].Rule != "python-not-read" || report.Count(lint.Note) != 1 {
		t.Errorf("findings %+v, want one note that Python is missing", report.Findings)
	}
}

// TestPythonInTheImage parses with the interpreter of the grader's image, where a machine has none of its own.
func TestPythonInTheImage(t *testing.T) {
	const image = "slashgrade/python-grader:dev"
	testenv.NeedsImage(t, image, "make images")
	command := []string{"docker", "run", "--rm", "-i", "--network", "none", "--entrypoint", "/venv/bin/python", image}
	course := t.TempDir()
	copyTree(t, filepath.Join(examples, "course"), course)
	makeMistake(t, filepath.Join(course, "questions/fibonacci/tests/test.py"), "Feedback.check_scalar", "Feedback.check_scale")
	report := check(t, &lint.Options{Python: lint.Python{Command: command}}, course)
	if len(report.Findings) != 1 || report.Findings[0].Rule != "feedback-unknown" {
		t.Errorf("findings %+v, want feedback-unknown", report.Findings)
	}
}

func TestTargets(t *testing.T) {
	testenv.NeedsPython(t)
	course := filepath.Join(examples, "course")
	for _, c := range []struct {
		path      string
		questions int
		err       string
	}{
		{course, 2, ""},
		{filepath.Join(course, "questions"), 2, ""},
		{filepath.Join(course, "questions/word-count"), 1, ""},
		{filepath.Join(course, "questions/word-count/tests/cases"), 1, ""},
		{filepath.Join(course, "questions/word-count/tests/run.sh"), 1, ""},
		{filepath.Join(course, "questions/word-count/info.json"), 1, ""},
		{filepath.Join(course, "infoCourse.json"), 0, ""},
		{filepath.Join(course, "serverFilesCourse"), 0, "neither a course nor a question"},
		{filepath.Join(course, "serverFilesCourse/shell/json.sh"), 0, "belongs to no question"},
		{filepath.Join(course, "nowhere"), 0, "no such file"},
		{t.TempDir(), 0, "lies in no course"},
	} {
		report, err := lint.Check(t.Context(), []string{c.path}, &lint.Options{})
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want %q", c.path, err, c.err)
			}
			continue
		}
		if err != nil || report.Questions != c.questions {
			t.Errorf("%s: %+v, %v, want %d questions", c.path, report, err, c.questions)
		}
	}
}

func TestIgnore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "my-results.json")
	writeFile(t, file, `{"score": 1, "Message": "a"}`, 0o644)
	if got := check(t, &lint.Options{}, file); len(got.Findings) != 1 || got.Findings[0].Rule != "results-shown" || got.Findings[0].File != file {
		t.Errorf("findings %+v, want results-shown in %s", got.Findings, file)
	}
	if got := check(t, &lint.Options{Ignore: []string{"results-shown"}}, file); len(got.Findings) != 0 {
		t.Errorf("the ignored rule speaks: %+v", got.Findings)
	}
	if _, err := lint.Check(t.Context(), []string{file}, &lint.Options{Ignore: []string{"no-such-rule"}}); err == nil {
		t.Error("an unknown rule can be ignored")
	}
}

// TestPythonIsNotRun holds the promise that no code of a course runs.
func TestPythonIsNotRun(t *testing.T) {
	testenv.NeedsPython(t)
	course := t.TempDir()
	copyTree(t, filepath.Join(examples, "course"), course)
	mark := filepath.Join(t.TempDir(), "was-run")
	hostile := fmt.Sprintf("import json\nopen(%q, 'w')\n", mark)
	tests := filepath.Join(course, "questions/fibonacci/tests")
	for _, name := range []string{"ans.py", "setup_code.py", "json.py", "ast.py", "sitecustomize.py"} {
		writeFile(t, filepath.Join(tests, name), hostile, 0o644)
	}
	t.Chdir(tests)
	check(t, &lint.Options{}, course)
	if _, err := os.Stat(mark); err == nil {
		t.Error("code of the course was run")
	}
}

// TestHostilePython feeds the parser what breaks parsers; each file gets its finding or none, and never ends the check.
func TestHostilePython(t *testing.T) {
	testenv.NeedsPython(t)
	for name, text := range map[string]string{
		"NUL": "x = 1\x00", "depth": strings.Repeat("(", 5000) + strings.Repeat(")", 5000), "unary": "x = " + strings.Repeat("-", 20000) + "1",
		"not UTF-8": "x = '\xff'", "huge number": "x = 1" + strings.Repeat("0", 10000), "nan": "x = 1e999 - 1e999\nclass Test:\n    a = 1e999\n",
		"long chain": "x" + strings.Repeat(".a", 20000), "empty": "", "escape": "# \u2028 \f\v\nclass A: pass\n",
	} {
		t.Run(name, func(t *testing.T) {
			course := t.TempDir()
			copyTree(t, filepath.Join(examples, "course"), course)
			writeFile(t, filepath.Join(course, "questions/fibonacci/tests/test.py"), text, 0o644)
			for _, f := range check(t, &lint.Options{}, filepath.Join(course, "questions/fibonacci")).Findings {
				if f.Rule != "python-syntax" && f.Rule != "test-class" && f.Rule != "test-base" && f.Rule != "test-none" && f.Rule != "python-not-read" {
					t.Errorf("%s:%d: %s [%s]", f.File, f.Line, f.Message, f.Rule)
				}
			}
		})
	}
}

func TestFormats(t *testing.T) {
	report := &lint.Report{Findings: []lint.Finding{{
		File: "a b,c:d\n::error::x/info.json", Line: 3, Column: 4, Rule: "image-tag", Severity: lint.Warning, Message: "100% wrong\n::error::y", Advice: "mend it",
	}}}
	var github, sarif, text bytes.Buffer
	must(t, report.WriteGitHub(&github))
	must(t, report.WriteSARIF(&sarif, "1.0"))
	must(t, report.WriteJSON(&text))
	want := "::warning file=a b%2Cc%3Ad%0A%3A%3Aerror%3A%3Ax/info.json,line=3,col=4,title=image-tag::100%25 wrong%0A::error::y. mend it\n"
	if github.String() != want {
		t.Errorf("GitHub's format:\n%q, want\n%q", github.String(), want)
	}
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct{ RuleID, Level string }
		}
	}
	must(t, json.Unmarshal(sarif.Bytes(), &log))
	if log.Version != "2.1.0" || len(log.Runs) != 1 || len(log.Runs[0].Tool.Driver.Rules) != len(lint.Rules()) || log.Runs[0].Results[0].RuleID != "image-tag" ||
		log.Runs[0].Results[0].Level != "warning" {
		t.Errorf("SARIF:\n%s", sarif.String())
	}
	var back lint.Report
	must(t, json.Unmarshal(text.Bytes(), &back))
	if diff := cmp.Diff(report, &back); diff != "" {
		t.Errorf("JSON (-written +read):\n%s", diff)
	}
}
