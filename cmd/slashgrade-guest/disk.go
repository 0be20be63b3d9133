//go:build linux

package main

import (
	"sync"
	"syscall"
	"time"

	"github.com/moby/sys/mountinfo"
)

// diskInterval is how often the disk is looked at: a job that writes 1 GB a second is 0.25 GB over its limit when it ends.
const diskInterval = 250 * time.Millisecond

// inodeBytes is what a file counts at least: a block of the usual file systems. It bounds empty files as well, of which a disk takes
// no more than it has inodes.
const inodeBytes = 4096

// diskWatch ends a job that fills the host's disk through the container's root, which engines cannot bound on most file systems.
// It asks for the free space of the file systems, which is cheap but counts everybody; only when one's has fallen by what the job may
// still write it counts what the job wrote.
type diskWatch struct {
	limit   int64
	since   time.Time
	budgets map[string]*diskBudget // by a folder of the file system
	done    chan struct{}
	ended   sync.WaitGroup
}

// newDiskWatch takes the free space before the job can write: where the file system itself stops a job at its end, a fast one has
// filled it before the first look. Limit 0 watches nothing.
func newDiskWatch(limit int64) *diskWatch {
	w := &diskWatch{limit: limit, since: time.Now(), budgets: map[string]*diskBudget{}, done: make(chan struct{})}
	if limit > 0 {
		for _, folder := range diskFolders() {
			w.budgets[folder] = newDiskBudget(limit, free(folder))
		}
	}
	return w
}

// begin calls full once when the job has written more than the limit outside of tmpfs.
func (w *diskWatch) begin(full func()) {
	if w.limit > 0 {
		w.ended.Go(func() { w.watch(full) })
	}
}

func (w *diskWatch) stop() {
	close(w.done)
	w.ended.Wait()
}

func (w *diskWatch) watch(full func()) {
	ticks := time.NewTicker(diskInterval)
	defer ticks.Stop()
	for {
		select {
		case <-w.done:
			return
		case <-ticks.C:
		}
		spent := w.spent()
		if len(spent) == 0 {
			continue
		}
		written := countWritten(w.since)
		if written > w.limit {
			full()
			return
		}
		for folder, now := range spent {
			w.budgets[folder].renew(now, written)
		}
	}
}

// spent is the free space of the file systems that have lost enough of it for a count.
func (w *diskWatch) spent() map[string]int64 {
	found := map[string]int64{}
	for folder, budget := range w.budgets {
		if now := free(folder); budget.spent(now) {
			found[folder] = now
		}
	}
	return found
}

// diskFolders are a folder of each file system that may take a disk's space: the root, and what is mounted over it. Mostly they are the host's
// one disk, which a runtime with a kernel of its own does not show: its root knows nothing of a volume's space.
func diskFolders() []string {
	mounts, err := mountinfo.GetMounts(nil)
	if err != nil {
		return []string{"/"}
	}
	var folders []string
	seen := map[[2]int]bool{}
	for _, mount := range mounts {
		device := [2]int{mount.Major, mount.Minor}
		var system syscall.Statfs_t
		if seen[device] || syscall.Statfs(mount.Mountpoint, &system) != nil || isMemory(system.Type) {
			continue
		}
		seen[device] = true
		folders = append(folders, mount.Mountpoint)
	}
	return folders
}

// diskBudget says when counting is worth its time, which is the job's: not as long as the free space has fallen by less than the job
// may still write, whoever took it.
type diskBudget struct {
	limit  int64
	left   int64 // what the job may write until the next count
	before int64 // the most free space since the last count: others give some back
}

func newDiskBudget(limit, free int64) *diskBudget {
	return &diskBudget{limit: limit, left: limit, before: free}
}

func (b *diskBudget) spent(free int64) bool {
	b.before = max(b.before, free)
	return b.before-free > b.left
}

// renew sets the next count. The least step keeps a job that stands just below its limit from being counted at every look.
func (b *diskBudget) renew(free, written int64) {
	const steps = 16
	b.before, b.left = free, max(b.limit-written, b.limit/steps)
}

// free is the free space of a file system, its free inodes counted as blocks.
func free(folder string) int64 {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(folder, &stat); err != nil {
		return 0
	}
	return int64(stat.Bavail)*stat.Bsize + int64(stat.Ffree)*inodeBytes //nolint:gosec // disks are smaller than 2^63 bytes
}

// used says how many bytes and inodes of a tmpfs are in use.
func used(folder string) (bytes, inodes int64) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(folder, &stat); err != nil {
		return 0, 0
	}
	return int64(stat.Blocks-stat.Bfree) * stat.Bsize, int64(stat.Files - stat.Ffree) //nolint:gosec // as above
}
