//go:build linux

package main

import (
	"syscall"
	"unsafe"
)

// What waitid(2) takes, as the kernel's <uapi/linux/wait.h> numbers it; the standard library does not export it.
const (
	idAll   = 0
	idPID   = 1
	wNoHang = 0x1
	wExited = 0x4
	wNoWait = 0x1000000
)

// childInfo is siginfo_t of a SIGCHLD on a 64-bit machine, which the kernel fills up to 128 bytes.
type childInfo struct {
	_   [4]int32 // signal, errno, code and what aligns the rest
	pid int32
	_   [27]int32
}

// hasEnded says whether the child has ended, without reaping it, or is no child any more.
func hasEnded(process int) bool {
	info := childInfo{}
	//nolint:gosec // the kernel writes siginfo_t there, nothing else can be passed
	_, _, failure := syscall.Syscall6(syscall.SYS_WAITID, idPID, uintptr(process), uintptr(unsafe.Pointer(&info)),
		wExited|wNoWait|wNoHang, 0, 0)
	return failure == syscall.ECHILD || (failure == 0 && info.pid == int32(process)) //nolint:gosec // a process id
}

// nextEnded waits until some child has ended and names it without reaping it.
func nextEnded() (int, error) {
	for {
		info := childInfo{}
		//nolint:gosec // the kernel writes siginfo_t there, nothing else can be passed
		_, _, failure := syscall.Syscall6(syscall.SYS_WAITID, idAll, 0, uintptr(unsafe.Pointer(&info)), wExited|wNoWait, 0, 0)
		switch failure {
		case 0:
			return int(info.pid), nil
		case syscall.EINTR:
		default:
			return 0, failure
		}
	}
}
