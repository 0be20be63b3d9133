//go:build linux

package ociengine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/slashgrade/slashgrade/runner/sandbox"
	"golang.org/x/sys/unix"
)

const (
	// diskMargin is what a container's disk holds beyond what its job may write: the guest ends a job that is past its limit, which
	// it could not see if the kernel stopped it there.
	diskMargin = 16 << 20
	// blockBytes is what a file counts at least, as the guest counts it.
	blockBytes = 4096
	// maxResolv bounds the host's resolv.conf; resolvers read less.
	maxResolv = 64 << 10
)

// errLayersGone says that the folders of an image are not where they were.
var errLayersGone = errors.New("the image's files are not on this machine's disk")

// bundle is the folder of a container and what is mounted in it.
type bundle struct {
	id     string
	path   string
	runner *runnerDir
}

func (b *bundle) rootfs() string { return filepath.Join(b.path, "rootfs") }

func (b *bundle) disk() string { return filepath.Join(b.path, "disk") }

// etc is where the container's own files of /etc are, which are mounted over the image's.
func (b *bundle) etc() string { return filepath.Join(b.disk(), "etc") }

func (b *bundle) cgroup() string { return filepath.Join(b.runner.cgroup(), b.id) }

func (b *bundle) hostname() string { return b.id[:12] }

// make makes the folder and mounts the root.
func (b *bundle) make(profile *sandbox.Profile, layers []string) error {
	for _, folder := range []string{b.path, b.rootfs(), b.disk()} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			return fmt.Errorf("make the container's folder: %w", err)
		}
	}
	size := profile.DiskBytes + diskMargin
	options := fmt.Sprintf("mode=0755,size=%d,nr_inodes=%d", size, size/blockBytes)
	if err := unix.Mount("slashgrade", b.disk(), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("mount the container's disk: %w", err)
	}
	for _, folder := range []string{"upper", "work", "etc"} {
		if err := os.Mkdir(filepath.Join(b.disk(), folder), 0o755); err != nil { //nolint:gosec // upper is the container's /
			return fmt.Errorf("make the container's disk: %w", err)
		}
	}
	if err := b.writeEtc(); err != nil {
		return fmt.Errorf("write the container's files of /etc: %w", err)
	}
	if err := mountOverlay(b.rootfs(), b.disk(), layers); err != nil {
		return fmt.Errorf("mount the container's root: %w", err)
	}
	return nil
}

// hosts is /etc/hosts as Docker gives it to a container without a network.
const hosts = `127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::0	ip6-localnet
ff00::0	ip6-mcastprefix
ff02::1	ip6-allnodes
ff02::2	ip6-allrouters
`

func (b *bundle) writeEtc() error {
	resolv, err := readBounded("/etc/resolv.conf", maxResolv)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	files := map[string][]byte{"hosts": []byte(hosts), "hostname": []byte(b.hostname() + "\n"), "resolv.conf": resolv}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(b.etc(), name), content, 0o644); err != nil { //nolint:gosec // every user reads them
			return err
		}
	}
	return nil
}

func readBounded(path string, most int64) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the host's own
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, most))
}

// remove unmounts and removes everything of the folder. What is not there is no error.
func (b *bundle) remove() error {
	for _, mounted := range []string{b.rootfs(), b.disk()} {
		if err := unmount(mounted); err != nil {
			return fmt.Errorf("unmount %s: %w", mounted, err)
		}
	}
	for _, folder := range []string{filepath.Join(b.runner.state(), b.id), b.path} {
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("remove the container's folder: %w", err)
		}
	}
	return nil
}

// unmount unmounts what is mounted on a folder, however often. A container that is just being made may hold a copy of the mount for a
// moment, so it is detached: what it holds goes with its last user.
func unmount(folder string) error {
	for {
		err := unix.Unmount(folder, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) { // nothing is mounted there
			return nil
		}
		if err != nil {
			return err
		}
	}
}
