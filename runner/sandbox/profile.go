package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The names of the profiles that are built in.
const (
	// PrairieLearn is the default profile: the limits of PrairieLearn's own grader host.
	PrairieLearn = "prairielearn"
	// Strict is for graders that need neither root nor a writable image.
	Strict = "strict"
)

// Tmpfs is a folder in memory. Its pages count as the container's memory.
type Tmpfs struct {
	Path   string
	Bytes  int64
	Inodes int64 // 0 is the kernel's default, half as many as pages of memory
}

// Profile is the policy of a container: every limit in one list. A job cannot choose a weaker one. Limits has the same list with the
// keys of the configuration.
type Profile struct {
	Name string
	// MemoryBytes is the job's own memory, without swap. The container's limit is this plus all tmpfs.
	MemoryBytes int64
	// CPUs is how many processors' time the job gets.
	CPUs float64
	// Processes is how many processes and threads there may be.
	Processes int64
	// OpenFiles is how many descriptors a process may have.
	OpenFiles int64
	// FileBytes is how large a file may become.
	FileBytes int64
	// DiskBytes is what the job may write to the container's root outside of tmpfs, watched by the guest.
	DiskBytes int64
	// GradeBytes and GradeInodes bound /grade.
	GradeBytes, GradeInodes int64
	// ScratchBytes and ScratchInodes bound each of /tmp, /var/tmp and every empty VOLUME of the image.
	ScratchBytes, ScratchInodes int64
	// SharedBytes bounds /dev/shm, and System V shared memory beside it.
	SharedBytes int64
	// QueueBytes is what the POSIX message queues of a user may take. The kernel counts them for all containers together.
	QueueBytes int64
	// Signals is how many signals may be queued for a user. The kernel counts them for all containers together.
	Signals int64
	// Capabilities are what the entrypoint may hold if it runs as root.
	Capabilities []Capability
	// User runs the entrypoint; "" is the image's USER.
	User string
	// ReadOnly makes the container's root read-only.
	ReadOnly bool
	// Runtime is the engine's runtime, for example runsc; "" is its default.
	Runtime string
}

// Capability is a Linux capability: its name without CAP_ and its number in the kernel's ABI.
type Capability struct {
	Name   string
	Number int
}

// Capabilities that graders need, each with the reason. They are far fewer than an engine's own default.
func graderCapabilities() []Capability {
	return []Capability{
		{"CHOWN", 0},        // graders hand files to the user that runs the student's code
		{"DAC_OVERRIDE", 1}, // root graders read and write the student's files whatever their mode
		{"FOWNER", 3},       // chmod -R 700 /grade, of files that belong to the other user
		{"KILL", 5},         // root ends the student's processes
		{"SETGID", 6},       // su
		{"SETUID", 7},       // su
	}
}

// grantableCapabilities are those that a profile may hold at all. Missing are those that reach the kernel or the network beneath the
// job: raw sockets, devices, modules, mounts, other processes' memory.
func grantableCapabilities() []Capability {
	return append(graderCapabilities(),
		Capability{"FSETID", 4},            // keep set-user-ID bits, which no-new-privileges makes harmless
		Capability{"NET_BIND_SERVICE", 10}, // listen on a port below 1024
		Capability{"SYS_CHROOT", 18},       // graders that put the student's code into a folder of its own
	)
}

// GuestCapabilities are what the guest holds beyond a profile's and drops before the entrypoint.
func GuestCapabilities() []Capability {
	return []Capability{
		{"CHOWN", 0},        // /grade belongs to the job's user
		{"DAC_OVERRIDE", 1}, // results and archive are read whatever their mode
		{"FOWNER", 3},       // modes from the archive on files of that user
		{"KILL", 5},         // a job that changed its user must end too
		{"SETGID", 6},       // become the job's group
		{"SETUID", 7},       // become the job's user
		{"SETPCAP", 8},      // take capabilities away from the job for good
		{"SYS_PTRACE", 19},  // see deleted files that a job fills the disk with
	}
}

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// Profiles returns the profiles that are built in, by name.
func Profiles() map[string]*Profile {
	return map[string]*Profile{PrairieLearn: prairieLearn(), Strict: strict()}
}

// FindProfile returns the profile of the name: a built-in one, or one of the operator's own.
func FindProfile(name string, own map[string]*Profile) (*Profile, error) {
	all := Profiles()
	maps.Copy(all, own)
	profile, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("there is no profile %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	return profile, nil
}

func prairieLearn() *Profile {
	return &Profile{
		Name:          PrairieLearn,
		MemoryBytes:   2 * gib,   // grader host: graderDockerMemory, and as much with swap
		CPUs:          0.9,       // grader host: graderDockerCpuQuota / graderDockerCpuPeriod
		Processes:     1024,      // grader host: graderDockerPidsLimit
		OpenFiles:     16384,     // far more than a grader needs, and below the hard limit of small hosts, which an engine cannot raise
		FileBytes:     8 * gib,   // sparse disk images of systems courses; of content no folder takes more than 1 GiB
		DiskBytes:     1 * gib,   // grader host: graderDockerDiskQuota, which has no effect there
		GradeBytes:    1 * gib,   // the same figure for the folder that it was meant for
		GradeInodes:   200_000,   // a course's largest tree was below 60,000 files
		ScratchBytes:  512 * mib, // compilers' temporary files
		ScratchInodes: 100_000,   // the same, and what pip and npm unpack
		SharedBytes:   64 * mib,  // the engine's own default for /dev/shm
		QueueBytes:    800 * kib, // the kernel's own default for a user (MQ_BYTES_MAX)
		Signals:       4096,      // far more than a program queues, and far below what would starve the host's root of them
		Capabilities:  graderCapabilities(),
	}
}

// strict is for graders that need nothing: no root, no writable image, half of a small machine. Memory, processors, user and the
// read-only root are what course sites run notebooks with; the rest is in proportion.
func strict() *Profile {
	return &Profile{
		Name:          Strict,
		MemoryBytes:   256 * mib,
		CPUs:          0.5,
		Processes:     128,
		OpenFiles:     1024,
		FileBytes:     64 * mib,
		DiskBytes:     64 * mib,
		GradeBytes:    256 * mib,
		GradeInodes:   50_000,
		ScratchBytes:  64 * mib,
		ScratchInodes: 10_000,
		SharedBytes:   16 * mib,
		QueueBytes:    64 * kib,
		Signals:       256,
		User:          "1000:1000",
		ReadOnly:      true,
	}
}

// Rlimit is a limit of every process of a container, as setrlimit names it in lower case without RLIMIT_. Soft and hard limit are the
// same, and nobody in the container can raise them.
type Rlimit struct {
	Name string
	Max  int64
}

// lockedBytes is what a process may keep from being swapped out: the kernel's default before 5.16, so that no engine's own limit is below it.
// That may be none: programs that load BPF programs, as runc does with cgroups v2, lift their own, which containers inherit.
const lockedBytes = 64 << 10

// Rlimits lists the limits of each process.
func (p *Profile) Rlimits() []Rlimit {
	return []Rlimit{
		{"core", 0}, // a core dump is written by the host's kernel, where the host says
		{"fsize", p.FileBytes},
		{"memlock", lockedBytes},
		{"msgqueue", p.QueueBytes},
		{"nofile", p.OpenFiles},
		{"sigpending", p.Signals},
	}
}

// Sysctls lists the settings of the container's own IPC namespace, and of its network's. What they allow is counted as the container's
// memory too; they keep a job from having more of the kernel's objects than a grader needs.
func (p *Profile) Sysctls() map[string]string {
	const page = 4096
	return map[string]string{
		"kernel.shmall":             strconv.FormatInt(p.SharedBytes/page, 10),
		"kernel.shmmax":             strconv.FormatInt(p.SharedBytes, 10),
		"kernel.shmmni":             "256",             // segments; the kernel's default is 4096
		"kernel.msgmni":             "128",             // message queues of at most 16 KiB; the kernel's default is 32000
		"kernel.sem":                "250 4000 100 64", // a set's, all, at once, sets; the kernel's default is 32000 sets
		"fs.mqueue.queues_max":      "64",              // POSIX message queues; the kernel's default is 256
		"net.ipv4.ping_group_range": "1 0",             // nobody: a ping socket sends ICMP without a capability
	}
}

// Tmpfs lists the folders that are in memory in a container of this profile, beside /dev/shm.
func (p *Profile) Tmpfs(image *Image) []Tmpfs {
	list := []Tmpfs{
		{Path: "/grade", Bytes: p.GradeBytes, Inodes: p.GradeInodes},
		{Path: "/tmp", Bytes: p.ScratchBytes, Inodes: p.ScratchInodes},
		{Path: "/var/tmp", Bytes: p.ScratchBytes, Inodes: p.ScratchInodes},
	}
	for _, volume := range image.Volumes {
		if !slices.ContainsFunc(list, func(t Tmpfs) bool { return t.Path == volume }) { // an image may name /grade or /tmp
			list = append(list, Tmpfs{Path: volume, Bytes: p.ScratchBytes, Inodes: p.ScratchInodes})
		}
	}
	return list
}

// ContainerBytes is the memory limit of a container of this profile: the job's own memory and all that is in memory beside it.
func (p *Profile) ContainerBytes(image *Image) int64 {
	sum := p.MemoryBytes + p.SharedBytes
	for _, tmpfs := range p.Tmpfs(image) {
		sum += tmpfs.Bytes
	}
	return sum
}

// CapabilityNumbers lists the profile's capabilities as the kernel numbers them.
func (p *Profile) CapabilityNumbers() []int {
	numbers := make([]int, 0, len(p.Capabilities))
	for _, capability := range p.Capabilities {
		numbers = append(numbers, capability.Number)
	}
	return numbers
}
