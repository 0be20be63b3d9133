//go:build linux

package ociengine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mountOverlay mounts the layers, the topmost first, with what changes on the disk.
//
// The folders are named by descriptors: so the names of 128 layers, the most that Docker allows, fit into the page that the kernel takes,
// and a job that looks into /proc/mounts finds no path of the host.
func mountOverlay(target, disk string, layers []string) error {
	var folders descriptors
	defer folders.close()
	upper, err := folders.open(filepath.Join(disk, "upper"))
	if err != nil {
		return err
	}
	work, err := folders.open(filepath.Join(disk, "work"))
	if err != nil {
		return err
	}
	lower := make([]string, len(layers))
	for i, layer := range layers {
		lower[i], err = folders.open(layer)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %w", errLayersGone, err)
		}
		if err != nil {
			return err
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", strings.Join(lower, ":"), upper, work)
	if len(options) >= os.Getpagesize() {
		return fmt.Errorf("the image's %d layers are more than one mount takes", len(layers))
	}
	return unix.Mount("overlay", target, "overlay", unix.MS_NODEV, options)
}

// descriptors are folders that are open for their names only.
type descriptors []int

// open opens a folder and returns a short name of it, which holds until close.
func (d *descriptors) open(folder string) (string, error) {
	fd, err := unix.Open(folder, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &fs.PathError{Op: "open", Path: folder, Err: err}
	}
	*d = append(*d, fd)
	return "/proc/self/fd/" + strconv.Itoa(fd), nil
}

func (d *descriptors) close() {
	for _, fd := range *d {
		_ = unix.Close(fd)
	}
}
