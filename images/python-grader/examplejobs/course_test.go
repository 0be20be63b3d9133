package examplejobs_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/jobspec"
)

// The example course and what students handed in for it; the table has the score of each submission.
const (
	courseFolder      = "../../../examples/python-course"
	submissionsFolder = "../../../examples/python-submissions"
	tableFile         = submissionsFolder + "/expected.txt"
	ungradable        = "ungradable"
)

// TestCourse grades every submission to the example course as `slashgrade enqueue --each` does.
func TestCourse(t *testing.T) {
	b := newBench(t)
	root, err := os.OpenRoot(courseFolder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close() //nolint:errcheck // it was only read
	for submission, want := range readTable(t) {
		j := courseJob(t, root, submission)
		t.Run(submission, func(t *testing.T) {
			t.Parallel()
			got := b.grade(t, j)
			if score := verdict(t, got); score != want {
				t.Errorf("it got %s, want %s\nresults: %s\nlog:\n%.5000s", score, want, got.Results, got.Log)
			}
		})
	}
}

// readTable reads the expected scores by "question/submission" and makes sure that it lists what is there.
func readTable(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] != "#" {
			table[path.Join(fields[0], fields[1])] = fields[2]
		}
	}
	folders, err := filepath.Glob(submissionsFolder + "/*/*")
	if err != nil {
		t.Fatal(err)
	}
	listed, found := map[string]bool{}, map[string]bool{}
	for name := range table {
		listed[name] = true
	}
	for _, folder := range folders {
		found[path.Join(filepath.Base(filepath.Dir(folder)), filepath.Base(folder))] = true
	}
	if diff := cmp.Diff(found, listed); diff != "" {
		t.Fatalf("the table does not list the submissions that are there (-there +listed):\n%s", diff)
	}
	return table
}

func courseJob(t *testing.T, course *os.Root, submission string) *job {
	t.Helper()
	question, err := jobspec.ParseQuestion(course.FS(), "questions/"+path.Dir(submission))
	if err != nil {
		t.Fatal(err)
	}
	if len(question.Warnings) > 0 {
		t.Errorf("%s: warnings %q", submission, question.Warnings)
	}
	files, err := jobspec.SubmissionFromFS(os.DirFS(filepath.Join(submissionsFolder, submission)))
	if err != nil {
		t.Fatal(err)
	}
	grade, err := jobspec.NewGradeDir(course.FS(), question, files)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := grade.WriteArchive(&out); err != nil {
		t.Fatal(err)
	}
	if question.Options.Image != image {
		t.Errorf("%s names the image %s, want %s", submission, question.Options.Image, image)
	}
	return &job{archive: out.Bytes(), settings: settings{Timeout: float64(question.Options.Timeout) / float64(time.Second)}}
}

// verdict is the score of a report, or that or why there is none.
func verdict(t *testing.T, got *graded) string {
	t.Helper()
	if got.Outcome != jobspec.Graded {
		return string(got.Outcome)
	}
	var results struct {
		Score    float64 `json:"score"`
		Gradable *bool   `json:"gradable"`
	}
	if err := json.Unmarshal(got.Results, &results); err != nil {
		t.Fatal(err)
	}
	if results.Gradable != nil && !*results.Gradable {
		return ungradable
	}
	return strconv.FormatFloat(results.Score, 'g', -1, 64)
}
