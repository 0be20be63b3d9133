// Package gradertest tests graders: a question's sample submissions, each with what must come of it.
//
// A sample is a folder grader_tests/NAME of a question: the files as a student would hand them in, and beside them expect.toml, an
// [Expectation]. [Find] collects the samples of questions and courses, a [Suite] grades them and compares.
//
// # Bounds
//
// expect.toml has at most [MaxExpectBytes]; a submission keeps to the limits of package jobspec. A course has at most [MaxCases].
package gradertest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/slashgrade/slashgrade/desk"
)

// MaxCases is how many samples one run may have. A course of 200 questions with 20 samples each has 4,000.
const MaxCases = 50_000

// Case is one sample of a question.
type Case struct {
	// Question is the question's folder, as the reader would type it.
	Question string
	// Name is the sample's folder's name.
	Name string
}

// Folder is the sample's folder.
func (c *Case) Folder() string { return filepath.Join(c.Question, desk.SamplesDir, c.Name) }

// ExpectFile is the path of its expect.toml.
func (c *Case) ExpectFile() string { return filepath.Join(c.Folder(), desk.ExpectFile) }

// String names the sample in a list: its question's folder below the course's questions, and its own.
func (c *Case) String() string {
	name := filepath.ToSlash(c.Question)
	if full, err := filepath.Abs(c.Question); err == nil {
		name = filepath.ToSlash(full)
	}
	if _, below, found := strings.Cut(name, "/questions/"); found {
		name = below
	} else {
		name = filepath.Base(name)
	}
	return name + "/" + c.Name
}

// ErrNoCases is that there is no sample where some were looked for.
var ErrNoCases = errors.New("there are no grader tests: a sample submission is a folder grader_tests/NAME of a question, with an expect.toml")

// Find returns the samples of the questions, courses and samples at the paths, in the order of their names. A question without any is passed over;
// that there is none at all is ErrNoCases.
func Find(paths []string) ([]Case, error) {
	var cases []Case
	for _, name := range paths {
		found, err := find(name)
		if err != nil {
			return nil, err
		}
		cases = append(cases, found...)
	}
	if len(cases) == 0 {
		return nil, ErrNoCases
	}
	slices.SortStableFunc(cases, func(a, b Case) int { return strings.Compare(a.Folder(), b.Folder()) })
	return slices.Compact(cases), nil
}

func find(name string) ([]Case, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is a file; name a course, a question or a sample's folder", name)
	}
	if name, err = resolved(name); err != nil {
		return nil, err
	}
	full, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	if filepath.Base(filepath.Dir(full)) == desk.SamplesDir {
		return []Case{{Question: filepath.Dir(filepath.Dir(full)), Name: filepath.Base(full)}}, nil
	}
	var cases []Case
	err = filepath.WalkDir(name, func(found string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !d.IsDir():
			return nil
		case found != name && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.Name() != desk.SamplesDir:
			return nil
		}
		some, err := samples(filepath.Dir(found))
		if err != nil {
			return err
		}
		if cases = append(cases, some...); len(cases) > MaxCases {
			return fmt.Errorf("there are more than %d grader tests", MaxCases)
		}
		return fs.SkipDir
	})
	return cases, err
}

// resolved is the path without what needs not be there, and where it is a link, where that leads: below a link nothing is looked for.
func resolved(name string) (string, error) {
	info, err := os.Lstat(name)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return filepath.Clean(name), err
	}
	return filepath.EvalSymlinks(name)
}

// samples are the folders in a question's folder of samples.
func samples(question string) ([]Case, error) {
	entries, err := os.ReadDir(filepath.Join(question, desk.SamplesDir))
	if err != nil {
		return nil, err
	}
	var cases []Case
	for _, entry := range entries {
		if entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") {
			cases = append(cases, Case{Question: question, Name: entry.Name()})
		}
	}
	return cases, nil
}
