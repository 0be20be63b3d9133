package jobspec

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slashgrade/slashgrade/schemas"
)

// Limits of one submission.
const (
	// MaxSubmissionBytes bounds a submission, as JSON and as files. PrairieLearn's own limit for an upload is a few MB.
	MaxSubmissionBytes = 32 << 20
	// MaxSubmittedFiles is how many files a submission may have.
	MaxSubmittedFiles = 10_000
	// maxNameBytes and maxPathBytes are Linux's limits of a file name and of a path (NAME_MAX, and PATH_MAX less room for
	// /grade/student).
	maxNameBytes = 255
	maxPathBytes = 4096 - 64
)

// Submission is what a student handed in, and what the platform knows about it.
type Submission struct {
	// Files are the student's files, in the order in which they were handed in.
	Files []SubmittedFile
	// Answers is PrairieLearn's submitted_answers, the files among them under _files in base64.
	Answers map[string]any
	// Params and CorrectAnswers are the variant's; Params come over those of the question. Nil is none.
	Params, CorrectAnswers map[string]any
	// VariantSeed is the seed of the variant; 0 is none.
	VariantSeed int64
}

// SubmittedFile is one file of a student.
type SubmittedFile struct {
	// Name is the path below /grade/student: clean, relative, and never outside.
	Name string
	// Contents are the file's bytes.
	Contents []byte
}

// ParseSubmission reads PrairieLearn's submitted_answers: an object whose key _files holds an array of {name, contents}, contents in
// base64. The rules for names are PrairieLearn's: a leading slash is ignored, a name may not lead out of /grade/student, of two files
// with one name the later counts. The error names the file and the rule.
func ParseSubmission(data []byte) (*Submission, error) {
	if len(data) > MaxSubmissionBytes {
		return nil, fmt.Errorf("the submission has %d bytes; at most %d are allowed", len(data), MaxSubmissionBytes)
	}
	document, err := schemas.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("read the submission: %w", err)
	}
	answers, isObject := document.Value.(map[string]any)
	if !isObject {
		return nil, fmt.Errorf("the submission must be an object, found %s", schemas.Describe(document.Value))
	}
	files, err := submittedFiles(answers["_files"])
	if err != nil {
		return nil, err
	}
	return &Submission{Files: files, Answers: answers}, nil
}

// SubmissionFromFS takes every file below fsys as handed in by the student. Links and other special files are refused: a student's
// upload has none.
func SubmissionFromFS(fsys fs.FS) (*Submission, error) {
	s := &Submission{Files: []SubmittedFile{}}
	listed := []any{}
	left := int64(MaxSubmissionBytes)
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if !entry.Type().IsRegular() {
			return fmt.Errorf("%s is not a plain file", name)
		}
		contents, err := readBounded(fsys, name, left)
		if err != nil {
			return err
		}
		left -= int64(len(contents))
		if s.Files = append(s.Files, SubmittedFile{Name: name, Contents: contents}); len(s.Files) > MaxSubmittedFiles {
			return fmt.Errorf("there are more than %d files", MaxSubmittedFiles)
		}
		listed = append(listed, map[string]any{"name": name, "contents": base64.StdEncoding.EncodeToString(contents)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the submission: %w", err)
	}
	s.Answers = map[string]any{"_files": listed}
	return s, nil
}

func submittedFiles(value any) ([]SubmittedFile, error) {
	if value == nil {
		return nil, nil
	}
	items, isArray := value.([]any)
	if !isArray {
		return nil, fmt.Errorf("_files must be an array of files, found %s", schemas.Describe(value))
	}
	if len(items) > MaxSubmittedFiles {
		return nil, fmt.Errorf("_files has %d files; at most %d are allowed", len(items), MaxSubmittedFiles)
	}
	files := make([]SubmittedFile, 0, len(items))
	places := make(map[string]int, len(items))
	for i, item := range items {
		file, err := submittedFile(item)
		if err != nil {
			return nil, fmt.Errorf("_files/%d: %w", i, err)
		}
		if earlier, twice := places[file.Name]; twice {
			files[earlier] = file
			continue
		}
		places[file.Name] = len(files)
		files = append(files, file)
	}
	return files, clash(places)
}

func submittedFile(item any) (SubmittedFile, error) {
	object, _ := item.(map[string]any)
	switch name := object["name"].(type) {
	case nil:
		return SubmittedFile{}, errors.New("File was missing 'name' property.") //nolint:staticcheck // PrairieLearn's words
	case string:
		return namedFile(name, object["contents"])
	default:
		return SubmittedFile{}, fmt.Errorf("the name must be text, found %s", schemas.Describe(name))
	}
}

func namedFile(name string, contents any) (SubmittedFile, error) {
	if name == "" {
		return SubmittedFile{}, errors.New("File was missing 'name' property.") //nolint:staticcheck // PrairieLearn's words
	}
	if contents == nil {
		return SubmittedFile{}, errors.New("File was missing 'contents' property.") //nolint:staticcheck // PrairieLearn's words
	}
	text, isText := contents.(string)
	if !isText {
		return SubmittedFile{}, fmt.Errorf("the contents must be text in base64, found %s", schemas.Describe(contents))
	}
	clean, err := studentPath(name)
	if err != nil {
		return SubmittedFile{}, err
	}
	return SubmittedFile{Name: clean, Contents: lenientBase64(text)}, nil
}

// studentPath is the path below /grade/student to which a submitted name leads.
func studentPath(name string) (string, error) {
	joined := path.Join("student", name)
	below, inside := strings.CutPrefix(joined, "student/")
	switch {
	case joined == "student", inside && strings.HasSuffix(name, "/"):
		return "", fmt.Errorf("the name %s is a folder's, not a file's", schemas.Describe(name))
	case !inside:
		return "", fmt.Errorf("Invalid filename %s: it leads out of the student's folder", schemas.Describe(name)) //nolint:staticcheck // PrairieLearn's words
	case len(below) > maxPathBytes, slices.ContainsFunc(strings.Split(below, "/"), func(s string) bool { return len(s) > maxNameBytes }):
		return "", fmt.Errorf("the name %s is too long", schemas.Describe(name))
	}
	return below, nil
}

// clash refuses a name that is a file and a folder at once.
func clash(files map[string]int) error {
	for name := range files {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, isFile := files[dir]; isFile {
				return fmt.Errorf("%s is a file and a folder at once", schemas.Describe(dir))
			}
		}
	}
	return nil
}
