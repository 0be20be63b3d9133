package desk_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/internal/testengine"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
)

const (
	examples  = "../examples"
	wordCount = examples + "/course/questions/word-count"
)

// newDesk is a desk on the real engine. What it leaves there at the end fails the test.
func newDesk(t *testing.T) *desk.Desk {
	t.Helper()
	engine, id := testengine.New(t)
	return desk.New(engine, &runner.Options{ID: id, Version: "test"})
}

func openQuestion(t *testing.T, folder string) *desk.Question {
	t.Helper()
	question, err := desk.OpenQuestion(folder, "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = question.Close() })
	return question
}

func newWork(t *testing.T, question *desk.Question, files ...string) *desk.Work {
	t.Helper()
	submission, err := desk.ReadSubmission(files...)
	if err != nil {
		t.Fatal(err)
	}
	work, err := question.Work(submission)
	if err != nil {
		t.Fatal(err)
	}
	return work
}

// Many submissions of one question at once, each with its own outcome, log and /grade.
func TestGrade(t *testing.T) {
	d, question := newDesk(t), openQuestion(t, wordCount)
	if question.Name() != "word-count" || filepath.Base(question.Course) != "course" {
		t.Errorf("the question is %s of %s", question.Name(), question.Course)
	}
	type want struct {
		score   float64
		outcome jobspec.Outcome
	}
	together, ctx := errgroup.WithContext(t.Context())
	together.SetLimit(3)
	for name, want := range map[string]want{
		"correct": {1, jobspec.Graded}, "partly": {0.5, jobspec.Graded}, "syntax-error": {0, jobspec.Graded}, "endless": {0, jobspec.TimedOut},
	} {
		work := newWork(t, question, examples+"/submissions/word-count/"+name)
		together.Go(func() error {
			grading, err := d.Grade(ctx, work)
			if err != nil {
				return err
			}
			results := desk.ReadResults(grading.Report)
			if grading.Report.Outcome != want.outcome || results.Score != want.score {
				t.Errorf("%s: %s with score %v, want %+v", name, grading.Report.Outcome, results.Score, want)
			}
			var after bytes.Buffer
			if err := grading.Archive(ctx, &after); err != nil || after.Len() == 0 {
				t.Errorf("%s: %d bytes of /grade, %v", name, after.Len(), err)
			}
			if text, err := io.ReadAll(grading.Log.Reader()); err != nil || !bytes.Contains(text, []byte(work.Job.ID)) {
				t.Errorf("%s: the log is %s, %v", name, text, err)
			}
			return grading.Close(ctx)
		})
	}
	if err := together.Wait(); err != nil {
		t.Error(err)
	}
}

// A work may be changed before it is graded, and be graded again.
func TestGradeAgain(t *testing.T) {
	d := newDesk(t)
	work := newWork(t, openQuestion(t, wordCount), examples+"/submissions/word-count/correct/count.sh")
	work.Job.Entrypoint = []string{"/bin/sh", "-c", `mkdir /grade/results && cp /grade/data/data.json /grade/results/results.json`}
	for _, want := range []float64{0.25, 0.75} {
		if err := work.Tree.SetData(fmt.Appendf(nil, `{"score": %g}`, want)); err != nil {
			t.Fatal(err)
		}
		grading, err := d.Grade(t.Context(), work)
		if err != nil {
			t.Fatal(err)
		}
		if got := desk.ReadResults(grading.Report).Score; got != want {
			t.Errorf("the score is %v, want %v", got, want)
		}
		if err := grading.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// A sample's expect.toml is no file of the student; everywhere else a file of that name is.
func TestReadSubmission(t *testing.T) {
	folder := t.TempDir()
	write := func(name string) {
		t.Helper()
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"grader_tests/good/expect.toml", "grader_tests/good/a.py", "grader_tests/good/sub/expect.toml", "other/expect.toml"} {
		write(name)
	}
	for _, c := range []struct {
		files []string
		want  string
	}{
		{[]string{"grader_tests/good"}, "a.py sub/expect.toml"},
		{[]string{"other"}, "expect.toml"},
		{[]string{"grader_tests/good/a.py", "other/expect.toml"}, "a.py expect.toml"},
		{nil, ""},
	} {
		var paths, names []string
		for _, name := range c.files {
			paths = append(paths, filepath.Join(folder, filepath.FromSlash(name)))
		}
		submission, err := desk.ReadSubmission(paths...)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range submission.Files {
			names = append(names, file.Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%q hands in %q, want %q", c.files, got, c.want)
		}
	}
	for _, files := range [][]string{{filepath.Join(folder, "nothing.py")}, {folder, folder}} {
		if _, err := desk.ReadSubmission(files...); err == nil {
			t.Errorf("%q is no submission, and nothing says so", files)
		}
	}
}

// What is no question is told by what it is.
// A link to a question leads into its course.
func TestOpenLink(t *testing.T) {
	target, err := filepath.Abs(wordCount)
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	question := openQuestion(t, link)
	if question.Folder != target || question.Name() != "word-count" {
		t.Errorf("the link leads to %s, named %s", question.Folder, question.Name())
	}
}

func TestOpenQuestion(t *testing.T) {
	for _, c := range []struct{ folder, course, want string }{
		{t.TempDir(), "", "no course above"},
		{wordCount + "/info.json", "", "is a file and no question"},
		{wordCount + "s", "", "the folder does not exist"},
		{examples + "/course/questions", "", "info.json"},
		{wordCount, examples + "/submissions", "does not lie in the course"},
	} {
		if _, err := desk.OpenQuestion(c.folder, c.course); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s gives %v, want %q", c.folder, err, c.want)
		}
	}
}
