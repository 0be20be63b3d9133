package jobspec_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/jobspec"
)

func ExampleGradeDir_WriteArchive() {
	course := fstest.MapFS{
		"questions/sum/info.json": {Data: []byte(`{"gradingMethod": "External",
			"externalGradingOptions": {"image": "debian:trixie-slim", "entrypoint": "/grade/tests/run.sh"}}`)},
		"questions/sum/tests/run.sh": {Data: []byte("#!/bin/sh\n")},
	}
	question, err := jobspec.ParseQuestion(course, "questions/sum")
	if err != nil {
		fmt.Println(err)
		return
	}
	submission, err := jobspec.ParseSubmission([]byte(`{"_files": [{"name": "sum.py", "contents": "cHJpbnQoMSk="}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	grade, err := jobspec.NewGradeDir(course, question, submission)
	if err != nil {
		fmt.Println(err)
		return
	}
	var archive bytes.Buffer
	if err := grade.WriteArchive(&archive); err != nil {
		fmt.Println(err)
		return
	}
	compressed, _ := gzip.NewReader(&archive)
	for reader := tar.NewReader(compressed); ; {
		header, err := reader.Next()
		if err != nil {
			break
		}
		fmt.Println(header.FileInfo().Mode(), header.Name)
	}
	// Output:
	// drwxr-xr-x data/
	// -rw-r--r-- data/data.json
	// drwxr-xr-x serverFilesCourse/
	// drwxr-xr-x shared/
	// drwxr-xr-x student/
	// -rw-r--r-- student/sum.py
	// drwxr-xr-x tests/
	// -rwxr-xr-x tests/run.sh
}

// archived is the directory's archive: contents by name. Folders end in "/", executable files in "*", links in "@" with the target as
// contents.
func archived(tb testing.TB, dir *jobspec.GradeDir) map[string]string {
	tb.Helper()
	var archive bytes.Buffer
	if err := dir.WriteArchive(&archive); err != nil {
		tb.Fatal(err)
	}
	compressed, err := gzip.NewReader(&archive)
	if err != nil {
		tb.Fatal(err)
	}
	entries := make(map[string]string)
	for reader := tar.NewReader(compressed); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			tb.Fatal(err)
		}
		contents, err := io.ReadAll(reader)
		if err != nil {
			tb.Fatal(err)
		}
		name := header.Name
		switch {
		case header.Typeflag == tar.TypeSymlink:
			name, contents = name+"@", []byte(header.Linkname)
		case header.Typeflag == tar.TypeReg && header.Mode&0o111 != 0:
			name += "*"
		}
		if header.Uid != 0 || header.Gid != 0 || header.Uname != "" || !header.ModTime.Equal(time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)) {
			tb.Errorf("%s: owner %d:%d %q, time %s", name, header.Uid, header.Gid, header.Uname, header.ModTime)
		}
		entries[name] = string(contents)
	}
}

func names(entries map[string]string) []string { return slices.Sorted(maps.Keys(entries)) }

// write puts files into a new folder on disk: contents by name, "*" and "@" as in archived.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, contents := range files {
		full := filepath.Join(dir, strings.TrimRight(name, "*@"))
		if err := os.MkdirAll(filepath.Dir(full), 0o750); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case strings.HasSuffix(name, "@"):
			err = os.Symlink(contents, full)
		case strings.HasSuffix(name, "*"):
			err = os.WriteFile(full, []byte(contents), 0o700)
		default:
			err = os.WriteFile(full, []byte(contents), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// courseFS opens the folder as a course.
func courseFS(t *testing.T, dir string) fs.FS {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root.FS()
}

// Two checkouts of one course, by people with other umasks and at other times, make the same bytes.
func TestWriteArchiveIsDeterministic(t *testing.T) {
	files := map[string]string{"questions/q/tests/b": "b", "questions/q/tests/a*": "a", "questions/q/tests/c@": "a", "serverFilesCourse/l/x": "x"}
	var archives [2]bytes.Buffer
	for i := range archives {
		dir := write(t, files)
		if i == 1 {
			changeTimesAndModes(t, dir)
		}
		q := &jobspec.Question{Dir: "questions/q", Options: &jobspec.Options{ServerFilesCourse: []string{"l"}}, Params: map[string]any{"b": 1, "a": 2}}
		grade, err := jobspec.NewGradeDir(courseFS(t, dir), q, &jobspec.Submission{})
		if err != nil {
			t.Fatal(err)
		}
		if err := grade.WriteArchive(&archives[i]); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(archives[0].Bytes(), archives[1].Bytes()) {
		t.Error("the archives differ")
	}
}

func changeTimesAndModes(t *testing.T, dir string) {
	t.Helper()
	past := time.Date(1999, time.March, 4, 5, 6, 7, 0, time.UTC)
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		mode := os.FileMode(0o664)
		if filepath.Base(name) == "a" {
			mode = 0o775
		}
		return errors.Join(os.Chmod(name, mode), os.Chtimes(name, past, past))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWriteArchiveSeesChangedFiles(t *testing.T) {
	for name, change := range map[string]string{"longer": "12345", "shorter": "1"} {
		t.Run(name, func(t *testing.T) {
			course := fstest.MapFS{"q/tests/a": {Data: []byte("123")}}
			grade, err := jobspec.NewGradeDir(course, &jobspec.Question{Dir: "q", Options: &jobspec.Options{}}, &jobspec.Submission{})
			if err != nil {
				t.Fatal(err)
			}
			course["q/tests/a"].Data = []byte(change)
			if err := grade.WriteArchive(io.Discard); err == nil || !strings.Contains(err.Error(), "archive tests/a: the file changed while it was read") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestWriteArchiveReportsTheWritersError(t *testing.T) {
	grade, err := jobspec.NewGradeDir(fstest.MapFS{}, &jobspec.Question{Dir: "q", Options: &jobspec.Options{}}, &jobspec.Submission{})
	if err != nil {
		t.Fatal(err)
	}
	reader, writer := io.Pipe()
	_ = reader.CloseWithError(errors.New("gone"))
	if err := grade.WriteArchive(writer); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("error %v", err)
	}
}

// A course file of 64 MiB passes through without being held.
func TestWriteArchiveStreams(t *testing.T) {
	dir := write(t, map[string]string{"serverFilesCourse/big": ""})
	if err := os.Truncate(filepath.Join(dir, "serverFilesCourse/big"), 64<<20); err != nil {
		t.Fatal(err)
	}
	q := &jobspec.Question{Dir: "q", Options: &jobspec.Options{ServerFilesCourse: []string{"big"}}}
	grade, err := jobspec.NewGradeDir(courseFS(t, dir), q, &jobspec.Submission{})
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := grade.WriteArchive(io.Discard); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 16 {
		t.Errorf("writing two times 64 MiB allocated %d MB in all", grown)
	}
}

func TestWriteArchiveKeepsLongNames(t *testing.T) {
	long := strings.Repeat("d", 200) + "/" + strings.Repeat("f", 200) + "ü.py"
	grade, err := jobspec.NewGradeDir(fstest.MapFS{}, &jobspec.Question{Dir: "q", Options: &jobspec.Options{}},
		&jobspec.Submission{Files: []jobspec.SubmittedFile{{Name: long, Contents: []byte("x")}}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("x", archived(t, grade)["student/"+long]); diff != "" {
		t.Errorf("contents (-want +got):\n%s", diff)
	}
}
