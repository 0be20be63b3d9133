//go:build linux

package main

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// reserveBytes is what the guest needs to tell of a job's end, several times over.
const reserveBytes = 2 << 20

// newReserve holds memory while the job runs, in pages that are there. A job may fill the container with tmpfs, which stays when its
// processes are gone: the guest would then be the only one left that the kernel can end.
func newReserve() []byte {
	reserve, err := syscall.Mmap(-1, 0, reserveBytes, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_PRIVATE|syscall.MAP_ANONYMOUS|syscall.MAP_POPULATE)
	if err != nil {
		return nil
	}
	return reserve
}

// release gives it back to the guest.
func release(reserve []byte) {
	if reserve != nil {
		_ = syscall.Munmap(reserve)
	}
}

// memoryWatch reads the container's memory cgroup, which engines mount read-only. Where there is none (gVisor) it knows nothing, and
// the engine's own word decides.
type memoryWatch struct {
	kills int64 // before the job
}

// The files that count kills and the peak, cgroup v2 first and then v1.
var (
	killFiles = [...]string{"/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"}
	peakFiles = [...]string{"/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes"}
	useFiles  = [...]string{"/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes"}
)

func newMemoryWatch() *memoryWatch {
	return &memoryWatch{kills: countKills()}
}

// killed says whether the kernel ended a process for memory since the watch began.
func (m *memoryWatch) killed() bool {
	return countKills() > m.kills
}

func (m *memoryWatch) peak() int64 { return firstNumber(peakFiles[:]) }

// memoryInUse is what the container holds now, 0 where it cannot be read.
func memoryInUse() int64 { return firstNumber(useFiles[:]) }

// firstNumber is the content of the first of the files that is there.
func firstNumber(files []string) int64 {
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil {
			number, _ := strconv.ParseInt(string(bytes.TrimSpace(data)), 10, 64)
			return number
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
