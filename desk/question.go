package desk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slashgrade/slashgrade/jobspec"
)

// Files that mark a course's folder and a question's.
const (
	courseFile = "infoCourse.json"
	infoFile   = "info.json"
)

// Question is a question of a course on this machine's disk.
type Question struct {
	*jobspec.Question
	// Folder is the question's folder and Course the course's, both absolute.
	Folder, Course string

	root *os.Root
}

// OpenQuestion reads the question in the folder. Course is the course's folder; "" finds the nearest one above the question that holds
// infoCourse.json. An error names what is wrong and where; the caller owes Close otherwise.
func OpenQuestion(folder, course string) (*Question, error) {
	course, dir, err := findCourse(folder, course)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(course)
	if err != nil {
		return nil, fmt.Errorf("open the course: %w", err)
	}
	question, err := jobspec.ParseQuestion(root.FS(), dir)
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	return &Question{Question: question, Folder: filepath.Join(course, filepath.FromSlash(dir)), Course: course, root: root}, nil
}

// Close closes the course's folder. Works of the question can then not be graded any more.
func (q *Question) Close() error { return q.root.Close() }

// Name is the question's folder below the course's folder questions, as PrairieLearn names questions, for example lists/median.
func (q *Question) Name() string { return strings.TrimPrefix(q.Dir, "questions/") }

// Work is one submission that can be graded. It may be graded more than once, and reads the course's files each time.
type Work struct {
	// Job is what will run. Its fields may be changed before it is graded, for example Image.
	Job jobspec.Job
	// Tree is /grade before the job.
	Tree *jobspec.GradeDir
}

// Work assembles /grade for the submission as the platform does.
func (q *Question) Work(submission *jobspec.Submission) (*Work, error) {
	tree, err := jobspec.NewGradeDir(q.root.FS(), q.Question, submission)
	if err != nil {
		return nil, err
	}
	options, warnings := q.Options, q.Warnings
	if submission.Params != nil { // whoever gives them has run server.py, or knows better
		warnings = slices.DeleteFunc(slices.Clone(warnings), func(text string) bool { return text == jobspec.ServerNotRun })
	}
	return &Work{Tree: tree, Job: jobspec.Job{
		ID: strings.ToLower(rand.Text()), Image: options.Image, Entrypoint: options.Entrypoint, Timeout: options.Timeout,
		EnableNetworking: options.EnableNetworking, Environment: options.Environment, Warnings: warnings,
	}}, nil
}

// findCourse returns the course's folder, absolute, and the question's path below it, with slashes.
func findCourse(folder, course string) (root, dir string, err error) {
	if folder, err = filepath.Abs(folder); err != nil {
		return "", "", err
	}
	if err := checkFolder(folder); err != nil {
		return "", "", err
	}
	if root = course; root == "" {
		root, folder = courseOf(folder)
	}
	if root == "" {
		return "", "", fmt.Errorf("no course above %s: no folder there has an %s\nname the course's folder with --course", folder, courseFile)
	}
	if root, err = filepath.Abs(root); err != nil {
		return "", "", err
	}
	dir, err = filepath.Rel(root, folder)
	if err != nil || !filepath.IsLocal(dir) {
		return "", "", fmt.Errorf("the question %s does not lie in the course %s", folder, root)
	}
	return root, filepath.ToSlash(dir), checkInfo(folder)
}

// courseOf is the course above the question, and the question's folder in it: where the folder is a link, that to which it leads.
func courseOf(folder string) (course, question string) {
	if course = CourseAbove(folder); course != "" {
		return course, folder
	}
	real, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return "", folder
	}
	return CourseAbove(real), real
}

// checkFolder says what is no question at all, before anything in it is looked for.
func checkFolder(folder string) error {
	info, err := os.Stat(folder)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("there is no question %s: the folder does not exist, and so has no info.json", folder)
	case err != nil:
		return fmt.Errorf("look at the question: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%s is a file and no question: name the folder that holds info.json", folder)
	}
	return nil
}

// checkInfo says that a folder of a course is no question.
func checkInfo(folder string) error {
	if _, err := os.Lstat(filepath.Join(folder, infoFile)); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is no question: it holds no %s\nname the folder of a question, for example questions/fibonacci of a course", folder, infoFile)
	}
	return nil
}

// CourseAbove is the nearest folder at or above the folder that holds infoCourse.json, "" if there is none. The folder must be absolute.
func CourseAbove(folder string) string {
	for {
		if _, err := os.Stat(filepath.Join(folder, courseFile)); err == nil {
			return folder
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return ""
		}
		folder = parent
	}
}
