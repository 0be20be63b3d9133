package slashgrade_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testenv"
)

const workflow = "examples/ci/graders.yml"

var workflowStep = regexp.MustCompile(`(?m)^ +run: (.+)$`)

// TestCommandsOfWorkflow runs the steps of the workflow for courses as it would: beside a course, with the project in a folder of its own.
func TestCommandsOfWorkflow(t *testing.T) {
	testenv.NeedsImage(t, "slashgrade/python-grader:dev", "make images")
	text, err := os.ReadFile(workflow)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.CopyFS(filepath.Join(folder, "course"), os.DirFS("examples/course")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(copyProject(t), filepath.Join(folder, "slashgrade")); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for _, found := range workflowStep.FindAllStringSubmatch(string(text), -1) {
		if strings.HasSuffix(found[1], " images") {
			continue // it takes minutes on a fresh machine; NeedsImage holds what it makes
		}
		steps++
		step := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", found[1])
		step.Dir, step.Env = folder, environment(t)
		if out, err := step.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", found[1], err, out)
		}
	}
	if report, err := os.ReadFile(filepath.Join(folder, "grader-tests.xml")); steps != 3 || err != nil || !strings.Contains(string(report), "<testcase") {
		t.Errorf("%d steps ran, the report is %q, %v", steps, report, err)
	}
}
