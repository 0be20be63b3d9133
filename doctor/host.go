package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/slashgrade/slashgrade/internal/datadir"
)

const (
	mib = 1 << 20
	gib = 1 << 30
	// leastDisk and littleDisk are for the data directory: the embedded store keeps up to 1 GiB for a job with a full /grade.
	leastDisk, littleDisk = 100 * mib, 2 * gib
	// littleMemory is what the runner and an engine need beside the jobs.
	littleMemory = 512 * mib
	// slightSkew passes unseen; AWS refuses requests from 5 minutes on.
	slightSkew, refusedSkew = 2 * time.Second, 5 * time.Minute
)

// DataDirectory says whether the folder can be used, by whom it is used now, and whether there is room.
func DataDirectory(path string) []Finding {
	const name = "data directory"
	if file := fileAbove(path); file != "" {
		return []Finding{Bad(name, "Choose another folder with runner.data_dir.", "%s cannot be made: %s is no folder", path, file)}
	}
	if !there(path) {
		return append([]Finding{missingDirectory(name, path)}, disk(filepath.Dir(path)))
	}
	dir, err := datadir.Open(path)
	if err == nil {
		err = tryWrite(path)
	}
	if err != nil {
		return []Finding{Bad(name, "Let this user write there, or choose another folder with runner.data_dir.", "%v", err)}
	}
	found := Good(name, "%s, runner %s; nobody runs on it", dir.Path, dir.ID)
	if dir.Busy() {
		found = Good(name, "%s, runner %s; a `slashgrade serve` runs on it now", dir.Path, dir.ID)
	}
	return []Finding{found, disk(path)}
}

// missingDirectory looks whether the folder could be made, without making it.
func missingDirectory(name, path string) Finding {
	parent := filepath.Dir(path)
	for !there(parent) {
		parent = filepath.Dir(parent)
	}
	if err := tryWrite(parent); err != nil {
		return Bad(name, "Make it for this user, or choose another folder with runner.data_dir.", "%s is not there and cannot be made: %v", path, err)
	}
	return Good(name, "%s is not there yet; the first start makes it", path)
}

func there(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path)
}

// fileAbove is the path, or what stands above it, that is no folder; "" if all are.
func fileAbove(path string) string {
	for ; path != filepath.Dir(path); path = filepath.Dir(path) {
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	return ""
}

func tryWrite(folder string) error {
	file, err := os.CreateTemp(folder, ".slashgrade-doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// disk is about the file system of the nearest folder that exists.
func disk(path string) Finding {
	for !there(path) {
		path = filepath.Dir(path)
	}
	const advice = "Free some, or move runner.data_dir: on a full disk the embedded queue and store fail, and jobs go back."
	free, err := freeDisk(path)
	switch {
	case err != nil:
		return Poor("disk", advice, "free space of %s is unknown: %v", path, err)
	case free < leastDisk:
		return Bad("disk", advice, "%s free in %s", size(free), path)
	case free < littleDisk:
		return Poor("disk", advice, "%s free in %s", size(free), path)
	}
	return Good("disk", "%s free in %s", size(free), path)
}

// Memory compares what jobs may use at once with what the engine's host has. free is what this machine has left, 0 where that says
// nothing about the engine.
func Memory(total, free, container int64, concurrency int) Finding {
	const name = "memory"
	need := container * int64(concurrency)
	switch {
	case free > 0 && free < littleMemory:
		return Bad(name, "End other programs: what is left is less than a runner and an engine need.", "%s free of %s", size(free), size(total))
	case total > 0 && container > total:
		return Poor(name, "Use a profile with less memory, or a larger host: a job that uses its limit takes the host's memory from others.",
			"the host has %s, and one container may use %s", size(total), size(container))
	case total > 0 && need > total:
		return Poor(name, "It is enough while jobs use little. To be safe lower runner.concurrency or the profile's memory.",
			"the host has %s; %d containers may use %s if all use their limit", size(total), concurrency, size(need))
	}
	return Good(name, "%d containers may use %s of %s", concurrency, size(need), size(total))
}

// Clock compares this machine's clock with another's, asked between two instants of ours.
func Clock(other string, theirs, before, after time.Time) Finding {
	name := "clock"
	if theirs.IsZero() {
		return Poor(name, "", "%s does not tell the time", other)
	}
	skew := time.Duration(0)
	// A Date header has whole seconds: it may be up to one behind.
	if theirs.Before(before.Add(-time.Second)) {
		skew = before.Sub(theirs)
	} else if theirs.After(after) {
		skew = theirs.Sub(after)
	}
	const advice = "Run a time service such as chrony on both. Timestamps in reports come from this clock."
	switch {
	case skew >= refusedSkew:
		return Bad(name, advice+" AWS refuses requests that are 5 minutes off.", "%s off %s's", skew.Round(time.Second), other)
	case skew > slightSkew:
		return Poor(name, advice, "%s off %s's", skew.Round(100*time.Millisecond), other)
	}
	return Good(name, "agrees with %s's", other)
}

func size(bytes int64) string {
	switch {
	case bytes >= gib:
		return fmt.Sprintf("%.1f GiB", float64(bytes)/gib)
	default:
		return fmt.Sprintf("%d MiB", bytes/mib)
	}
}
