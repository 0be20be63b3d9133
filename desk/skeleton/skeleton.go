// Package skeleton makes a new question that works: a grader, and samples that say what it must answer.
package skeleton

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/uuid"
)

// The folders of a kind of question, with grader and samples.
//
//go:embed all:python all:shell
var folders embed.FS

// The kinds of question, and the images that they run in.
const (
	Python      = "python" // graded by the Python grader's image
	Shell       = "shell"  // graded by a shell script
	PythonImage = "slashgrade/python-grader:dev"
	ShellImage  = "debian:trixie-slim"
)

// maxName bounds a question's name, which is a folder's.
const maxName = 200

// Write makes the question's folder with all in it below the course's folder questions, and returns its path. Image is a kind, or the
// name of another image for a shell question. A folder that is there already is an error and is left alone.
func Write(course, name, image string) (folder string, err error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	kind := Shell
	switch image {
	case Python:
		kind, image = Python, PythonImage
	case Shell:
		image = ShellImage
	}
	folder = filepath.Join(course, "questions", filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil { //nolint:gosec // a course's files are not secret to its owner
		return "", fmt.Errorf("make the question: %w", err)
	}
	switch err := os.Mkdir(folder, 0o755); { //nolint:gosec // as above
	case errors.Is(err, fs.ErrExist):
		return "", fmt.Errorf("there is %s already; choose another name, or remove it", folder)
	case err != nil:
		return "", fmt.Errorf("make the question: %w", err)
	}
	if err := fill(folder, kind, map[string]string{
		"UUID": uuid.NewString(), "TITLE": title(name), "TOPIC": "Programming", "IMAGE": image,
	}); err != nil {
		return "", fmt.Errorf("make the question: %w", err)
	}
	return folder, nil
}

func checkName(name string) error {
	if len(name) > maxName || !regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*)*$`).MatchString(name) {
		return fmt.Errorf("a question's name has letters, digits, - and _, and / between folders, at most %d in all; found %q", maxName, name)
	}
	return nil
}

// title makes "Sum of two" of sum-of-two.
func title(name string) string {
	words := strings.NewReplacer("-", " ", "_", " ").Replace(path.Base(name))
	return strings.ToUpper(words[:1]) + words[1:]
}

func fill(folder, kind string, values map[string]string) error {
	return fs.WalkDir(folders, kind, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == kind {
			return err
		}
		to := filepath.Join(folder, filepath.FromSlash(strings.TrimPrefix(name, kind+"/")))
		if entry.IsDir() {
			return os.Mkdir(to, 0o755) //nolint:gosec // as above
		}
		text, err := folders.ReadFile(name)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(string(text), "#!") {
			mode = 0o755
		}
		if entry.Name() == "info.json" {
			text = replace(text, values)
		}
		return os.WriteFile(to, text, mode)
	})
}

// replace puts the values, as JSON texts, in place of the texts that are their keys.
func replace(text []byte, values map[string]string) []byte {
	result := string(text)
	for key, value := range values {
		encoded, _ := json.Marshal(value) // a string is always JSON
		result = strings.ReplaceAll(result, `"`+key+`"`, string(encoded))
	}
	return []byte(result)
}
