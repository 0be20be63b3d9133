package sandbox

import (
	"fmt"
	"slices"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// guestProcesses is what the guest's own threads add to the profile's process limit.
const guestProcesses = 32

// ContainerProcesses is the process limit of a container of this profile: the job's own and the guest's threads.
func (p *Profile) ContainerProcesses() int64 {
	return p.Processes + guestProcesses
}

// ContainerCapabilities are the names, without CAP_, of what a container of this profile is created with: the guest's and the profile's.
// The guest keeps the job to the profile's.
func (p *Profile) ContainerCapabilities() []string {
	var names []string
	for _, capability := range append(GuestCapabilities(), p.Capabilities...) {
		names = append(names, capability.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Options are the mount options of the folder.
func (t Tmpfs) Options() []string {
	options := []string{"rw", "exec", "nosuid", "nodev", fmt.Sprintf("size=%d", t.Bytes)}
	if t.Inodes > 0 {
		options = append(options, fmt.Sprintf("nr_inodes=%d", t.Inodes))
	}
	if t.Path == guest.Root {
		return append(options, "mode=0755")
	}
	return append(options, "mode=1777")
}

// ReadonlyPaths are the kernel's own, as engines have them, and two tmpfs of the engine's that a root job could fill beside its own:
// they have no limit but the container's memory. Devices can be written to all the same, and /dev/shm is a mount of its own.
func ReadonlyPaths() []string {
	return []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", "/dev", "/sys/fs/cgroup"}
}
