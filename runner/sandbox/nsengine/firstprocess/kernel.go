//go:build linux

package firstprocess

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// makeDevices makes what every container has in /dev, with the kernel's numbers, and the links that the C library and shells expect.
func makeDevices() error {
	const everybody = 0o666
	devices := []struct {
		name         string
		major, minor uint32
	}{
		{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
	}
	for _, d := range devices {
		path := "/dev/" + d.name
		if err := unix.Mknod(path, unix.S_IFCHR|everybody, int(unix.Mkdev(d.major, d.minor))); err != nil { //nolint:gosec // see the table
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := os.Chmod(path, everybody); err != nil { // the umask is not ours
			return err
		}
	}
	links := map[string]string{
		"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	}
	if _, err := os.Stat("/proc/kcore"); err == nil { // a kernel may have none
		links["core"] = "/proc/kcore"
	}
	for name, to := range links {
		if err := os.Symlink(to, "/dev/"+name); err != nil {
			return err
		}
	}
	return nil
}

// setParameters writes what is of the container's own namespaces.
func setParameters(parameters map[string]string) error {
	for name, value := range parameters {
		if err := os.WriteFile("/proc/sys/"+strings.ReplaceAll(name, ".", "/"), []byte(value), 0); err != nil {
			return err
		}
	}
	return nil
}

// mask puts nothing in the place of what is there.
func mask(paths []string) error {
	for _, path := range paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.IsDir() {
			err = unix.Mount("tmpfs", path, "tmpfs", unix.MS_RDONLY, "")
		} else if err == nil {
			err = mountOver("/dev/null", path, &unix.MountAttr{})
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// protect makes paths, and if wanted the root, read-only. What is mounted below them is not.
func protect(spec *specs.Spec) error {
	readOnly := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	for _, path := range spec.Linux.ReadonlyPaths {
		err := mountOver(path, path, readOnly)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if !spec.Root.Readonly {
		return nil
	}
	return unix.MountSetattr(unix.AT_FDCWD, "/", 0, readOnly)
}

// mountOver mounts a copy of one path, with all that is mounted below it, on another.
func mountOver(source, target string, attributes *unix.MountAttr) error {
	fd, err := unix.OpenTree(unix.AT_FDCWD, source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return err
	}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, attributes); err != nil {
		return err
	}
	return moveMount(fd, target)
}

// loopback brings the container's only network device up.
func loopback() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(socket) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}
