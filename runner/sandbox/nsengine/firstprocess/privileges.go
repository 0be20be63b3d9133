//go:build linux

package firstprocess

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"github.com/moby/sys/capability"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// instructionSize is the kernel's struct sock_filter.
const instructionSize = 8

// bound sets the limits of what runs here. Go's own function is used, which then leaves them alone at exec.
func bound(limits []specs.POSIXRlimit) error {
	numbers := map[string]int{
		"RLIMIT_CORE": unix.RLIMIT_CORE, "RLIMIT_FSIZE": unix.RLIMIT_FSIZE, "RLIMIT_MEMLOCK": unix.RLIMIT_MEMLOCK,
		"RLIMIT_MSGQUEUE": unix.RLIMIT_MSGQUEUE, "RLIMIT_NOFILE": unix.RLIMIT_NOFILE, "RLIMIT_SIGPENDING": unix.RLIMIT_SIGPENDING,
	}
	for _, limit := range limits {
		number, ok := numbers[limit.Type]
		if !ok {
			return fmt.Errorf("the limit %s is not known", limit.Type)
		}
		if err := syscall.Setrlimit(number, &syscall.Rlimit{Cur: limit.Soft, Max: limit.Hard}); err != nil {
			return fmt.Errorf("%s: %w", limit.Type, err)
		}
	}
	return nil
}

// giveUp keeps exactly the plan's capabilities, for good, and the process from getting others by any program.
func giveUp(process *specs.Process) error {
	unix.Umask(0o022)
	const anonymous = 0
	if _, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, anonymous, 0, 0, 0); err != nil && !errors.Is(err, unix.ENOSYS) {
		return fmt.Errorf("leave the machine's keys: %w", err)
	}
	kept, err := parseCapabilities(process.Capabilities)
	if err != nil {
		return err
	}
	own, err := capability.NewPid2(0)
	if err != nil {
		return err
	}
	own.Clear(capability.CAPS | capability.BOUNDS | capability.AMBS)
	own.Set(capability.PERMITTED|capability.EFFECTIVE|capability.BOUNDING, kept...)
	if err := own.Apply(capability.CAPS | capability.BOUNDS | capability.AMBS); err != nil {
		return fmt.Errorf("set the capabilities: %w", err)
	}
	if !process.NoNewPrivileges {
		return errors.New("the plan lets programs give privileges back")
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// parseCapabilities reads the bounding set, of which the others are not more here.
func parseCapabilities(sets *specs.LinuxCapabilities) ([]capability.Cap, error) {
	if sets == nil {
		return nil, nil
	}
	if len(sets.Ambient)+len(sets.Inheritable) > 0 || !slices.Equal(sets.Bounding, sets.Effective) || !slices.Equal(sets.Bounding, sets.Permitted) {
		return nil, errors.New("the plan's bounding, permitted and effective capabilities differ, or others are inherited")
	}
	var list []capability.Cap
	for _, name := range sets.Bounding {
		at := slices.IndexFunc(capability.ListKnown(), func(c capability.Cap) bool {
			return "CAP_"+strings.ToUpper(c.String()) == name
		})
		if at < 0 {
			return nil, fmt.Errorf("the capability %s is not known", name)
		}
		list = append(list, capability.ListKnown()[at])
	}
	return list, nil
}

// install makes the kernel ask the filter about every system call of this thread, which is the one that stays.
func install(filter []byte) error {
	program := unix.SockFprog{
		Len:    uint16(len(filter) / instructionSize),          //nolint:gosec // the kernel takes 4096 at most
		Filter: (*unix.SockFilter)(unsafe.Pointer(&filter[0])), //nolint:gosec // seccomp takes a pointer
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&program))) //nolint:gosec // as above
	if errno != 0 {
		return errno
	}
	return nil
}
