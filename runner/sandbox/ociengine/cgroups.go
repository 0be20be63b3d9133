//go:build linux

package ociengine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// emptyInterval is how often a cgroup is looked at that processes are leaving.
const emptyInterval = 2 * time.Millisecond

// cgroups are the mounted hierarchies: one with version 2, one for each controller with version 1, those and one with both.
type cgroups struct {
	mounts []string
	memory string // the hierarchy with the memory controller
	swap   bool   // whether swap is accounted for
}

func findCgroups() (*cgroups, error) {
	file, err := os.Open("/proc/self/mounts")
	if err != nil {
		return nil, fmt.Errorf("find the cgroups: %w", err)
	}
	defer func() { _ = file.Close() }()
	c := &cgroups{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || fields[2] != "cgroup" && fields[2] != "cgroup2" {
			continue
		}
		c.mounts = append(c.mounts, fields[1])
		if hasMemory(fields) {
			c.memory = fields[1]
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("find the cgroups: %w", err)
	}
	if c.memory == "" {
		return nil, errors.New("no cgroup hierarchy with the memory controller is mounted")
	}
	_, noV1Swap := os.Stat(filepath.Join(c.memory, "memory.memsw.limit_in_bytes"))
	_, isV1 := os.Stat(filepath.Join(c.memory, "memory.limit_in_bytes"))
	c.swap = isV1 != nil || noV1Swap == nil
	return c, nil
}

// hasMemory says whether a line of /proc/mounts is the hierarchy that bounds memory.
func hasMemory(fields []string) bool {
	if fields[2] == "cgroup" {
		return strings.Contains(","+fields[3]+",", ",memory,")
	}
	controllers, err := os.ReadFile(filepath.Join(fields[1], "cgroup.controllers"))
	return err == nil && strings.Contains(" "+strings.TrimSpace(string(controllers))+" ", " memory ")
}

// children are the names of the cgroups in a cgroup, in any hierarchy.
func (c *cgroups) children(group string) []string {
	var names []string
	for _, mount := range c.mounts {
		entries, _ := os.ReadDir(filepath.Join(mount, group))
		for _, entry := range entries {
			if entry.IsDir() {
				names = append(names, entry.Name())
			}
		}
	}
	return names
}

// outOfMemory says whether the kernel ended a process of the cgroup for memory. A cgroup that is gone says no.
func (c *cgroups) outOfMemory(group string) bool {
	for _, name := range []string{"memory.events", "memory.oom_control"} {
		text, err := os.ReadFile(filepath.Join(c.memory, group, name)) //nolint:gosec // the kernel's
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
				return strings.TrimSpace(count) != "0"
			}
		}
	}
	return false
}

// clear kills every process of a cgroup, waits until it has none, and removes it from all hierarchies.
func (c *cgroups) clear(ctx context.Context, group string) error {
	ticks := time.NewTicker(emptyInterval)
	defer ticks.Stop()
	for {
		left := c.kill(group)
		if left == 0 {
			c.remove(group)
			if !c.exists(group) {
				return nil
			}
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return fmt.Errorf("remove cgroup %s with %d processes left: %w", group, left, context.Cause(ctx))
		}
	}
}

// kill kills the processes of a cgroup and says how many there were.
func (c *cgroups) kill(group string) int {
	seen := map[int]bool{}
	for _, mount := range c.mounts {
		text, err := os.ReadFile(filepath.Join(mount, group, "cgroup.procs")) //nolint:gosec // as above
		if err != nil {
			continue
		}
		for word := range strings.FieldsSeq(string(text)) {
			pid, err := strconv.Atoi(word)
			if err != nil || pid <= 1 || seen[pid] { // 0 is a process that this namespace does not see
				continue
			}
			seen[pid] = true
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	return len(seen)
}

func (c *cgroups) remove(group string) {
	for _, mount := range c.mounts {
		_ = unix.Rmdir(filepath.Join(mount, group))
	}
}

func (c *cgroups) exists(group string) bool {
	for _, mount := range c.mounts {
		if _, err := os.Stat(filepath.Join(mount, group)); !errors.Is(err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}
