package sandbox

import (
	"fmt"
	"slices"
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

// Profile is the policy of a container: every limit in one list. A job cannot choose a weaker one.
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
	// DiskBytes is what the job may write to the container's root outside of tmpfs, watched by the guest.
	DiskBytes int64
	// GradeBytes and GradeInodes bound /grade.
	GradeBytes, GradeInodes int64
	// ScratchBytes bounds each of /tmp, /var/tmp and every empty VOLUME of the image; SharedBytes bounds /dev/shm.
	ScratchBytes, SharedBytes int64
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
	mib = 1 << 20
	gib = 1 << 30
)

// Profiles returns the profiles that are built in, by name.
func Profiles() map[string]*Profile {
	return map[string]*Profile{PrairieLearn: prairieLearn(), Strict: strict()}
}

// FindProfile returns the built-in profile of the name.
func FindProfile(name string) (*Profile, error) {
	profile, ok := Profiles()[name]
	if !ok {
		return nil, fmt.Errorf("there is no profile %q; there are %q and %q", name, PrairieLearn, Strict)
	}
	return profile, nil
}

func prairieLearn() *Profile {
	return &Profile{
		Name:         PrairieLearn,
		MemoryBytes:  2 * gib,   // grader host: graderDockerMemory, and as much with swap
		CPUs:         0.9,       // grader host: graderDockerCpuQuota / graderDockerCpuPeriod
		Processes:    1024,      // grader host: graderDockerPidsLimit
		OpenFiles:    16384,     // far more than a grader needs, and below the hard limit of small hosts, which an engine cannot raise
		DiskBytes:    1 * gib,   // grader host: graderDockerDiskQuota, which has no effect there
		GradeBytes:   1 * gib,   // the same figure for the folder that it was meant for
		GradeInodes:  200_000,   // a course's largest tree was below 60,000 files
		ScratchBytes: 512 * mib, // compilers' temporary files
		SharedBytes:  64 * mib,  // the engine's own default for /dev/shm
		Capabilities: graderCapabilities(),
	}
}

func strict() *Profile {
	return &Profile{
		Name:         Strict,
		MemoryBytes:  256 * mib,
		CPUs:         0.5,
		Processes:    128,
		OpenFiles:    1024,
		DiskBytes:    64 * mib,
		GradeBytes:   256 * mib,
		GradeInodes:  50_000,
		ScratchBytes: 64 * mib,
		SharedBytes:  16 * mib,
		User:         "1000:1000",
		ReadOnly:     true,
	}
}

// Tmpfs lists the folders that are in memory in a container of this profile, beside /dev/shm.
func (p *Profile) Tmpfs(image *Image) []Tmpfs {
	list := []Tmpfs{
		{Path: "/grade", Bytes: p.GradeBytes, Inodes: p.GradeInodes},
		{Path: "/tmp", Bytes: p.ScratchBytes},
		{Path: "/var/tmp", Bytes: p.ScratchBytes},
	}
	for _, volume := range image.Volumes {
		if !slices.ContainsFunc(list, func(t Tmpfs) bool { return t.Path == volume }) { // an image may name /grade or /tmp
			list = append(list, Tmpfs{Path: volume, Bytes: p.ScratchBytes})
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
