package jobspec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/slashgrade/slashgrade/schemas"
)

// Question is an externally graded question of a course.
type Question struct {
	// Dir is the question's folder in the course, for example questions/fibonacci.
	Dir string
	// Title is the question's title, "" if it has none.
	Title string
	// Options say how it is graded.
	Options *Options
	// Params are the parameters that question.html declares (see params.go); they go to data/data.json.
	Params map[string]any
	// Warnings are what the course's staff should mend or know, those of Options among them.
	Warnings []string
}

// ServerNotRun is the warning of a question that has a server.py. Whoever has run it may take the warning away.
const ServerNotRun = "server.py is not run here: parameters that it computes are missing from data/data.json"

// ParseQuestion reads the question whose folder in the course is dir: its info.json, and question.html for the parameters. An error
// names the question and all that is wrong with it.
func ParseQuestion(fsys fs.FS, dir string) (*Question, error) {
	q, err := parseQuestion(fsys, path.Clean(dir))
	if err != nil {
		return nil, fmt.Errorf("question %s: %w", dir, err)
	}
	return q, nil
}

func parseQuestion(fsys fs.FS, dir string) (*Question, error) {
	data, err := readBounded(fsys, path.Join(dir, "info.json"), MaxInfoBytes)
	if err != nil {
		return nil, err
	}
	document, err := schemas.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("info.json: %w", err)
	}
	info, isObject := document.Value.(map[string]any)
	if !isObject {
		return nil, fmt.Errorf("info.json must be an object, found %s", schemas.Describe(document.Value))
	}
	q := &Question{Dir: dir, Warnings: document.Warnings}
	q.Title, _ = info["title"].(string)
	if q.Options, err = questionOptions(info); err != nil {
		return nil, fmt.Errorf("info.json: %w", err)
	}
	q.Warnings = append(q.Warnings, q.Options.Warnings...)
	if err := q.readParams(fsys); err != nil {
		return nil, err
	}
	return q, nil
}

func questionOptions(info map[string]any) (*Options, error) {
	if method := info["gradingMethod"]; method != "External" {
		return nil, fmt.Errorf("%w (found %s): no container grades this question", errNotExternal, schemas.Describe(method))
	}
	options, given := info["externalGradingOptions"]
	if !given {
		return nil, errors.New(`"externalGradingOptions" is required when "gradingMethod" is "External"`)
	}
	return readOptions(options)
}

// readParams takes the parameters that question.html declares. What server.py would compute is not known here: no code of a course
// runs outside a container.
func (q *Question) readParams(fsys fs.FS) error {
	html, err := readBounded(fsys, path.Join(q.Dir, "question.html"), MaxInfoBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	params, err := declaredParams(html)
	if err != nil {
		q.Warnings = append(q.Warnings, "the parameters in question.html could not be read: "+err.Error())
	}
	q.Params = params
	if _, err := fs.Stat(fsys, path.Join(q.Dir, "server.py")); err == nil {
		q.Warnings = append(q.Warnings, ServerNotRun)
	}
	return nil
}

// readBounded reads a regular file of at most limit bytes.
func readBounded(fsys fs.FS, name string, limit int64) ([]byte, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return data, nil
}
