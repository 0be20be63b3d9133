// Package firstprocess is what the first process of a container does before it becomes the guest: it turns the namespaces that it was born into
// into the container that its plan describes. It does what an OCI runtime does between clone and exec, for the descriptions that package
// ociengine makes, and refuses what it does not know.
//
// # Security
//
// It runs before anything of a job does, and a job never sees it: when the guest is executed in its place, its memory, its descriptors and the
// machine's file systems are gone. The image's files are no student's, and still nothing follows a link of theirs out of the
// container: what comes from the machine is opened first, then the machine's file systems are left, and only then is anything
// mounted, made or written by a path.
package firstprocess

import "github.com/opencontainers/runtime-spec/specs-go"

// Command is the argument by which the guest program is told to be a container's first process.
const Command = "first-process"

// Descriptors of the first process beside its streams, which are the guest's.
const (
	// PlanFD is where it reads its Plan as JSON, to the end. The plan comes once the process is in its cgroups.
	PlanFD = 3
	// ReportFD is where it writes why it failed. It is closed without a word when the guest runs.
	ReportFD = 4
)

// MaxPlan bounds a plan, of which the filter is the largest part: 4096 instructions, the kernel's limit, take 44 KiB of JSON.
const MaxPlan = 1 << 20

// Plan is the container to be.
type Plan struct {
	// Spec describes it. Its cgroups and namespaces are there already, but the cgroup's namespace; its Seccomp is not looked at.
	Spec *specs.Spec
	// Filter is the system call filter as the kernel takes it: instructions of classic BPF, 8 bytes each, in the machine's byte order.
	Filter []byte
}
