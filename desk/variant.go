package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	_ "embed"

	"github.com/slashgrade/slashgrade/jobspec"
)

//go:embed variant.py
var variantScript string

// Variant is what a question's server.py computes for one student.
type Variant struct {
	Params         map[string]any `json:"params"`
	CorrectAnswers map[string]any `json:"correct_answers"`
}

// FirstSeed is the variant that is graded where nobody asks for another.
const FirstSeed = 1

// MissingError says that an image cannot run a question's server.py.
type MissingError struct {
	Image string
	// Program or Module is what the image lacks; the other is "".
	Program, Module string
}

// Error implements error.
func (m *MissingError) Error() string {
	if m.Program != "" {
		return fmt.Sprintf("server.py has a function generate, and the image %s has no %s to run it", m.Image, m.Program)
	}
	return fmt.Sprintf("server.py imports the module %s, and the image %s does not have it", m.Module, m.Image)
}

// Generates says whether the question has a server.py that may compute parameters.
func (q *Question) Generates() (bool, error) {
	code, err := os.ReadFile(filepath.Join(q.Folder, "server.py"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read server.py: %w", err)
	}
	return bytes.Contains(code, []byte("generate")), nil
}

// Variant runs the function generate of the question's server.py as the platform does: in the question's folder, with the course's
// serverFilesCourse to import from, and with Python's and NumPy's random numbers seeded. It runs in a container of the image, "" for the
// question's own, under the question's time limit. A *MissingError says what the image lacks.
func (d *Desk) Variant(ctx context.Context, q *Question, image string, seed int64) (*Variant, error) {
	work, err := q.VariantWork(seed)
	if err != nil {
		return nil, err
	}
	if image != "" {
		work.Job.Image = image
	}
	grading, err := d.Grade(ctx, work)
	if err != nil {
		return nil, fmt.Errorf("run server.py: %w", err)
	}
	defer grading.Close(context.WithoutCancel(ctx)) //nolint:errcheck // the sweep removes what stays
	return ReadVariant(&work.Job, grading.Report)
}

// ReadVariant reads what came of a job of [Question.VariantWork]. A *MissingError says what its image lacks.
func ReadVariant(job *jobspec.Job, report *jobspec.Report) (*Variant, error) {
	switch {
	case report.Outcome == jobspec.NotStarted:
		return nil, &MissingError{Image: job.Image, Program: job.Entrypoint[0]}
	case !report.Succeeded:
		return nil, fmt.Errorf("server.py could not be run in %s: %s", job.Image, report.Message)
	}
	var found struct {
		Missing string
		Error   string
		Data    *Variant
	}
	if err := json.Unmarshal(report.Results, &found); err != nil {
		return nil, fmt.Errorf("read what server.py computed: %w", err)
	}
	switch {
	case found.Missing != "":
		return nil, &MissingError{Image: job.Image, Module: found.Missing}
	case found.Data == nil:
		return nil, fmt.Errorf("server.py failed:\n%s", strings.TrimSpace(found.Error))
	}
	return found.Data, nil
}

// VariantWork is a job that runs server.py with the question's folder in the student's place; [ReadVariant] reads what comes of it.
func (q *Question) VariantWork(seed int64) (*Work, error) {
	files := &jobspec.Submission{}
	left := int64(jobspec.MaxSubmissionBytes)
	fsys := os.DirFS(q.Folder)
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (name == "tests" || name == SamplesDir) {
			return fs.SkipDir
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		contents, err := fs.ReadFile(fsys, name)
		if left -= int64(len(contents)); err == nil && left < 0 {
			err = fmt.Errorf("the question's folder has more than %d bytes", jobspec.MaxSubmissionBytes)
		}
		files.Files = append(files.Files, jobspec.SubmittedFile{Name: name, Contents: contents})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the question for server.py: %w", err)
	}
	question := *q.Question
	options := *q.Options
	question.Options, options.ServerFilesCourse = &options, nil
	if _, err := fs.Stat(q.root.FS(), "serverFilesCourse"); err == nil {
		options.ServerFilesCourse = []string{"."}
	}
	options.Entrypoint = []string{"python3", "-c", variantScript, strconv.FormatInt(seed, 10), path.Join("/grade/student", "server.py")}
	return (&Question{Question: &question, Folder: q.Folder, Course: q.Course, root: q.root}).Work(files)
}
