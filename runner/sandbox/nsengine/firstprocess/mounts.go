//go:build linux

package firstprocess

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// mountAll mounts in the plan's order, a folder before what lies in it.
func mountAll(mounts []specs.Mount, from sources) error {
	for _, m := range mounts {
		if err := mount(m, from); err != nil {
			return fmt.Errorf("%s on %s: %w", m.Type, m.Destination, err)
		}
	}
	return nil
}

func mount(m specs.Mount, from sources) error {
	if m.Type == "bind" {
		return attach(from[m.Destination], m.Destination)
	}
	if err := makeFolder(m.Destination); err != nil {
		return err
	}
	flags, data, err := parseOptions(m.Options)
	if err != nil {
		return err
	}
	if m.Type == "cgroup" {
		return mountCgroups(m.Destination, flags)
	}
	return unix.Mount(m.Source, m.Destination, m.Type, flags, data)
}

// attach puts a copy of a mount where it belongs.
func attach(source int, target string) error {
	var info unix.Stat_t
	if err := unix.Fstat(source, &info); err != nil {
		return err
	}
	if info.Mode&unix.S_IFMT == unix.S_IFDIR {
		if err := makeFolder(target); err != nil {
			return err
		}
	} else if err := makeFile(target); err != nil {
		return err
	}
	return moveMount(source, target)
}

func moveMount(source int, target string) error {
	err := unix.MoveMount(source, "", unix.AT_FDCWD, target, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_SYMLINKS)
	if err != nil {
		return err
	}
	return unix.Close(source)
}

// makeFolder makes a folder to mount on. An image that has a link for one of the kernel's own is refused: what is looked up there later
// must be the kernel's.
func makeFolder(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return os.MkdirAll(path, 0o755) //nolint:gosec // every user of the container enters it
	case err != nil:
		return err
	case !info.IsDir() && (path == "/proc" || path == "/sys" || path == "/dev"):
		return errors.New("the image has no folder there")
	default:
		return nil
	}
}

func makeFile(path string) error {
	_, err := os.Lstat(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // as above
		return err
	}
	return os.WriteFile(path, nil, 0o644) //nolint:gosec // as above
}

// parseOptions splits options into the kernel's flags and what the file system itself is told.
func parseOptions(options []string) (flags uintptr, data string, err error) {
	known := map[string]uintptr{
		"rw": 0, "exec": 0, "ro": unix.MS_RDONLY, "nosuid": unix.MS_NOSUID, "nodev": unix.MS_NODEV, "noexec": unix.MS_NOEXEC,
		"strictatime": unix.MS_STRICTATIME,
	}
	var rest []string
	for _, option := range options {
		flag, ok := known[option]
		switch {
		case ok:
			flags |= flag
		case strings.Contains(option, "=") || option == "newinstance":
			rest = append(rest, option)
		default:
			return 0, "", fmt.Errorf("the option %q is not known", option)
		}
	}
	return flags, strings.Join(rest, ","), nil
}

// mountCgroups mounts the container's own cgroups: one hierarchy with version 2, else each in a folder of its own.
func mountCgroups(target string, flags uintptr) error {
	hierarchies, err := ownHierarchies()
	if err != nil {
		return err
	}
	if len(hierarchies) == 0 {
		return unix.Mount("cgroup", target, "cgroup2", flags, "")
	}
	if err := unix.Mount("tmpfs", target, "tmpfs", flags&^unix.MS_RDONLY, "mode=755"); err != nil {
		return err
	}
	for _, hierarchy := range hierarchies {
		if err := mountHierarchy(target, hierarchy, flags); err != nil {
			return fmt.Errorf("hierarchy %s: %w", hierarchy, err)
		}
	}
	return nil // the plan protects the folder itself
}

// ownHierarchies are the controllers of each hierarchy of version 1, as the kernel names them together.
func ownHierarchies() ([]string, error) {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	var list []string
	for line := range strings.Lines(string(text)) {
		if fields := strings.SplitN(line, ":", 3); len(fields) == 3 && fields[1] != "" {
			list = append(list, fields[1])
		}
	}
	return list, nil
}

func mountHierarchy(parent, controllers string, flags uintptr) error {
	name, data := controllers, controllers
	if own, isNamed := strings.CutPrefix(controllers, "name="); isNamed {
		name, data = own, "none,"+controllers
	}
	folder := filepath.Join(parent, name)
	if err := os.Mkdir(folder, 0o755); err != nil { //nolint:gosec // as above
		return err
	}
	if err := unix.Mount("cgroup", folder, "cgroup", flags, data); err != nil {
		return err
	}
	if !strings.Contains(name, ",") {
		return nil
	}
	for controller := range strings.SplitSeq(name, ",") {
		if err := os.Symlink(name, filepath.Join(parent, controller)); err != nil {
			return err
		}
	}
	return nil
}
