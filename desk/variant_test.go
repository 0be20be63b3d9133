package desk_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/internal/testenv"
)

const pythonGrader = "slashgrade/python-grader:dev"

// writeFiles makes a course of the files, named by their paths below it.
func writeFiles(t *testing.T, files map[string]string) (course string) {
	t.Helper()
	course = t.TempDir()
	for name, text := range files {
		path := filepath.Join(course, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return course
}

func serverQuestion(t *testing.T, image, server string) *desk.Question {
	t.Helper()
	course := writeFiles(t, map[string]string{
		"infoCourse.json":            "{}",
		"serverFilesCourse/twice.py": "def twice(n):\n    return 2 * n\n",
		"questions/q/info.json":      `{"gradingMethod": "External", "externalGradingOptions": {"image": "` + image + `", "entrypoint": "true", "timeout": 20}}`,
		"questions/q/words.txt":      "three words here",
		"questions/q/server.py":      server,
	})
	return openQuestion(t, filepath.Join(course, "questions", "q"))
}

// server.py finds what it finds on the platform: its folder, serverFilesCourse, the seed.
func TestVariant(t *testing.T) {
	testenv.NeedsImage(t, pythonGrader, "make images")
	d := newDesk(t)
	question := serverQuestion(t, pythonGrader, `
import random
from twice import twice

def generate(data):
    data["params"]["words"] = len(open("words.txt").read().split())
    data["params"]["n"] = random.randint(1, 10**9)
    data["correct_answers"]["n"] = twice(data["params"]["n"])
`)
	first, err := d.Variant(t.Context(), question, "", 7)
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.Variant(t.Context(), question, "", 7)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("the same seed gives another variant:\n%s", diff)
	}
	n, _ := first.Params["n"].(float64)
	if first.Params["words"] != 3.0 || n == 0 || first.CorrectAnswers["n"] != 2*n {
		t.Errorf("the variant is %+v", first)
	}
}

func TestVariantFails(t *testing.T) {
	testenv.NeedsImage(t, pythonGrader, "make images")
	d := newDesk(t)
	for _, c := range []struct {
		name, image, server, want string
		missing                   bool
	}{
		{"no Python", testenv.Image, "def generate(data): pass", "has no python3", true},
		{"no module", pythonGrader, "import prairielearn as pl\ndef generate(data): pass", "imports the module prairielearn", true},
		{"an exception", pythonGrader, "def generate(data):\n    data['params']['x'] = 1 / 0", "ZeroDivisionError", false},
		{"no JSON", pythonGrader, "def generate(data):\n    data['params']['x'] = {1, 2}", "set is not JSON serializable", false},
		{"an exit", pythonGrader, "import sys\ndef generate(data):\n    sys.exit(3)", "SystemExit", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := d.Variant(t.Context(), serverQuestion(t, c.image, c.server), "", 1)
			var missing *desk.MissingError
			if err == nil || !strings.Contains(err.Error(), c.want) || errors.As(err, &missing) != c.missing {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
		})
	}
}
