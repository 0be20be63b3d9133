//go:build !linux

package doctor

import "syscall"

// FreeMemory is what this machine can still give, 0 where that is unknown, as here.
func FreeMemory() int64 { return 0 }

func freeDisk(path string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, err
	}
	return int64(s.Bavail) * int64(s.Bsize), nil //nolint:gosec // blocks of a real disk
}
