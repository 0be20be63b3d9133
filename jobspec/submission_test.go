package jobspec_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/jobspec"
)

func ExampleParseSubmission() {
	submission, err := jobspec.ParseSubmission([]byte(`{"_files": [{"name": "lib/sum.py", "contents": "cHJpbnQoMSk="}]}`))
	fmt.Printf("%s: %s %v\n", submission.Files[0].Name, submission.Files[0].Contents, err)
	_, err = jobspec.ParseSubmission([]byte(`{"_files": [{"name": "../tests/test.py", "contents": ""}]}`))
	fmt.Println(err)
	// Output:
	// lib/sum.py: print(1) <nil>
	// _files/0: Invalid filename "../tests/test.py": it leads out of the student's folder
}

func ExampleSubmissionFromFS() {
	submission, err := jobspec.SubmissionFromFS(fstest.MapFS{"sum.py": {Data: []byte("print(1)")}})
	fmt.Printf("%s: %s %v\n", submission.Files[0].Name, submission.Files[0].Contents, err)
	// Output: sum.py: print(1) <nil>
}

func TestParseSubmissionFiles(t *testing.T) {
	long := strings.Repeat("n", 255)
	for _, test := range []struct {
		name, files string
		want        []jobspec.SubmittedFile
	}{
		{"none", `[]`, []jobspec.SubmittedFile{}},
		{"null", `null`, nil},
		{"one", `[{"name":"a.py","contents":"YQ=="}]`, []jobspec.SubmittedFile{{"a.py", []byte("a")}}},
		{"empty", `[{"name":"a.py","contents":""}]`, []jobspec.SubmittedFile{{"a.py", []byte{}}}},
		{"sub-folder", `[{"name":"b/c/a.py","contents":"YQ=="}]`, []jobspec.SubmittedFile{{"b/c/a.py", []byte("a")}}},
		{"absolute", `[{"name":"/etc/passwd","contents":"YQ=="}]`, []jobspec.SubmittedFile{{"etc/passwd", []byte("a")}}},
		{"comes back", `[{"name":"a/../b","contents":"YQ=="},{"name":"../student/c","contents":"YQ=="}]`, []jobspec.SubmittedFile{{"b", []byte("a")}, {"c", []byte("a")}}},
		{"dots", `[{"name":"./a/./b/.","contents":"YQ=="}]`, []jobspec.SubmittedFile{{"a/b", []byte("a")}}},
		{"last wins", `[{"name":"a","contents":"YQ=="},{"name":"b","contents":""},{"name":"./a","contents":"YWI="}]`, []jobspec.SubmittedFile{{"a", []byte("ab")}, {"b", []byte{}}}},
		{"odd names", `[{"name":"-rf","contents":""},{"name":"ü \n$(x)","contents":""},{"name":"..a","contents":""},{"name":"a\\..\\b","contents":""}]`, []jobspec.SubmittedFile{
			{"-rf", []byte{}},
			{"ü \n$(x)", []byte{}},
			{"..a", []byte{}},
			{`a\..\b`, []byte{}},
		}},
		{"longest name", `[{"name":"` + long + `","contents":""}]`, []jobspec.SubmittedFile{{long, []byte{}}}},
		{"other keys", `[{"name":"a","contents":"","mode":"0777"}]`, []jobspec.SubmittedFile{{"a", []byte{}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := jobspec.ParseSubmission([]byte(`{"_files":` + test.files + `,"other":1}`))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, s.Files); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if s.Answers["other"] != 1.0 {
				t.Errorf("answers %v", s.Answers)
			}
		})
	}
}

func TestParseSubmissionRefuses(t *testing.T) {
	for _, test := range []struct{ name, answers, want string }{
		{"no JSON", `{`, "the document ends in the middle"},
		{"no object", `[]`, "the submission must be an object"},
		{"files as text", `{"_files":"a"}`, `_files must be an array of files, found "a"`},
		{"no name", `{"_files":[{"contents":""}]}`, "_files/0: File was missing 'name' property."},
		{"empty name", `{"_files":[{"name":"","contents":""}]}`, "File was missing 'name' property."},
		{"null", `{"_files":[null]}`, "File was missing 'name' property."},
		{"name as number", `{"_files":[{"name":3,"contents":""}]}`, "the name must be text, found 3"},
		{"no contents", `{"_files":[{"name":"a"}]}`, "File was missing 'contents' property."},
		{"contents null", `{"_files":[{"name":"a","contents":null}]}`, "File was missing 'contents' property."},
		{"contents as number", `{"_files":[{"name":"a","contents":3}]}`, "the contents must be text in base64, found 3"},
		{"outside", `{"_files":[{"name":"a","contents":""},{"name":"../a","contents":""}]}`, `_files/1: Invalid filename "../a"`},
		{"far outside", `{"_files":[{"name":"../../../etc/passwd","contents":""}]}`, "Invalid filename"},
		{"outside by a detour", `{"_files":[{"name":"a/../../b","contents":""}]}`, "Invalid filename"},
		{"sibling", `{"_files":[{"name":"../student2/a","contents":""}]}`, "Invalid filename"},
		{"the folder itself", `{"_files":[{"name":".","contents":""}]}`, `the name "." is a folder's`},
		{"the folder by a detour", `{"_files":[{"name":"a/..","contents":""}]}`, "is a folder's"},
		{"a folder", `{"_files":[{"name":"a/","contents":""}]}`, `the name "a/" is a folder's`},
		{"root", `{"_files":[{"name":"/","contents":""}]}`, `is a folder's`},
		{"clash", `{"_files":[{"name":"a","contents":""},{"name":"a/b/c","contents":""}]}`, `"a" is a file and a folder at once`},
		{"long name", `{"_files":[{"name":"` + strings.Repeat("n", 256) + `","contents":""}]}`, "is too long"},
		{"long path", `{"_files":[{"name":"` + strings.Repeat("n/", 2100) + `n","contents":""}]}`, "is too long"},
		{"many files", `{"_files":[` + strings.Repeat(`1,`, 10_000) + `1]}`, "at most 10000 are allowed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := jobspec.ParseSubmission([]byte(test.answers))
			if err == nil || !strings.Contains(err.Error(), test.want) || len(err.Error()) > 400 {
				t.Errorf("submission %v, error %v, want %q", s, err, test.want)
			}
		})
	}
	if _, err := jobspec.ParseSubmission(make([]byte, jobspec.MaxSubmissionBytes+1)); err == nil || !strings.Contains(err.Error(), "at most 33554432 are allowed") {
		t.Errorf("too many bytes: error %v", err)
	}
}

func TestSubmissionFromFS(t *testing.T) {
	dir := write(t, map[string]string{"b/c": "1", "a*": "2", ".hidden": ""})
	s, err := jobspec.SubmissionFromFS(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	files := []jobspec.SubmittedFile{{".hidden", []byte{}}, {"a", []byte("2")}, {"b/c", []byte("1")}}
	if diff := cmp.Diff(files, s.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	// What stands under _files is what the platform would have sent.
	text, err := json.Marshal(s.Answers)
	if err != nil {
		t.Fatal(err)
	}
	again, err := jobspec.ParseSubmission(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(files, again.Files); diff != "" {
		t.Errorf("files read again (-want +got):\n%s", diff)
	}
}

func TestSubmissionFromFSRefuses(t *testing.T) {
	link := write(t, map[string]string{"a@": "/etc/passwd"})
	if _, err := jobspec.SubmissionFromFS(os.DirFS(link)); err == nil || !strings.Contains(err.Error(), "a is not a plain file") {
		t.Errorf("link: error %v", err)
	}
	big := write(t, map[string]string{"a": ""})
	if err := os.Truncate(filepath.Join(big, "a"), jobspec.MaxSubmissionBytes+1); err != nil {
		t.Fatal(err)
	}
	if _, err := jobspec.SubmissionFromFS(os.DirFS(big)); err == nil || !strings.Contains(err.Error(), "has more than 33554432 bytes") {
		t.Errorf("big file: error %v", err)
	}
	if _, err := jobspec.SubmissionFromFS(os.DirFS(filepath.Join(big, "none"))); err == nil {
		t.Error("a folder that is not there was read")
	}
}

func FuzzSubmittedNames(f *testing.F) {
	for _, seed := range []string{"a.py", "../x", "/etc/passwd", "a/../b", ".", "a/", "..", "\x00", "a//b", "../student/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		answers, err := json.Marshal(map[string]any{"_files": []any{map[string]any{"name": name, "contents": "YQ=="}}})
		if err != nil {
			t.Fatal(err)
		}
		s, err := jobspec.ParseSubmission(answers)
		if err != nil {
			return
		}
		got := s.Files[0].Name
		if got != path.Clean(got) || path.IsAbs(got) || got == ".." || strings.HasPrefix(got, "../") || got == "." || strings.ContainsRune(got, 0) || !utf8.ValidString(got) {
			t.Fatalf("%q became %q", name, got)
		}
		if _, err := jobspec.NewGradeDir(fstest.MapFS{}, &jobspec.Question{Dir: "q", Options: &jobspec.Options{}}, s); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
	})
}
