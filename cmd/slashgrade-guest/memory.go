//go:build linux

package main

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
)

// memoryWatch reads the container's memory cgroup, which engines mount read-only. Where there is none (gVisor) it knows nothing, and
// the engine's own word decides.
type memoryWatch struct {
	kills int64 // before the job
}

// The files that count kills and the peak, cgroup v2 first and then v1.
var (
	killFiles = [...]string{"/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"}
	peakFiles = [...]string{"/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes"}
)

func newMemoryWatch() *memoryWatch {
	return &memoryWatch{kills: countKills()}
}

// killed says whether the kernel ended a process for memory since the watch began.
func (m *memoryWatch) killed() bool {
	return countKills() > m.kills
}

func (m *memoryWatch) peak() int64 {
	for _, file := range peakFiles {
		if data, err := os.ReadFile(file); err == nil {
			peak, _ := strconv.ParseInt(string(bytes.TrimSpace(data)), 10, 64)
			return peak
		}
	}
	return 0
}

func countKills() int64 {
	for _, file := range killFiles {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(bytes.NewReader(data))
		for lines.Scan() {
			if count, ok := strings.CutPrefix(lines.Text(), "oom_kill "); ok {
				kills, _ := strconv.ParseInt(count, 10, 64)
				return kills
			}
		}
	}
	return 0
}
