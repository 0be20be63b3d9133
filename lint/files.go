package lint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slashgrade/slashgrade/jobspec"
)

// readFile reads a regular file of the course of at most limit bytes; size is what it has in truth.
func readFile(fsys fs.FS, name string, limit int64) (data []byte, size int64, err error) {
	file, err := openRegular(fsys, name)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	data, err = io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(data)) > limit {
		return nil, 0, fmt.Errorf("%s has more than %d bytes, which is more than is read", name, limit)
	}
	return data, int64(len(data)), nil
}

var errNotRegular = errors.New("it is not a plain file")

// openRegular never waits: a FIFO in a course is refused before it is opened.
func openRegular(fsys fs.FS, name string) (fs.File, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open %s: %w", name, errNotRegular)
	}
	return fsys.Open(name)
}

// exists says whether a name is there, a broken link included.
func exists(fsys fs.FS, name string) bool {
	_, err := fs.Lstat(fsys, name)
	return err == nil
}

// entry is a file, folder or link that a job gets.
type entry struct {
	name string // below the course
	mode fs.FileMode
	size int64
}

// tree lists what lies at name and below, at most jobspec.MaxGradeEntries entries, and whether there were more. What cannot be read is left out.
func tree(fsys fs.FS, name string) (entries []entry, more bool) {
	errFull := errors.New("full")
	err := fs.WalkDir(fsys, name, func(found string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be read is not in the list
		}
		if len(entries) >= jobspec.MaxGradeEntries {
			return errFull
		}
		if info, err := d.Info(); err == nil {
			entries = append(entries, entry{found, info.Mode(), info.Size()})
		}
		return nil
	})
	return entries, errors.Is(err, errFull)
}

// inOtherCase is a name in the same folder that differs only in upper and lower case, "" if there is none.
func inOtherCase(fsys fs.FS, name string) string {
	children, err := fs.ReadDir(fsys, path.Dir(name))
	if err != nil {
		return ""
	}
	i := slices.IndexFunc(children, func(d fs.DirEntry) bool { return strings.EqualFold(d.Name(), path.Base(name)) })
	if i < 0 {
		return ""
	}
	return children[i].Name()
}

// head is the beginning of a file, at most n bytes; nil if it cannot be read.
func head(fsys fs.FS, name string, n int64) []byte {
	file, err := openRegular(fsys, name)
	if err != nil {
		return nil
	}
	defer file.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(io.LimitReader(file, n))
	if err != nil {
		return nil
	}
	return data
}

// isScript says whether the bytes begin with an interpreter line.
func isScript(data []byte) bool { return bytes.HasPrefix(data, []byte("#!")) }

// firstCRLF is the line that is the first to end in CR LF, 0 if none does.
func firstCRLF(data []byte) int {
	before, _, found := bytes.Cut(data, []byte("\r\n"))
	if !found {
		return 0
	}
	return 1 + bytes.Count(before, []byte("\n"))
}
