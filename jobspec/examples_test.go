package jobspec_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/slashgrade/slashgrade/jobspec"
)

// The example course is what newcomers start from: it must give no warning, and every submission must make a job.
func TestExampleCourse(t *testing.T) {
	for question, want := range map[string][]string{
		"fibonacci":  {"data/data.json", "student/user_code.py", "tests/ans.py", "tests/setup_code.py", "tests/test.py"},
		"word-count": {"data/data.json", "serverFilesCourse/shell/json.sh", "shared/shell/json.sh", "student/count.sh", "tests/cases/nothing.in", "tests/run.sh*"},
	} {
		for _, submission := range []string{"correct", "partly", "syntax-error", "endless"} {
			t.Run(question+" "+submission, func(t *testing.T) {
				entries := archived(t, exampleJob(t, question, submission))
				for _, name := range want {
					if _, found := entries[name]; !found {
						t.Errorf("%s is missing in %v", name, names(entries))
					}
				}
			})
		}
	}
}

func exampleJob(t *testing.T, question, submission string) *jobspec.GradeDir {
	t.Helper()
	course := courseFS(t, "../examples/course")
	q, err := jobspec.ParseQuestion(course, "questions/"+question)
	if err != nil {
		t.Fatal(err)
	}
	if len(q.Warnings) > 0 {
		t.Errorf("warnings %q", q.Warnings)
	}
	s, err := jobspec.SubmissionFromFS(os.DirFS(filepath.Join("../examples/submissions", question, submission)))
	if err != nil {
		t.Fatal(err)
	}
	grade, err := jobspec.NewGradeDir(course, q, s)
	if err != nil {
		t.Fatal(err)
	}
	return grade
}
