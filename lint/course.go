package lint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// MaxQuestions is how many questions of one course are looked at. Large courses have some thousands.
const MaxQuestions = 10_000

// course is a course's folder and what of it is to be checked.
type course struct {
	folder    string // absolute
	root      *os.Root
	fsys      fs.FS
	whole     bool     // infoCourse.json too
	questions []string // folders in the course
	results   []string // results.json files in the course
}

// targets sorts paths by the course that they lie in. An error names the path and what would have been one.
type targets struct {
	courses map[string]*course // by absolute folder
	loose   []string           // results.json files outside of any course
}

func findTargets(paths []string) (*targets, error) {
	t := &targets{courses: map[string]*course{}}
	for _, name := range paths {
		if err := t.add(name); err != nil {
			t.close()
			return nil, err
		}
	}
	return t, nil
}

func (t *targets) close() {
	for _, c := range t.courses {
		_ = c.root.Close()
	}
}

func (t *targets) add(name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	full, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	folder := courseAbove(full)
	if real, err := filepath.EvalSymlinks(full); folder == "" && err == nil { // perhaps a link leads into one
		folder, full = courseAbove(real), real
	}
	switch {
	case folder == "" && !info.IsDir() && filepath.Ext(name) == ".json":
		t.loose = append(t.loose, name)
		return nil
	case folder == "":
		return fmt.Errorf("%s lies in no course: no folder above it has an infoCourse.json", name)
	}
	c, err := t.course(folder)
	if err != nil {
		return err
	}
	below, err := filepath.Rel(folder, full)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return c.addFolder(filepath.ToSlash(below))
	}
	return c.addFile(filepath.ToSlash(below))
}

func courseAbove(folder string) string {
	for {
		if _, err := os.Stat(filepath.Join(folder, "infoCourse.json")); err == nil {
			return folder
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return ""
		}
		folder = parent
	}
}

func (t *targets) course(folder string) (*course, error) {
	if known := t.courses[folder]; known != nil {
		return known, nil
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open the course: %w", err)
	}
	c := &course{folder: folder, root: root, fsys: root.FS()}
	t.courses[folder] = c
	return c, nil
}

// shown is the path of a file of the course from the working directory, if that lies in the course or the course in it, else the whole
// path.
func (c *course) shown(name string) string {
	full := filepath.Join(c.folder, filepath.FromSlash(name))
	here, err := os.Getwd()
	if err != nil {
		return full
	}
	inside, _ := filepath.Rel(c.folder, here)
	below, err := filepath.Rel(here, full)
	if err == nil && (filepath.IsLocal(below) || filepath.IsLocal(inside)) {
		return below
	}
	return full
}

// addFolder adds the course, one question, or all questions below a folder of the course.
func (c *course) addFolder(dir string) error {
	switch {
	case dir == ".":
		c.whole = true
		return c.addQuestionsBelow("questions")
	case c.isQuestion(dir):
		c.addQuestion(dir)
		return nil
	}
	if above := c.questionAbove(dir); above != "" {
		c.addQuestion(above)
		return nil
	}
	before := len(c.questions)
	if err := c.addQuestionsBelow(dir); err != nil {
		return err
	}
	if len(c.questions) == before {
		return fmt.Errorf("%s is neither a course nor a question, and there is no question below it: a question has an info.json", c.shown(dir))
	}
	return nil
}

// addFile adds a results file, or the question that a file belongs to.
func (c *course) addFile(name string) error {
	base := path.Base(name)
	if base == "infoCourse.json" {
		c.whole = true
		return nil
	}
	if path.Ext(base) == ".json" && base != "info.json" {
		c.results = append(c.results, name)
		return nil
	}
	if above := c.questionAbove(path.Dir(name)); above != "" {
		c.addQuestion(above)
		return nil
	}
	return fmt.Errorf("%s belongs to no question: check takes courses, questions, their files, and results as .json", c.shown(name))
}

// isQuestion says whether a folder is one, or was meant to be.
func (c *course) isQuestion(dir string) bool {
	return exists(c.fsys, path.Join(dir, "info.json")) || exists(c.fsys, path.Join(dir, "question.html"))
}

func (c *course) questionAbove(dir string) string {
	for ; dir != "."; dir = path.Dir(dir) {
		if c.isQuestion(dir) {
			return dir
		}
	}
	return ""
}

func (c *course) addQuestion(dir string) {
	if !slices.Contains(c.questions, dir) {
		c.questions = append(c.questions, dir)
	}
}

var errTooMany = fmt.Errorf("there are more than %d questions", MaxQuestions)

func (c *course) addQuestionsBelow(dir string) error {
	err := fs.WalkDir(c.fsys, dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == dir:
			return nil // a course without questions
		case err != nil:
			return err
		case !d.IsDir():
			return nil
		case strings.HasPrefix(d.Name(), ".") && name != dir:
			return fs.SkipDir
		case !c.isQuestion(name):
			return nil
		case len(c.questions) >= MaxQuestions:
			return errTooMany
		}
		c.addQuestion(name)
		return fs.SkipDir
	})
	if err != nil {
		return fmt.Errorf("look for questions in %s: %w", c.shown(dir), err)
	}
	return nil
}

// resultsOf are the results.json files that lie in a question's folder, as examples of what its grader writes. What students hand in is
// not among them.
func (c *course) resultsOf(dir string) []string {
	var found []string
	entries, _ := tree(c.fsys, dir)
	for _, e := range entries {
		if path.Base(e.name) == "results.json" && e.mode.IsRegular() && !strings.HasPrefix(e.name, path.Join(dir, "grader_tests")+"/") {
			found = append(found, e.name)
		}
	}
	return found
}
