package slashgrade_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/go-units"
	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/gradertest"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/lint"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/schemas"
)

const (
	operating   = "docs/operating.md"
	protocol    = "docs/protocol.md"
	courses     = "docs/courses.md"
	checking    = "docs/check.md"
	graderTests = "docs/grader-tests.md"
	regrading   = "docs/regrading.md"
)

// buildProgram returns the path of the program.
func buildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "slashgrade")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/slashgrade").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// help is what `slashgrade COMMAND --help` prints.
func help(t *testing.T, command string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), buildProgram(t), command, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

var helpedKey = regexp.MustCompile(`(?m)^ +--([a-z0-9]+\.[a-z0-9_]+) \S+ .*?(?: \(default (.*)\))?$`)

func TestConfigurationTable(t *testing.T) {
	ofThisMachine := []string{"runner.concurrency", "runner.data_dir", "pool.places"}
	want := map[string]string{}
	for _, found := range helpedKey.FindAllStringSubmatch(help(t, "serve"), -1) {
		want[found[1]] = plainDuration(found[2])
	}
	got := map[string]string{}
	for _, row := range readDocument(t, operating).rows(t, "key", "default", "meaning") {
		// Help texts leave a default of 0 out, like an empty one.
		got[code(t, row[0])] = plainDuration(strings.TrimPrefix(strings.TrimPrefix(strings.Trim(row[1], "`"), "empty"), "0"))
	}
	for _, key := range ofThisMachine {
		if _, there := want[key]; there && got[key] != "" {
			want[key] = got[key]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table of keys is not what `slashgrade serve --help` says (-help +table):\n%s", diff)
	}
}

// plainDuration writes durations in one way, and leaves everything else.
func plainDuration(text string) string {
	if d, err := time.ParseDuration(text); err == nil {
		return d.String()
	}
	return text
}

// TestLimitsTable compares every limit that a profile has with the table, by its key.
func TestLimitsTable(t *testing.T) {
	got := map[string][]string{}
	for _, row := range readDocument(t, operating).rows(t, "limit", "`prairielearn`", "`strict`") {
		key := row[3]
		if key != "" {
			key = code(t, key)
		}
		got[key] = row[1:3]
	}
	want := map[string][]string{}
	for _, name := range []string{sandbox.PrairieLearn, sandbox.Strict} {
		profile := sandbox.Profiles()[name]
		for _, limit := range profile.Limits() {
			want[limit.Key] = append(want[limit.Key], shownLimit(limit))
		}
		want[""] = append(want[""], units.BytesSize(float64(profile.ContainerBytes(&sandbox.Image{}))))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table of limits is not what the profiles say (-profiles +table):\n%s", diff)
	}
}

func shownLimit(limit sandbox.Limit) string {
	nothing := map[string]string{"user": "the image's", "capabilities": "none", "runtime": "the engine's"}
	if limit.Value == "" {
		return nothing[limit.Key]
	}
	return limit.Value
}

// property reads the names of a schema's keys.
func properties(t *testing.T, schema string) map[string]json.RawMessage {
	t.Helper()
	text, err := schemas.Text(schema)
	if err != nil {
		t.Fatal(err)
	}
	var object struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	if err := json.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	return object.Properties
}

func TestKeyTables(t *testing.T) {
	for _, c := range []struct {
		document, header, schema string
	}{
		{protocol, "key of the message", schemas.JobMessageName},
		{protocol, "key", schemas.ReportName},
		{courses, "option", schemas.OptionsName},
	} {
		var want []string
		for name := range properties(t, c.schema) {
			want = append(want, name)
		}
		got := firstCodes(t, readDocument(t, c.document).rows(t, c.header))
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: the table %q is not the keys of %s (-schema +table):\n%s", c.document, c.header, c.schema, diff)
		}
	}
}

func TestOutcomeTable(t *testing.T) {
	var outcome struct {
		Enum []string `json:"enum"`
	}
	if err := json.Unmarshal(properties(t, schemas.ReportName)["outcome"], &outcome); err != nil {
		t.Fatal(err)
	}
	got := firstCodes(t, readDocument(t, protocol).rows(t, "outcome"))
	slices.Sort(outcome.Enum)
	slices.Sort(got)
	if diff := cmp.Diff(outcome.Enum, slices.Compact(got)); diff != "" {
		t.Errorf("the table of outcomes is not the schema's list (-schema +table):\n%s", diff)
	}
}

// TestStudentMessages finds every piece of text that a student may read in the table of outcomes.
func TestStudentMessages(t *testing.T) {
	var table strings.Builder
	for _, row := range readDocument(t, protocol).rows(t, "outcome") {
		table.WriteString(strings.Join(codes(row[2]), "") + "\n")
	}
	const source = "runner/messages.go"
	placeholder := regexp.MustCompile(`%[a-z]|\n`)
	pieces := 0
	for _, text := range messageTexts(goFiles(t, func(name string) bool { return name == source })[source]) {
		for _, piece := range placeholder.Split(text, -1) {
			if pieces++; !strings.Contains(table.String(), strings.TrimSpace(piece)) {
				t.Errorf("no message of the table of outcomes holds %q of %s", piece, source)
			}
		}
	}
	if pieces < 20 {
		t.Errorf("only %d pieces of messages were found in %s", pieces, source)
	}
}

// messageTexts are the text literals of what is given to a field or variable whose name begins with message, in any case, and of constants.
func messageTexts(file *ast.File) []string {
	var texts []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "message" {
				texts = append(texts, literals(n.Value)...)
			}
		case *ast.AssignStmt:
			if isMessage(n.Lhs[0]) {
				texts = append(texts, literals(n.Rhs[0])...)
			}
		case *ast.ValueSpec:
			if n.Names[0].Name == "contactStaff" {
				texts = append(texts, literals(n.Values[0])...)
			}
		}
		return true
	})
	return texts
}

func isMessage(target ast.Expr) bool {
	name := ""
	switch target := target.(type) {
	case *ast.Ident:
		name = target.Name
	case *ast.SelectorExpr:
		name = target.Sel.Name
	}
	return name == "messages" || name == "Message"
}

func literals(n ast.Node) []string {
	var texts []string
	ast.Inspect(n, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, err := strconv.Unquote(literal.Value); err == nil {
				texts = append(texts, text)
			}
		}
		return true
	})
	return texts
}

func TestLogTable(t *testing.T) {
	got := map[string]string{}
	for _, row := range readDocument(t, operating).rows(t, "level", "message") {
		got[code(t, row[1])] = row[0]
	}
	logged := logLines(t)
	for message, level := range got {
		if logged[message] != level {
			t.Errorf("the table has %q at level %s; the program logs it at %q", message, level, logged[message])
		}
	}
	for message, level := range logged {
		if _, there := got[message]; !there && level != "info" {
			t.Errorf("the table lacks the %s %q", level, message)
		}
	}
}

// logLines are the messages that the program logs for operators, with their levels.
func logLines(t *testing.T) map[string]string {
	t.Helper()
	levels := map[string]string{"InfoContext": "info", "WarnContext": "warn", "Warn": "warn", "ErrorContext": "error"}
	lines := map[string]string{}
	for _, file := range goFiles(t, isSource) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || levels[calledName(call)] == "" {
				return true
			}
			for _, argument := range call.Args[:min(2, len(call.Args))] {
				if literal, ok := argument.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					text, _ := strconv.Unquote(literal.Value)
					lines[text] = levels[calledName(call)]
					break
				}
			}
			return true
		})
	}
	return lines
}

func TestExitStatusTables(t *testing.T) {
	for name, command := range map[string]string{protocol: "enqueue", courses: "enqueue", checking: "check", graderTests: "test", regrading: "regrade"} {
		var got []string
		for _, row := range readDocument(t, name).rows(t, "exit status") {
			got = append(got, row[0])
		}
		if diff := cmp.Diff(explainedStatuses(t, command), got); diff != "" {
			t.Errorf("%s: the exit statuses (-help of %s +table):\n%s", name, command, diff)
		}
	}
}

// explainedStatuses are the exit statuses that a command's help explains.
func explainedStatuses(t *testing.T, command string) []string {
	t.Helper()
	_, explained, _ := strings.Cut(help(t, command), "Exit status: ")
	explained, _, _ = strings.Cut(explained, ".")
	var statuses []string
	for _, found := range regexp.MustCompile(`(?:^|;\s)([0-9]+) [a-z]`).FindAllStringSubmatch(explained, -1) {
		statuses = append(statuses, found[1])
	}
	slices.Sort(statuses)
	if len(statuses) == 0 {
		t.Fatalf("the help of %s explains no exit status", command)
	}
	return statuses
}

// TestExpectTable compares the documented keys of expect.toml with the program's.
func TestExpectTable(t *testing.T) {
	got := firstCodes(t, readDocument(t, graderTests).rows(t, "key of expect.toml"))
	if diff := cmp.Diff(gradertest.Keys(), got); diff != "" {
		t.Errorf("the table of keys is not the program's list (-program +table):\n%s", diff)
	}
}

// TestRulesTable compares the documented rules of check with the program's.
func TestRulesTable(t *testing.T) {
	var want [][]string
	for _, rule := range lint.Rules() {
		want = append(want, []string{"`" + rule.Name + "`", string(rule.Severity), rule.Finds})
	}
	if diff := cmp.Diff(want, readDocument(t, checking).rows(t, "rule", "severity", "finds")); diff != "" {
		t.Errorf("the table of rules is not the program's list (-program +table):\n%s", diff)
	}
}

func TestErrorExamples(t *testing.T) {
	for _, c := range []struct {
		header []string
		check  func(document string) string
	}{
		{[]string{"externalGradingOptions", "error"}, optionsError},
		{[]string{"results.json", "error"}, resultsError},
		{[]string{"results.json", "warning"}, resultsWarnings},
	} {
		for _, row := range readDocument(t, courses).rows(t, c.header...) {
			document, want := code(t, row[0]), code(t, row[1])
			if got := c.check(document); !strings.Contains(got, want) {
				t.Errorf("%s gives the %s %q, the table says %q", document, c.header[1], got, want)
			}
		}
	}
}

func optionsError(document string) string {
	_, err := jobspec.ParseOptions([]byte(document))
	return fmt.Sprint(err)
}

func resultsError(document string) string {
	decoded, err := schemas.Decode([]byte(document))
	if err != nil {
		return err.Error()
	}
	_, err = schemas.ValidateResults(decoded.Value)
	return fmt.Sprint(err)
}

func resultsWarnings(document string) string {
	decoded, err := schemas.Decode([]byte(document))
	if err != nil {
		return err.Error()
	}
	warnings, err := schemas.ValidateResults(decoded.Value)
	if err != nil {
		return err.Error()
	}
	return strings.Join(append(decoded.Warnings, warnings...), "\n")
}

// TestJSONExamples reads every example of a document as what it is an example of.
func TestJSONExamples(t *testing.T) {
	for _, d := range pages(t) {
		for _, b := range d.blocks() {
			if b.info[0] != "json" {
				continue
			}
			if err := checkExample(b.text); err != nil {
				t.Errorf("%s:%d: %v", d.name, b.line, err)
			}
		}
	}
}

func checkExample(text string) error {
	document, err := schemas.Decode([]byte(text))
	if err != nil {
		return err
	}
	object, _ := document.Value.(map[string]any)
	switch {
	case object["externalGradingOptions"] != nil:
		return schemas.ValidateOptions(object["externalGradingOptions"])
	case object["event"] != nil:
		return nil // TestEvents of sqsqueue holds their form
	case object["score"] != nil:
		warnings, err := schemas.ValidateResults(document.Value)
		if len(warnings) > 0 {
			return errors.New(strings.Join(warnings, "; "))
		}
		return err
	default:
		return errors.New("nobody knows what this is an example of")
	}
}

// TestTOMLExamples has the program read every example of a configuration. The configuration is checked before the question is looked for.
func TestTOMLExamples(t *testing.T) {
	program, folder := buildProgram(t), t.TempDir()
	for _, d := range pages(t) {
		for _, b := range d.blocks() {
			if b.info[0] != "toml" {
				continue
			}
			file := filepath.Join(folder, "slashgrade.toml")
			if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := exec.CommandContext(t.Context(), program, "enqueue", "--config", file, filepath.Join(folder, "nowhere")).CombinedOutput()
			if err == nil || !strings.Contains(string(out), "the folder does not exist") {
				t.Errorf("%s:%d: %v, %s", d.name, b.line, err, out)
			}
		}
	}
}
