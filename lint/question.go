package lint

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/schemas"
)

// question is a question's folder as far as it could be read. What is broken is nil or empty.
type question struct {
	fsys fs.FS  // the course
	dir  string // the question's folder in it

	info       *document
	fault      error // why info.json could not be read; nil where it could
	external   bool  // gradingMethod is External
	options    map[string]any
	violations []schemas.Violation // of the options, by pointer into info.json

	python     bool     // the Python grader grades it
	entrypoint []string // nil if there is none or it is broken
	listed     []string // serverFilesCourse, clean; what leads out is left out
	html       *page    // nil if there is no question.html
	server     []byte   // server.py as text; nil if there is none

	modules  *modules // the Python files of the question and its course; nil if they were not parsed
	unparsed error    // why not
}

const optionsPointer = "/externalGradingOptions"

func readQuestion(fsys fs.FS, dir string) *question {
	q := &question{fsys: fsys, dir: dir}
	q.info, q.fault = readDocument(fsys, q.path("info.json"), jobspec.MaxInfoBytes)
	if q.info == nil {
		return q
	}
	info := q.info.object()
	q.external = info["gradingMethod"] == "External"
	q.options, _ = info["externalGradingOptions"].(map[string]any)
	if _, given := info["externalGradingOptions"]; given && q.external {
		q.readOptions(info["externalGradingOptions"])
	}
	q.python = q.isPython()
	q.html = readPage(fsys, q.path("question.html"))
	q.server, _, _ = readFile(fsys, q.path("server.py"), MaxPythonBytes)
	return q
}

func (q *question) path(name string) string { return path.Join(q.dir, name) }

// readOptions takes what other rules need although some option is wrong.
func (q *question) readOptions(value any) {
	_, err := parseOptions(value)
	if invalid, broken := errors.AsType[*schemas.Invalid](err); broken {
		for _, v := range invalid.Violations {
			v.Pointer = optionsPointer + v.Pointer
			q.violations = append(q.violations, v)
		}
	}
	if value, given := q.options["entrypoint"]; given {
		if parsed, err := parseOptions(map[string]any{"image": "x", "entrypoint": value}); err == nil {
			q.entrypoint = parsed.Entrypoint
		}
	}
	items, _ := q.options["serverFilesCourse"].([]any)
	for _, item := range items {
		if name, isText := item.(string); isText && fs.ValidPath(path.Clean(name)) {
			q.listed = append(q.listed, path.Clean(name))
		}
	}
}

func parseOptions(value any) (*jobspec.Options, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return jobspec.ParseOptions(text)
}

// graded says whether the question is one that a container grades, with options to look at.
func (q *question) graded() bool { return q.external && q.options != nil }

// option is a finding at the value of an option.
func (q *question) option(name, message, advice string) []Finding {
	return []Finding{q.info.finding(q.info.valueAt(optionsPointer+schemas.Pointer(name)), message, advice)}
}

// image is the image's name without registry and tag, for example grader-python; "" if it is none.
func (q *question) image() (base string, tagged bool) {
	text, _ := q.options["image"].(string)
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return "", false
	}
	return path.Base(reference.Path(named)), !reference.IsNameOnly(named)
}

// pythonImages are the names that images of the Python grading contract have.
func pythonImages() []string { return []string{"python-grader", "grader-python"} }

// isPython says whether the Python grader grades the question: by its image, or because its tests import it.
func (q *question) isPython() bool {
	if !q.graded() || !q.ownEntrypoint() {
		return false
	}
	base, _ := q.image()
	if slices.Contains(pythonImages(), base) {
		return true
	}
	text := head(q.fsys, q.path("tests/test.py"), 1<<16)
	return strings.Contains(string(text), "pl_unit_test")
}

// ownEntrypoint says whether the image's own entrypoint runs, which the rules for its tests folder need.
func (q *question) ownEntrypoint() bool {
	_, given := q.options["entrypoint"]
	return !given || len(q.entrypoint) > 0 && strings.Contains(q.entrypoint[0], "python_autograder/run.sh")
}

// copied is the name in the course of what a job has at a path below /grade, "" if the platform puts nothing of the course there.
func (q *question) copied(inGrade string) string {
	switch folder, below, _ := strings.Cut(inGrade, "/"); folder {
	case "tests":
		return q.path(path.Join("tests", below))
	case "serverFilesCourse", "shared":
		return path.Join("serverFilesCourse", below)
	}
	return ""
}

// lists says whether serverFilesCourse brings a path below the course's folder of that name into the job.
func (q *question) lists(below string) bool {
	return slices.ContainsFunc(q.listed, func(name string) bool {
		return name == "." || name == below || strings.HasPrefix(below, name+"/")
	})
}
