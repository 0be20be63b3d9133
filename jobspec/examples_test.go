package jobspec_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/slashgrade/slashgrade/jobspec"
)

// The example course is what newcomers start from: it must give no warning, and every submission must make a job.
func TestExampleCourse(t *testing.T) {
	course, err := os.OpenRoot("../examples/course")
	if err != nil {
		t.Fatal(err)
	}
	defer course.Close()
	for question, want := range map[string][]string{
		"fibonacci":  {"data/data.json", "student/user_code.py", "tests/ans.py", "tests/setup_code.py", "tests/test.py"},
		"word-count": {"data/data.json", "serverFilesCourse/shell/json.sh", "shared/shell/json.sh", "student/count.sh", "tests/cases/nothing.in", "tests/run.sh*"},
	} {
		q, err := jobspec.ParseQuestion(course.FS(), "questions/"+question)
		if err != nil {
			t.Fatal(err)
		}
		if len(q.Warnings) > 0 {
			t.Errorf("%s: warnings %q", question, q.Warnings)
		}
		for _, submission := range []string{"correct", "partly", "syntax-error", "endless"} {
			t.Run(question+" "+submission, func(t *testing.T) {
				s, err := jobspec.SubmissionFromFS(os.DirFS(filepath.Join("../examples/submissions", question, submission)))
				if err != nil {
					t.Fatal(err)
				}
				dir, err := jobspec.NewGradeDir(course.FS(), q, s)
				if err != nil {
					t.Fatal(err)
				}
				entries := archived(t, dir)
				for _, name := range want {
					if _, found := entries[name]; !found {
						t.Errorf("%s is missing in %v", name, names(entries))
					}
				}
			})
		}
	}
}
