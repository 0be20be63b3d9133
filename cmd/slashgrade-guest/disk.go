//go:build linux

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// diskInterval is how often the disk is looked at: a job that writes 1 GB a second is 0.25 GB over its limit when it ends.
const diskInterval = 250 * time.Millisecond

// diskWatch ends a job that fills the host's disk through the container's root, which engines cannot bound on most file systems.
// It asks for the free space of the file system, which is cheap but counts everybody; only when that has fallen by the limit it
// counts what this job wrote.
type diskWatch struct {
	limit  int64
	since  time.Time
	done   chan struct{}
	ended  sync.WaitGroup
	device uint64
}

// watchDisk calls full once when the job has written more than limit bytes outside of tmpfs; limit 0 watches nothing.
func watchDisk(limit int64, full func()) *diskWatch {
	w := &diskWatch{limit: limit, since: time.Now(), done: make(chan struct{})}
	if info, err := os.Lstat("/"); err == nil {
		w.device = device(info)
	}
	if limit > 0 {
		w.ended.Go(func() { w.watch(full) })
	}
	return w
}

func (w *diskWatch) stop() {
	close(w.done)
	w.ended.Wait()
}

func (w *diskWatch) watch(full func()) {
	ticks := time.NewTicker(diskInterval)
	defer ticks.Stop()
	before := free("/")
	for {
		select {
		case <-w.done:
			return
		case <-ticks.C:
		}
		if before-free("/") > w.limit && w.written() > w.limit {
			full()
			return
		}
	}
}

// written adds up the files of the container's root that changed since the job began, and the deleted ones that it holds open.
func (w *diskWatch) written() int64 {
	var sum int64
	_ = filepath.WalkDir("/", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be read now is counted at the next look
		}
		info, err := entry.Info()
		if err != nil {
			return nil //nolint:nilerr // it has just been removed
		}
		if entry.IsDir() && device(info) != w.device {
			return filepath.SkipDir
		}
		sum += w.blocks(info)
		return nil
	})
	return sum + w.deleted()
}

// deleted counts the files that processes write to after they were removed: a walk cannot see them.
func (w *diskWatch) deleted() int64 {
	var sum int64
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	seen := map[uint64]bool{}
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !strings.HasSuffix(target, " (deleted)") {
			continue
		}
		info, err := os.Stat(link)
		if err != nil || device(info) != w.device {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && !seen[stat.Ino] {
			seen[stat.Ino] = true
			sum += w.blocks(info)
		}
	}
	return sum
}

func (w *diskWatch) blocks(info fs.FileInfo) int64 {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() || time.Unix(stat.Ctim.Sec, stat.Ctim.Nsec).Before(w.since.Add(-time.Second)) {
		return 0
	}
	return stat.Blocks * 512
}

func device(info fs.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Dev
	}
	return 0
}

func free(folder string) int64 {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(folder, &stat); err != nil {
		return 0
	}
	return int64(stat.Bavail) * stat.Bsize //nolint:gosec // disks are smaller than 2^63 bytes
}

// used says how many bytes and inodes of a tmpfs are in use.
func used(folder string) (bytes, inodes int64) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(folder, &stat); err != nil {
		return 0, 0
	}
	return int64(stat.Blocks-stat.Bfree) * stat.Bsize, int64(stat.Files - stat.Ffree) //nolint:gosec // as above
}
