// Package dirstore keeps the files of jobs in a folder: the store of the embedded queue, for one machine.
//
// # Layout
//
// A file lies at <folder>/<bucket>/<root>/<name>. Each of the three is one path element, whatever it holds: bytes
// outside of a small safe set are percent-encoded and long parts are hashed (see element), so that no location leads
// elsewhere, two locations never share a file, also where the file system folds case or Unicode forms, and a plain job
// is found by eye. The folder is held as an os.Root: a symbolic link in it leads nowhere outside.
//
// # Durability
//
// Put writes a temporary file, syncs it, renames it into place and syncs the folder: a file is whole or not there, also
// after a crash or a power cut. Folders have mode 0700 and files 0600, since they hold students' work. Nothing is ever
// deleted but temporary files that an interrupted Put left; what is too old is for the operator to remove.
package dirstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/store"
)

const (
	// tempDir holds files that are being written. No element is ever named so: "%t" is no percent-encoding.
	tempDir = "%temp"
	// leftoverAge is how long after its last write a temporary file counts as left by a process that ended: longer than any job
	// (jobspec.MaxTimeout is 10 minutes) can go without writing to the file that it streams.
	leftoverAge = time.Hour

	dirMode  fs.FileMode = 0o700
	fileMode fs.FileMode = 0o600
)

// Dir is a folder as [store.Files]. It is safe for concurrent use, also by several processes on one folder.
type Dir struct {
	root *os.Root
}

var _ store.Files = (*Dir)(nil)

// Open opens the folder as a store, makes it (mode 0700, parents too) if it is not there, and removes temporary files
// that were last written more than an hour ago. It fails if dir cannot be made, read or written. The caller calls
// Close.
func Open(dir string) (*Dir, error) {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return nil, fmt.Errorf("make the folder of the store: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of the store: %w", err)
	}
	d := &Dir{root: root}
	if err := d.prepareTemp(time.Now().Add(-leftoverAge)); err != nil {
		return nil, errors.Join(fmt.Errorf("prepare the folder of the store: %w", err), root.Close())
	}
	return d, nil
}

// Close gives the folder's descriptor back. Files that are open stay readable; every later call fails.
func (d *Dir) Close() error {
	return d.root.Close()
}

// Open implements [store.Files]. A file that is replaced while it is read is read to its old end. What is there but is
// no regular file is refused with store.ErrNotExist.
func (d *Dir) Open(ctx context.Context, at jobspec.Location, name string) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open %q: %w", name, err)
	}
	file, err := d.openRegular(path.Join(folder(at), element(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open %q below %q: %w", name, at.Root, store.ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("open %q below %q: %w", name, at.Root, err)
	}
	return file, nil
}

// openRegular looks before it opens: opening a FIFO would wait for a writer, and links are not ours.
func (d *Dir) openRegular(name string) (*os.File, error) {
	info, err := d.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	return d.root.Open(name)
}

// Put implements [store.Files]. When it returns nil the file is on the disk.
func (d *Dir) Put(ctx context.Context, at jobspec.Location, name string, r io.Reader) error {
	temp := path.Join(tempDir, strings.ToLower(rand.Text()))
	err := d.write(ctx, temp, r)
	if err == nil {
		err = d.publish(temp, folder(at), element(name))
	}
	if err != nil {
		_ = d.root.Remove(temp) // what it leaves is removed by a later Open
		return fmt.Errorf("store %q below %q: %w", name, at.Root, err)
	}
	return nil
}

// write stores all of r in a new file and waits for the disk.
func (d *Dir) write(ctx context.Context, name string, r io.Reader) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	file, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, readerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return r.Read(p)
	}))
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// publish moves the temporary file into its place and makes that last: a rename is on the disk when the folder is synced.
func (d *Dir) publish(temp, folder, name string) error {
	if err := d.makeFolder(folder); err != nil {
		return err
	}
	if err := d.root.Rename(temp, path.Join(folder, name)); err != nil {
		return err
	}
	return d.sync(folder)
}

// makeFolder makes the two folders of a location. A new folder is on the disk when its parent is synced.
func (d *Dir) makeFolder(folder string) error {
	for _, dir := range []string{path.Dir(folder), folder} {
		err := d.root.Mkdir(dir, dirMode)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := d.sync(path.Dir(dir)); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dir) sync(folder string) error {
	dir, err := d.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// prepareTemp makes the folder of temporary files and removes from it what was last written before the instant.
func (d *Dir) prepareTemp(before time.Time) error {
	if err := d.root.Mkdir(tempDir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	entries, err := fs.ReadDir(d.root.FS(), tempDir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.ModTime().Before(before) {
			continue // gone by now, or perhaps still being written
		}
		if err := d.root.Remove(path.Join(tempDir, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

type readerFunc func([]byte) (int, error)

// Read implements [io.Reader].
func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
