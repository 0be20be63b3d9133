package desk

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
)

// JobsDir is where PrairieLearn's local mode puts the folders of jobs: $JOBS_DIR, else .pljobs in the user's home folder.
func JobsDir() (string, error) {
	if dir := os.Getenv("JOBS_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find the folder for kept jobs: %w; set JOBS_DIR", err)
	}
	return filepath.Join(home, ".pljobs"), nil
}

// Keep writes /grade as the job left it into a new folder below dir and returns its path. What lies there was written by untrusted code:
// it is never executed here, links that lead out of the folder are left out, and nothing is set-user-ID. Skipped names what was left
// out, at most 100 of it.
func Keep(ctx context.Context, grading *runner.Grading, dir string) (folder string, skipped []string, err error) {
	folder = filepath.Join(dir, "job_"+filepath.Base(grading.Report.JobID))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", nil, fmt.Errorf("keep /grade: %w", err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return "", nil, fmt.Errorf("keep /grade: %w", err)
	}
	defer root.Close() //nolint:errcheck // it was opened to write files, which are closed
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(grading.Archive(ctx, writer)) }()
	k := &keeper{root: root, left: 2 * jobspec.MaxGradeBytes, entries: 2 * jobspec.MaxGradeEntries}
	if err = k.unpack(reader); err == nil {
		err = k.makeLinks()
	}
	_ = reader.CloseWithError(errors.New("keeping has ended"))
	if err != nil {
		return "", nil, fmt.Errorf("keep /grade in %s: %w", folder, err)
	}
	return folder, k.skipped, nil
}

// keeper unpacks one archive that untrusted code has filled.
type keeper struct {
	root    *os.Root
	left    int64 // bytes that may still come
	entries int   // likewise
	links   []*tar.Header
	skipped []string
}

func (k *keeper) unpack(archive io.Reader) error {
	zipped, err := gzip.NewReader(archive)
	if err != nil {
		return err
	}
	entries := tar.NewReader(zipped)
	for {
		header, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if k.entries--; k.entries < 0 {
			return errors.New("it has too many files")
		}
		if err := k.entry(header, entries); err != nil {
			return err
		}
	}
}

// entry skips what a folder of staff's should not hold, and fails where the disk does.
func (k *keeper) entry(header *tar.Header, contents io.Reader) error {
	name := path.Clean(header.Name)
	if name == "." {
		return nil
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		k.skip(name)
		return nil
	}
	if err := k.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		return k.root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		k.links = append(k.links, header)
		return nil
	case tar.TypeReg:
		return k.file(name, header.FileInfo().Mode().Perm()&0o755|0o600, contents)
	default:
		k.skip(name)
		return nil
	}
}

// makeLinks makes them when all else is there, so that nothing is written through one, and takes away those that lead out: through
// others even a link that seems to stay inside may do so.
func (k *keeper) makeLinks() error {
	for _, link := range k.links {
		if err := k.root.Symlink(link.Linkname, path.Clean(link.Name)); err != nil {
			return err
		}
	}
	for _, link := range k.links {
		name := path.Clean(link.Name)
		if _, err := k.root.Stat(name); err == nil || errors.Is(err, fs.ErrNotExist) {
			continue
		}
		k.skip(name + " (a link that leads out of it)")
		if err := k.root.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

func (k *keeper) file(name string, mode fs.FileMode, contents io.Reader) error {
	file, err := k.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	written, err := io.Copy(file, io.LimitReader(contents, k.left+1))
	if k.left -= written; k.left < 0 {
		err = errors.Join(err, errors.New("it has too many bytes"))
	}
	return errors.Join(err, file.Close())
}

// maxSkipped bounds what is told of left out entries.
const maxSkipped = 100

func (k *keeper) skip(what string) {
	if len(k.skipped) < maxSkipped {
		k.skipped = append(k.skipped, what)
	}
}
