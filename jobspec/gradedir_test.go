package jobspec_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/jobspec"
)

func ExampleNewGradeDir() {
	course := fstest.MapFS{"serverFilesCourse/lib.sh": {Data: []byte("x")}}
	question := &jobspec.Question{Dir: "questions/sum", Options: &jobspec.Options{ServerFilesCourse: []string{"*.sh"}}}
	_, err := jobspec.NewGradeDir(course, question, &jobspec.Submission{})
	fmt.Println(err)
	// Output:
	// assemble /grade for question questions/sum: serverFilesCourse: "*.sh" is not in the course's folder serverFilesCourse (names are literal, without wildcards)
}

// emptyFolders are in every /grade.
func emptyFolders(more map[string]string) map[string]string {
	want := map[string]string{"data/": "", "serverFilesCourse/": "", "shared/": "", "student/": "", "tests/": ""}
	maps.Copy(want, more)
	return want
}

func TestNewGradeDir(t *testing.T) {
	for _, test := range []struct {
		name       string
		course     map[string]string
		options    jobspec.Options
		submission string
		want       map[string]string // without data/data.json
	}{
		{"nothing", nil, jobspec.Options{}, `{}`, emptyFolders(nil)},
		{
			"tests",
			map[string]string{"q/tests/a": "1", "q/tests/.hidden": "2", "q/tests/sub/run*": "3", "q/info.json": "{}", "q/server.py": ""},
			jobspec.Options{},
			`{}`,
			emptyFolders(map[string]string{"tests/a": "1", "tests/.hidden": "2", "tests/sub/": "", "tests/sub/run*": "3"}),
		},
		{
			"course files",
			map[string]string{"serverFilesCourse/a/b/c": "1", "serverFilesCourse/a/d": "2", "serverFilesCourse/e*": "3", "serverFilesCourse/f": "4"},
			jobspec.Options{ServerFilesCourse: []string{"a/b", "e"}},
			`{}`,
			emptyFolders(map[string]string{
				"serverFilesCourse/a/": "", "serverFilesCourse/a/b/": "", "serverFilesCourse/a/b/c": "1", "serverFilesCourse/e*": "3",
				"shared/a/": "", "shared/a/b/": "", "shared/a/b/c": "1", "shared/e*": "3",
			}),
		},
		{
			"all course files",
			map[string]string{"serverFilesCourse/a": "1", "serverFilesCourse/.b": "2"},
			jobspec.Options{ServerFilesCourse: []string{".", "a"}},
			`{}`,
			emptyFolders(map[string]string{"serverFilesCourse/a": "1", "serverFilesCourse/.b": "2", "shared/a": "1", "shared/.b": "2"}),
		},
		{
			"links",
			map[string]string{
				"q/tests/inside@": "a", "q/tests/a": "1", "q/tests/outside@": "/etc/passwd", "q/tests/up@": "../../x", "q/tests/none@": "none",
				"q/tests/folder@": "sub", "q/tests/sub/b": "2", "serverFilesCourse/l@": "elsewhere",
			},
			jobspec.Options{ServerFilesCourse: []string{"l"}},
			`{}`,
			emptyFolders(map[string]string{
				"tests/inside@": "a", "tests/a": "1", "tests/outside@": "/etc/passwd", "tests/up@": "../../x", "tests/none@": "none",
				"tests/folder@": "sub", "tests/sub/": "", "tests/sub/b": "2", "serverFilesCourse/l@": "elsewhere", "shared/l@": "elsewhere",
			}),
		},
		{
			"student's files",
			map[string]string{"q/tests/a": "1"},
			jobspec.Options{},
			`{"_files":[{"name":"a.py","contents":"YQ=="},{"name":"b/c/d.py","contents":"YWI="},{"name":"/abs.py","contents":""},{"name":"x/../y","contents":"YWJj"}]}`,
			emptyFolders(map[string]string{
				"tests/a": "1", "student/a.py": "a", "student/b/": "", "student/b/c/": "", "student/b/c/d.py": "ab", "student/abs.py": "", "student/y": "abc",
			}),
		},
		{
			"entrypoint in /grade",
			map[string]string{"q/tests/run.sh": "1"},
			jobspec.Options{Entrypoint: []string{"/grade/./tests//run.sh", "-v"}},
			`{}`, emptyFolders(map[string]string{"tests/run.sh*": "1"}),
		},
		{
			"entrypoint that the student hands in", nil,
			jobspec.Options{Entrypoint: []string{"/grade/student/run.sh"}},
			`{"_files":[{"name":"run.sh","contents":""}]}`, emptyFolders(map[string]string{"student/run.sh*": ""}),
		},
		{
			"entrypoint as link",
			map[string]string{"q/tests/run.sh@": "a", "q/tests/a": "1"},
			jobspec.Options{Entrypoint: []string{"/grade/tests/run.sh"}},
			`{}`, emptyFolders(map[string]string{"tests/run.sh@": "a", "tests/a": "1"}),
		},
		{
			"entrypoint elsewhere",
			map[string]string{"q/tests/sh": "1"},
			jobspec.Options{Entrypoint: []string{"sh", "/grade/tests/sh"}},
			`{}`,
			emptyFolders(map[string]string{"tests/sh": "1"}),
		},
		{
			"entrypoint that leaves",
			map[string]string{"q/tests/sh": "1"},
			jobspec.Options{Entrypoint: []string{"/grade/../tests/sh"}},
			`{}`,
			emptyFolders(map[string]string{"tests/sh": "1"}),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			submission, err := jobspec.ParseSubmission([]byte(test.submission))
			if err != nil {
				t.Fatal(err)
			}
			grade, err := jobspec.NewGradeDir(courseFS(t, write(t, test.course)), &jobspec.Question{Dir: "q", Options: &test.options}, submission)
			if err != nil {
				t.Fatal(err)
			}
			got := archived(t, grade)
			delete(got, "data/data.json")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("archive (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewGradeDirRefuses(t *testing.T) {
	for _, test := range []struct {
		name    string
		course  map[string]string
		options jobspec.Options
		files   []jobspec.SubmittedFile
		want    string
	}{
		{"missing course file", nil, jobspec.Options{ServerFilesCourse: []string{"a"}}, nil, `"a" is not in the course's folder`},
		{"course file that leaves", map[string]string{"q/secret": ""}, jobspec.Options{ServerFilesCourse: []string{"../q/secret"}}, nil, `must not contain ".."`},
		{"course file through a link", map[string]string{"serverFilesCourse/out@": "/etc"}, jobspec.Options{ServerFilesCourse: []string{"out/passwd"}}, nil, "out/passwd"},
		{"tests as file", map[string]string{"q/tests": ""}, jobspec.Options{}, nil, "q/tests is not a folder"},
		{"tests as link", map[string]string{"q/tests@": "/etc"}, jobspec.Options{}, nil, "q/tests is not a folder"},
		{"student outside", nil, jobspec.Options{}, []jobspec.SubmittedFile{{Name: "../tests/run.sh"}}, "Invalid filename"},
		{"file and folder", nil, jobspec.Options{}, []jobspec.SubmittedFile{{Name: "a"}, {Name: "a/b"}}, "/grade/student/a is a file and a folder at once"},
		{"folder and file", nil, jobspec.Options{}, []jobspec.SubmittedFile{{Name: "a/b"}, {Name: "a"}}, "/grade/student/a is a file and a folder at once"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := jobspec.NewGradeDir(courseFS(t, write(t, test.course)), &jobspec.Question{Dir: "q", Options: &test.options}, &jobspec.Submission{Files: test.files})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "question q") {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestNewGradeDirRefusesSpecialFiles(t *testing.T) {
	dir := write(t, map[string]string{"q/tests/a": ""})
	if err := syscall.Mkfifo(filepath.Join(dir, "q/tests/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := jobspec.NewGradeDir(courseFS(t, dir), &jobspec.Question{Dir: "q", Options: &jobspec.Options{}}, &jobspec.Submission{})
	if err == nil || !strings.Contains(err.Error(), "q/tests/pipe: it is neither a file, a folder nor a link") {
		t.Errorf("error %v", err)
	}
}

func TestNewGradeDirLimits(t *testing.T) {
	huge := fstest.MapFS{}
	for i := range jobspec.MaxGradeEntries / 2 { // shared doubles them
		huge[fmt.Sprintf("serverFilesCourse/%d", i)] = &fstest.MapFile{}
	}
	q := &jobspec.Question{Dir: "q", Options: &jobspec.Options{ServerFilesCourse: []string{"."}}}
	_, err := jobspec.NewGradeDir(huge, q, &jobspec.Submission{})
	if err == nil || !strings.Contains(err.Error(), "more than 200000 files") {
		t.Errorf("error %v", err)
	}

	dir := write(t, map[string]string{"serverFilesCourse/big": ""})
	if err := os.Truncate(filepath.Join(dir, "serverFilesCourse/big"), jobspec.MaxGradeBytes/2+1); err != nil {
		t.Fatal(err)
	}
	_, err = jobspec.NewGradeDir(courseFS(t, dir), q, &jobspec.Submission{})
	if err == nil || !strings.Contains(err.Error(), "more than 1073741824 bytes") {
		t.Errorf("error %v", err)
	}
}

func TestDataJSON(t *testing.T) {
	submission, err := jobspec.ParseSubmission([]byte(`{"_files":[{"name":"a","contents":"YQ=="}],"n":"<3>"}`))
	if err != nil {
		t.Fatal(err)
	}
	submission.VariantSeed = 36
	submission.Params = map[string]any{"a": "submission"}
	q := &jobspec.Question{Dir: "q", Options: &jobspec.Options{}, Params: map[string]any{"a": "question", "b": []any{}}}
	grade, err := jobspec.NewGradeDir(fstest.MapFS{}, q, submission)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"params":{"a":"submission","b":[]},"correct_answers":{},"submitted_answers":{"_files":[{"contents":"YQ==","name":"a"}],"n":"<3>"},` +
		`"format_errors":{},"partial_scores":{},"score":0,"feedback":{},"variant_seed":36,"options":{},"raw_submitted_answers":{"n":"<3>"},"gradable":true}`
	got := archived(t, grade)["data/data.json"]
	if diff := cmp.Diff(want, got); diff != "" || !json.Valid([]byte(got)) {
		t.Errorf("data.json (-want +got):\n%s", diff)
	}
	if len(q.Params) != 2 || q.Params["a"] != "question" {
		t.Error("the question's parameters were changed")
	}
}

func TestGradeFile(t *testing.T) {
	for _, test := range []struct {
		entrypoint []string
		name       string
		inGrade    bool
	}{
		{nil, "", false},
		{[]string{"/grade/tests/run.sh"}, "tests/run.sh", true},
		{[]string{"/grade/a/../b"}, "b", true},
		{[]string{"/x/../grade/b", "c"}, "b", true},
		{[]string{"/grade"}, "", false},
		{[]string{"/grade/"}, "", false},
		{[]string{"/grade/.."}, "", false},
		{[]string{"/graders/a"}, "", false},
		{[]string{"/grade/../etc/passwd"}, "", false},
		{[]string{"grade/a"}, "", false},
		{[]string{"sh", "/grade/a"}, "", false},
	} {
		name, inGrade := jobspec.GradeFile(test.entrypoint)
		if inGrade != test.inGrade || inGrade && name != test.name {
			t.Errorf("GradeFile(%q) = %q, %t", test.entrypoint, name, inGrade)
		}
	}
}
