//go:build linux

package main

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// maxWritten is the depth below / to which folders are looked into, at two descriptors each. Deeper ones are no image's; a job
	// that hides files in them counts as one that fills the disk.
	maxWritten = 200
	// namesAtOnce bounds the memory for a folder of any size.
	namesAtOnce = 512
	// clockStep is how much coarser than the clock the kernel stamps files: one tick.
	clockStep = 10 * time.Millisecond
)

// writtenCount adds up the files on disk that changed since the job began.
type writtenCount struct {
	since  time.Time
	sum    int64
	linked map[uint64]bool // inodes of several names that were counted
}

// countWritten counts the files of the container's root and volumes, and the deleted ones that processes hold open. Files that are
// held by nothing but a mapping are not seen: that takes a capability that engines do not give.
func countWritten(since time.Time) int64 {
	c := &writtenCount{since: since.Add(-clockStep), linked: map[uint64]bool{}}
	if root, err := os.OpenRoot("/"); err == nil {
		c.folder(root, 0)
		_ = root.Close()
	}
	c.deleted()
	return c.sum
}

// folder goes by descriptors from folder to folder, as a path to a file may be longer than the kernel takes.
func (c *writtenCount) folder(root *os.Root, depth int) {
	if depth > maxWritten {
		c.sum = math.MaxInt64 / 2
		return
	}
	self, err := root.Open(".")
	if err != nil {
		return // removed just now
	}
	defer func() { _ = self.Close() }()
	for {
		names, err := self.Readdirnames(namesAtOnce)
		for _, name := range names {
			c.entry(root, name, depth)
		}
		if err != nil || len(names) == 0 {
			return
		}
	}
}

// entry counts one name. What cannot be read now is counted at the next look.
func (c *writtenCount) entry(parent *os.Root, name string, depth int) {
	info, err := parent.Lstat(name)
	if err != nil {
		return
	}
	if !info.IsDir() {
		c.add(info)
		return
	}
	folder, err := parent.OpenRoot(name)
	if err != nil {
		return
	}
	defer func() { _ = folder.Close() }()
	if self, err := folder.Open("."); err == nil {
		memory := inMemory(self)
		_ = self.Close()
		if memory {
			return
		}
	}
	c.add(info)
	c.folder(folder, depth+1)
}

// deleted counts the files that processes write to after they were removed: no folder has them.
func (c *writtenCount) deleted() {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !strings.HasSuffix(target, " (deleted)") {
			continue
		}
		var system syscall.Statfs_t
		info, err := os.Stat(link)
		if err != nil || syscall.Statfs(link, &system) != nil || isMemory(system.Type) {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && !c.linked[stat.Ino] {
			c.linked[stat.Ino] = true // held by several descriptors
			c.add(info)
		}
	}
}

func (c *writtenCount) add(info fs.FileInfo) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || time.Unix(stat.Ctim.Sec, stat.Ctim.Nsec).Before(c.since) {
		return
	}
	if stat.Nlink > 1 && !info.IsDir() {
		if c.linked[stat.Ino] {
			return
		}
		c.linked[stat.Ino] = true
	}
	const block = 512 // of stat, whatever the file system's
	c.sum += max(stat.Blocks*block, inodeBytes)
}

// inMemory says whether a folder is on a file system that takes no disk: it is bounded by memory, or holds nothing.
func inMemory(folder *os.File) bool {
	var system syscall.Statfs_t
	return syscall.Fstatfs(int(folder.Fd()), &system) == nil && isMemory(system.Type)
}

// isMemory knows the file systems of a container that are not on disk by the kernel's numbers (linux/magic.h).
func isMemory(system int64) bool {
	switch system {
	case 0x01021994, // tmpfs
		0x9fa0,     // proc
		0x62656572, // sysfs
		0x1cd1,     // devpts
		0x19800202, // mqueue
		0x27e0eb,   // cgroup v1
		0x63677270: // cgroup v2
		return true
	default:
		return false
	}
}
