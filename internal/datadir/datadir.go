// Package datadir is a runner's own folder: its stable id, and the lock that keeps a second runner out of it.
package datadir

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// The files of a data directory.
const (
	idFile   = "runner-id"
	lockFile = "runner.lock"
)

// ErrLocked is returned by Lock while another process runs on the same folder.
var ErrLocked = errors.New("another slashgrade runs on this data directory")

// Dir is a runner's folder. Containers carry its ID, so the next start can remove what this one left.
type Dir struct {
	Path string
	ID   string
	lock *os.File
}

// Open makes the folder (mode 0700) and its id where they are missing.
func Open(path string) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open the data directory: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("open the data directory: %w", err)
	}
	d := &Dir{Path: path}
	if d.ID, err = d.readOrMakeID(); err != nil {
		return nil, fmt.Errorf("open the data directory %s: %w", path, err)
	}
	return d, nil
}

// readOrMakeID reads the id. A new one is linked into place, so that of two first starts one wins and both read the same.
func (d *Dir) readOrMakeID() (string, error) {
	name := filepath.Join(d.Path, idFile)
	text, err := os.ReadFile(name) //nolint:gosec // the operator's own folder
	if errors.Is(err, fs.ErrNotExist) {
		if err := d.makeID(name); err != nil {
			return "", err
		}
		text, err = os.ReadFile(name) //nolint:gosec // as above
	}
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(text))
	if id == "" {
		return "", fmt.Errorf("%s is empty; remove it, and the next start makes a new one", name)
	}
	return id, nil
}

func (d *Dir) makeID(name string) error {
	draft, err := os.CreateTemp(d.Path, idFile)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft.Name()) }()
	_, err = draft.WriteString(strings.ToLower(rand.Text()[:16]) + "\n")
	if err := errors.Join(err, draft.Close()); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// Lock takes the folder for this process, until it ends or Unlock. The error wraps ErrLocked if another process has it.
func (d *Dir) Lock() error {
	file, err := os.OpenFile(filepath.Join(d.Path, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock the data directory: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(file.Name())
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("%w: %s (process %s)", ErrLocked, d.Path, strings.TrimSpace(string(holder)))
		}
		return fmt.Errorf("lock the data directory %s: %w", d.Path, err)
	}
	d.lock = file
	if err := file.Truncate(0); err == nil {
		_, _ = file.WriteString(strconv.Itoa(os.Getpid()) + "\n") // for the message above only
	}
	return nil
}

// Unlock gives the folder back.
func (d *Dir) Unlock() {
	if d.lock != nil {
		_ = d.lock.Close()
		d.lock = nil
	}
}

// Busy says whether another process has the lock now.
func (d *Dir) Busy() bool {
	if d.lock != nil {
		return false
	}
	err := d.Lock()
	d.Unlock()
	return errors.Is(err, ErrLocked)
}
