//go:build linux

package ociengine

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"
)

// runnerBytes bounds a runner's folder: 3 MB of guest, and for each container some 30 KB of description and the runtime's own state.
const runnerBytes = "256m"

// Folders of a runner's folder beside those of containers.
const (
	stateFolder   = "@runtime" // the runtime's own; no container's id looks so
	guestFolder   = "@guest"
	guestFile     = "guest"       // in guestFolder
	cgroupsFolder = "/slashgrade" // below the root of each hierarchy of cgroups
)

// runnerDir is where everything of a runner's containers lies: a tmpfs, mounted so that no other mount namespace sees what is mounted in
// it later.
type runnerDir struct {
	path string
	id   string
}

// runnerID is what a folder and a cgroup can be named after.
var runnerID = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$`)

func newRunnerDir(parent, id string) (*runnerDir, error) {
	if !runnerID.MatchString(id) {
		return nil, fmt.Errorf("the runner's id %q must consist of 1 to 64 letters, digits, -, _ and ., without a . at its beginning", id)
	}
	return &runnerDir{path: filepath.Join(parent, id), id: id}, nil
}

// newID names a container; its first 12 digits are its host name, as with Docker.
func newID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}

// open mounts the folder, unless an earlier process of the runner did, and puts the guest into it.
func (r *runnerDir) open(guests Guests) error {
	if err := os.MkdirAll(r.path, 0o700); err != nil {
		return err
	}
	mounted, err := isMountPoint(r.path)
	if err != nil {
		return err
	}
	if !mounted {
		if err := unix.Mount("slashgrade", r.path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0700,size="+runnerBytes); err != nil {
			return fmt.Errorf("mount a tmpfs: %w", err)
		}
	}
	if err := unix.Mount("", r.path, "", unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mount private: %w", err)
	}
	program, err := guests.Program(runtime.GOARCH)
	if err != nil {
		return err
	}
	return r.putGuest(program)
}

// putGuest replaces the guest, of which containers may be running an older version.
func (r *runnerDir) putGuest(program []byte) error {
	const mode = 0o755 // every user of a container may start it; the folder is mounted read-only there
	folder := r.guest()
	if err := os.MkdirAll(folder, mode); err != nil {
		return err
	}
	draft := filepath.Join(folder, "draft")
	err := os.WriteFile(draft, program, mode)
	if err == nil {
		err = os.Chmod(draft, 0o555) //nolint:gosec // see mode; the umask is not ours
	}
	if err == nil {
		err = os.Rename(draft, r.program())
	}
	if err != nil {
		return fmt.Errorf("write the guest: %w", err)
	}
	return os.Chmod(folder, mode)
}

func (r *runnerDir) guest() string { return filepath.Join(r.path, guestFolder) }

// program is the guest's file.
func (r *runnerDir) program() string { return filepath.Join(r.guest(), guestFile) }

func (r *runnerDir) state() string { return filepath.Join(r.path, stateFolder) }

// cgroup is the path of the runner's cgroup in every hierarchy.
func (r *runnerDir) cgroup() string { return filepath.Join(cgroupsFolder, r.id) }

func (r *runnerDir) bundle(id string) *bundle {
	return &bundle{id: id, path: filepath.Join(r.path, id), runner: r}
}

// bundles lists what there is of containers, by their folders and their cgroups.
func (r *runnerDir) bundles(groups *cgroups) ([]*bundle, error) {
	entries, err := os.ReadDir(r.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the runner's containers: %w", err)
	}
	var ids []string
	for _, entry := range entries {
		if entry.Name() != stateFolder && entry.Name() != guestFolder {
			ids = append(ids, entry.Name())
		}
	}
	ids = append(ids, groups.children(r.cgroup())...)
	slices.Sort(ids)
	var list []*bundle
	for _, id := range slices.Compact(ids) {
		list = append(list, r.bundle(id))
	}
	return list, nil
}

// close removes the folder and its cgroups, if no container is left in them.
func (r *runnerDir) close(groups *cgroups) {
	if list, err := r.bundles(groups); err != nil || len(list) > 0 {
		return
	}
	groups.remove(r.cgroup())
	if unix.Unmount(r.path, unix.UMOUNT_NOFOLLOW) == nil {
		_ = os.Remove(r.path)
	}
}

// isMountPoint compares the folder's device with its parent's.
func isMountPoint(path string) (bool, error) {
	var own, parent unix.Stat_t
	if err := unix.Lstat(path, &own); err != nil {
		return false, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	if err := unix.Lstat(filepath.Dir(path), &parent); err != nil {
		return false, &fs.PathError{Op: "lstat", Path: filepath.Dir(path), Err: err}
	}
	return own.Dev != parent.Dev, nil
}
