package jobspec

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Limits of a grade directory, as it is by default in the container.
const (
	// MaxGradeEntries is how many files, folders and links /grade may have.
	MaxGradeEntries = 200_000
	// MaxGradeBytes is how many bytes all its files may have together.
	MaxGradeBytes = 1 << 30
)

// The folders of /grade. There is never a results folder: graders make it, and fail if it is there.
const (
	serverFilesDir = "serverFilesCourse"
	sharedDir      = "shared"
	testsDir       = "tests"
	studentDir     = "student"
	dataDir        = "data"
)

// GradeDir is the content of /grade before a job: what PrairieLearn would put there. Files of the course are read only when the
// archive is written.
type GradeDir struct {
	course  fs.FS
	entries map[string]*gradeEntry // by path below /grade
	bytes   int64
}

// gradeEntry is a folder, a link or a file of /grade. A file's bytes are in data, or in the course under source.
type gradeEntry struct {
	mode   fs.FileMode
	link   string
	data   []byte
	source string
	size   int64
}

// NewGradeDir assembles /grade: the course files that the question asks for, in serverFilesCourse and once more in shared (an old name
// that courses still use), the question's tests, the student's files and data/data.json. Course is the course's folder; links in it
// are copied as links. Give it os.Root's file system, so that no link on the way to a file leads out of the course.
func NewGradeDir(course fs.FS, q *Question, s *Submission) (*GradeDir, error) {
	g := &GradeDir{course: course, entries: make(map[string]*gradeEntry)}
	steps := []func(*Question, *Submission) error{g.addFolders, g.addServerFiles, g.addTests, g.addStudent, g.addData}
	for _, step := range steps {
		if err := step(q, s); err != nil {
			return nil, fmt.Errorf("assemble /grade for question %s: %w", q.Dir, err)
		}
	}
	g.makeExecutable(q.Options.Entrypoint)
	return g, nil
}

func (g *GradeDir) addFolders(*Question, *Submission) error {
	for _, dir := range []string{serverFilesDir, sharedDir, testsDir, studentDir, dataDir} {
		if err := g.addDir(dir); err != nil {
			return err
		}
	}
	return nil
}

func (g *GradeDir) addServerFiles(q *Question, _ *Submission) error {
	for _, name := range q.Options.ServerFilesCourse {
		if rule := courseFileRule(name); rule != "" {
			return fmt.Errorf("serverFilesCourse: %q %s", name, rule)
		}
		err := g.copyTree(path.Join(serverFilesDir, name), path.Join(serverFilesDir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("serverFilesCourse: %q is not in the course's folder serverFilesCourse (names are literal, without wildcards)", name)
		}
		if err != nil {
			return fmt.Errorf("serverFilesCourse: %w", err)
		}
	}
	for _, name := range g.names() {
		below, inside := strings.CutPrefix(name, serverFilesDir+"/")
		if !inside {
			continue
		}
		if err := g.add(path.Join(sharedDir, below), *g.entries[name]); err != nil {
			return err
		}
	}
	return nil
}

func (g *GradeDir) addTests(q *Question, _ *Submission) error {
	source := path.Join(q.Dir, testsDir)
	info, err := fs.Lstat(g.course, source)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look for tests: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder", source)
	}
	return g.copyTree(source, testsDir)
}

func (g *GradeDir) addStudent(_ *Question, s *Submission) error {
	for _, file := range s.Files {
		below, err := studentPath(file.Name)
		if err != nil {
			return err
		}
		entry := gradeEntry{mode: 0o644, data: file.Contents, size: int64(len(file.Contents))}
		if err := g.addBelow(studentDir, below, entry); err != nil {
			return err
		}
	}
	return nil
}

func (g *GradeDir) addData(q *Question, s *Submission) error {
	data, err := gradeData(q, s)
	if err != nil {
		return err
	}
	return g.add(path.Join(dataDir, "data.json"), gradeEntry{mode: 0o644, data: data, size: int64(len(data))})
}

// copyTree adds the file, link or folder at source in the course as dest, with everything in it.
func (g *GradeDir) copyTree(source, dest string) error {
	info, err := fs.Lstat(g.course, source)
	if err != nil {
		return fmt.Errorf("copy %s: %w", source, err)
	}
	switch kind := info.Mode().Type(); {
	case kind.IsDir():
		return g.copyDir(source, dest)
	case kind == fs.ModeSymlink:
		link, err := fs.ReadLink(g.course, source)
		if err != nil {
			return fmt.Errorf("copy link %s: %w", source, err)
		}
		return g.addBelow("", dest, gradeEntry{mode: fs.ModeSymlink | 0o777, link: link})
	case kind.IsRegular():
		return g.addBelow("", dest, gradeEntry{mode: fileMode(info.Mode()), source: source, size: info.Size()})
	}
	return fmt.Errorf("copy %s: it is neither a file, a folder nor a link", source)
}

func (g *GradeDir) copyDir(source, dest string) error {
	if err := g.addBelow("", dest, gradeEntry{mode: fs.ModeDir | 0o755}); err != nil {
		return err
	}
	children, err := fs.ReadDir(g.course, source)
	if err != nil {
		return fmt.Errorf("copy %s: %w", source, err)
	}
	for _, child := range children {
		if err := g.copyTree(path.Join(source, child.Name()), path.Join(dest, child.Name())); err != nil {
			return err
		}
	}
	return nil
}

// fileMode keeps of a file's mode whether it is executable. The rest depends on the umask under which the course was checked out.
func fileMode(mode fs.FileMode) fs.FileMode {
	if mode&0o111 != 0 {
		return 0o755
	}
	return 0o644
}

// addBelow adds the entry and the folders between base and it.
func (g *GradeDir) addBelow(base, name string, entry gradeEntry) error {
	full := path.Join(base, name)
	for i, c := range full {
		if c == '/' {
			if err := g.addDir(full[:i]); err != nil {
				return err
			}
		}
	}
	return g.add(full, entry)
}

func (g *GradeDir) addDir(name string) error {
	return g.add(name, gradeEntry{mode: fs.ModeDir | 0o755})
}

// add puts the entry in place of an earlier one of the same kind.
func (g *GradeDir) add(name string, entry gradeEntry) error {
	if earlier := g.entries[name]; earlier != nil {
		if earlier.mode.IsDir() != entry.mode.IsDir() {
			return fmt.Errorf("/grade/%s is a file and a folder at once", name)
		}
		g.bytes -= earlier.size
	}
	g.entries[name] = &entry
	g.bytes += entry.size
	switch {
	case len(g.entries) > MaxGradeEntries:
		return fmt.Errorf("there are more than %d files and folders", MaxGradeEntries)
	case g.bytes > MaxGradeBytes:
		return fmt.Errorf("the files have more than %d bytes", MaxGradeBytes)
	}
	return nil
}

// makeExecutable does what PrairieLearn does for an entrypoint under /grade. It follows no link.
func (g *GradeDir) makeExecutable(entrypoint []string) {
	name, inGrade := GradeFile(entrypoint)
	if entry := g.entries[name]; inGrade && entry != nil && entry.mode.IsRegular() {
		entry.mode |= 0o111
	}
}

// names are the paths in the order in which they are archived: a folder before what is in it.
func (g *GradeDir) names() []string {
	return slices.Sorted(maps.Keys(g.entries))
}

// SetData puts other bytes in place of data/data.json.
func (g *GradeDir) SetData(data []byte) error {
	return g.add(path.Join(dataDir, "data.json"), gradeEntry{mode: 0o644, data: data, size: int64(len(data))})
}
