//go:build linux

package firstprocess

import (
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// sources are copies of what is mounted from the machine, by their destinations: descriptors of mounts that are not attached anywhere.
type sources map[string]int

// open copies them. They are at hand after the machine's file systems have been left.
func open(mounts []specs.Mount) (sources, error) {
	s := sources{}
	for _, m := range mounts {
		if m.Type != "bind" {
			continue
		}
		fd, err := unix.OpenTree(unix.AT_FDCWD, m.Source, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Source, err)
		}
		attributes := &unix.MountAttr{}
		for name, attribute := range mountAttributes() {
			if slices.Contains(m.Options, name) {
				attributes.Attr_set |= attribute
			}
		}
		if slices.Contains(m.Options, "exec") {
			attributes.Attr_clr |= unix.MOUNT_ATTR_NOEXEC
		}
		if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, attributes); err != nil {
			return nil, fmt.Errorf("set the options of %s: %w", m.Source, err)
		}
		s[m.Destination] = fd
	}
	return s, nil
}

func mountAttributes() map[string]uint64 {
	return map[string]uint64{
		"ro": unix.MOUNT_ATTR_RDONLY, "nosuid": unix.MOUNT_ATTR_NOSUID, "nodev": unix.MOUNT_ATTR_NODEV, "noexec": unix.MOUNT_ATTR_NOEXEC,
	}
}

// enter makes a folder, on which a file system is mounted, this process's root, and lets go of all others.
func enter(root string) error {
	if err := unix.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil { // the old root is then mounted upon the new one
		return err
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the machine's file systems: %w", err)
	}
	return unix.Chdir("/")
}
