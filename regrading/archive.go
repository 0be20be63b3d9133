package regrading

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/schemas"
)

// maxData bounds data/data.json, which holds the submission in base64 twice.
const maxData = 4 * jobspec.MaxSubmissionBytes

// ReadArchive takes the submission out of a job's archive (job.tar.gz): the files under student/, and of data/data.json the parameters,
// the correct answers, the submitted answers and the seed of the variant. Everything else in it is passed over. What a student cannot
// hand in, links for example, is an error.
func ReadArchive(r io.Reader) (*jobspec.Submission, error) {
	zipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("the archive is not a gzip'd tar: %w", err)
	}
	defer zipped.Close() //nolint:errcheck // it was only read
	a := &archive{
		entries: tar.NewReader(io.LimitReader(zipped, jobspec.MaxGradeBytes)), left: jobspec.MaxSubmissionBytes,
		submission: &jobspec.Submission{Files: []jobspec.SubmittedFile{}, Answers: map[string]any{}},
	}
	for range jobspec.MaxGradeEntries {
		done, err := a.next()
		if err != nil {
			return nil, err
		}
		if done {
			return a.submission, nil
		}
	}
	return nil, fmt.Errorf("the archive has more than %d entries", jobspec.MaxGradeEntries)
}

// archive is one that is being read.
type archive struct {
	entries    *tar.Reader
	submission *jobspec.Submission
	left       int64 // bytes that the student's files may still have
}

func (a *archive) next() (done bool, err error) {
	header, err := a.entries.Next()
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the archive: %w", err)
	}
	name := path.Clean("/" + header.Name)[1:]
	if name == "data/data.json" && header.Typeflag == tar.TypeReg {
		return false, a.data()
	}
	below, isStudents := strings.CutPrefix(name, "student/")
	if !isStudents || header.Typeflag == tar.TypeDir {
		return false, nil
	}
	if header.Typeflag != tar.TypeReg {
		return false, fmt.Errorf("student/%s is not a plain file", below)
	}
	return false, a.file(below, header.Size)
}

func (a *archive) file(name string, size int64) error {
	if a.left -= size; a.left < 0 {
		return fmt.Errorf("the student's files have more than %d bytes", jobspec.MaxSubmissionBytes)
	}
	if len(a.submission.Files) >= jobspec.MaxSubmittedFiles {
		return fmt.Errorf("there are more than %d files of the student", jobspec.MaxSubmittedFiles)
	}
	contents, err := io.ReadAll(a.entries)
	if err != nil {
		return fmt.Errorf("read student/%s: %w", name, err)
	}
	a.submission.Files = append(a.submission.Files, jobspec.SubmittedFile{Name: name, Contents: contents})
	return nil
}

func (a *archive) data() error {
	text, err := io.ReadAll(io.LimitReader(a.entries, maxData+1))
	if err != nil {
		return fmt.Errorf("read data/data.json: %w", err)
	}
	if len(text) > maxData {
		return fmt.Errorf("data/data.json has more than %d bytes", maxData)
	}
	document, err := schemas.Decode(text)
	if err != nil {
		return fmt.Errorf("data/data.json: %w", err)
	}
	data, _ := document.Value.(map[string]any)
	a.submission.Params, _ = data["params"].(map[string]any)
	a.submission.CorrectAnswers, _ = data["correct_answers"].(map[string]any)
	if answers, isObject := data["submitted_answers"].(map[string]any); isObject {
		a.submission.Answers = answers
	}
	if seed, isNumber := data["variant_seed"].(float64); isNumber {
		a.submission.VariantSeed = int64(seed)
	}
	return nil
}
