package desk

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slashgrade/slashgrade/jobspec"
)

// The samples of a question: one folder each below SamplesDir, whose file ExpectFile says what must come of it and is not handed in.
const (
	SamplesDir = "grader_tests"
	ExpectFile = "expect.toml"
)

// ReadSubmission takes files as a student would hand them in: single files by their base names, as an upload element does, or one folder
// with all below it. In a question's sample, a folder of [SamplesDir], [ExpectFile] is left out.
func ReadSubmission(files ...string) (*jobspec.Submission, error) {
	if len(files) == 1 {
		if info, err := os.Stat(files[0]); err == nil && info.IsDir() {
			return readFolder(files[0])
		}
	}
	type upload struct {
		Name     string `json:"name"`
		Contents string `json:"contents"`
	}
	uploads := []upload{}
	left := int64(jobspec.MaxSubmissionBytes)
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is not a plain file; hand in files, or one folder alone", name)
		}
		if left -= info.Size(); left < 0 {
			return nil, fmt.Errorf("the files have more than %d bytes together", jobspec.MaxSubmissionBytes)
		}
		data, err := os.ReadFile(name) //nolint:gosec // the user names it
		if err != nil {
			return nil, err
		}
		uploads = append(uploads, upload{filepath.Base(name), base64.StdEncoding.EncodeToString(data)})
	}
	answers, err := json.Marshal(map[string]any{"_files": uploads})
	if err != nil {
		return nil, err
	}
	return jobspec.ParseSubmission(answers)
}

func readFolder(folder string) (*jobspec.Submission, error) {
	files := os.DirFS(folder)
	absolute, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	if filepath.Base(filepath.Dir(absolute)) == SamplesDir {
		files = sample{files}
	}
	return jobspec.SubmissionFromFS(files)
}

// sample is a folder without its expect.toml.
type sample struct{ fs.FS }

var _ fs.ReadDirFS = sample{}

// ReadDir implements [fs.ReadDirFS].
func (s sample) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(s.FS, name)
	if name != "." {
		return entries, err
	}
	var kept []fs.DirEntry
	for _, entry := range entries {
		if entry.Name() != ExpectFile {
			kept = append(kept, entry)
		}
	}
	return kept, err
}
