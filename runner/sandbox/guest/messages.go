package guest

import "time"

// Path is where the read-only volume with the guest is mounted in a container, and Program the guest in it.
const (
	Path    = "/.slashgrade"
	Program = Path + "/guest"
)

// Root is where everything about a job lies in its container: the contract with graders, named by PrairieLearn.
const Root = "/grade"

// ExitAlone is the guest's exit status when its runner is gone: the stream has ended or fallen silent. It is EX_TEMPFAIL of sysexits;
// a guest that dies of anything else ends with another.
const ExitAlone = 75

// Times of the protocol.
const (
	// PingInterval is how often the runner pings.
	PingInterval = 2 * time.Second
	// PingTimeout is after what silence of the runner the guest ends itself. It matters only where an engine does not close the
	// guest's stdin when the runner is gone; it is long enough for a runner that is starved of CPU.
	PingTimeout = 30 * time.Second
	// KillTimeout is how long the job's processes may take to vanish after SIGKILL. What is left then sits in the kernel; no
	// results are read beside it.
	KillTimeout = time.Second
)

// Hello is the guest's first frame.
type Hello struct {
	Version string `json:"version"`
}

// Pong answers a Ping.
type Pong struct {
	UnixNano int64 `json:"unix_nano"` // the guest's clock
	Memory   int64 `json:"memory"`    // bytes that the container holds now, 0 where that cannot be read
}

// Warm tells the guest to start the image's warm-up, which may become the entrypoint of the job that will come.
type Warm struct {
	Argv         []string `json:"argv"`
	Env          []string `json:"env"`  // KEY=value; HOME and HOSTNAME are added where they are missing
	User         string   `json:"user"` // as in Prepare
	Dir          string   `json:"dir"`  // as in Start
	Capabilities []int    `json:"capabilities"`
}

// Warmed says that the warm-up is ready, or why it was given up, for staff. After that the entrypoint starts as usual.
type Warmed struct {
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

// Prepare announces the archive and says what /grade may hold.
type Prepare struct {
	User       string        `json:"user"`                 // as in a Dockerfile: name or id, optionally :group; "" is root
	MaxBytes   int64         `json:"max_bytes"`            // of all files together, unpacked
	MaxEntries int           `json:"max_entries"`          // files, folders and links
	MaxTime    time.Duration `json:"max_time"`             // of work, without the time that the archive takes to come; nanoseconds
	Executable string        `json:"executable,omitempty"` // a path below Root that is made executable, following no link
	Warm       bool          `json:"warm,omitempty"`       // the job may run in the warm-up; without it that is ended now
}

// Ready says that /grade is filled.
type Ready struct {
	Entries int   `json:"entries"`
	Bytes   int64 `json:"bytes"`
}

// Refused says why the archive is not acceptable, naming the entry and the rule, for course staff.
type Refused struct {
	Reason string `json:"reason"`
}

// Start tells the guest to run the entrypoint.
type Start struct {
	Argv         []string      `json:"argv"`
	Env          []string      `json:"env"` // KEY=value; HOME and HOSTNAME are added where they are missing
	Dir          string        `json:"dir"` // the working directory, "" is /
	Capabilities []int         `json:"capabilities"`
	Timeout      time.Duration `json:"timeout"`
	MaxOutput    int64         `json:"max_output"`  // bytes of both streams together that are sent; the rest is read and dropped
	MaxResults   int64         `json:"max_results"` // bytes of results.json
	MaxDisk      int64         `json:"max_disk"`    // bytes the job may write outside of tmpfs
	Warm         bool          `json:"warm,omitempty"`
}

// Started says that the entrypoint was executed, or that the warm-up became it.
type Started struct {
	UnixNano int64 `json:"unix_nano"`
	Warm     bool  `json:"warm,omitempty"`
}

// NotStarted says why the entrypoint could not be executed, in words that may be shown to a student.
type NotStarted struct {
	Reason string `json:"reason"`
}

// Ended says how the entrypoint ended. When it is sent no process of the job is left, unless Survivors says otherwise.
type Ended struct {
	UnixNano    int64  `json:"unix_nano"` // when the entrypoint ended
	Status      int    `json:"status"`    // exit status, or 128 plus Signal
	Signal      int    `json:"signal"`    // 0, or the number of the signal that ended it
	TimedOut    bool   `json:"timed_out"`
	Cancelled   bool   `json:"cancelled"` // by a Kill frame
	DiskFull    bool   `json:"disk_full"` // ended for writing more than MaxDisk
	OutOfMemory bool   `json:"out_of_memory"`
	Survivors   bool   `json:"survivors"`    // processes were left after KillTimeout
	Output      int64  `json:"output"`       // bytes that the job wrote in all
	StderrTail  string `json:"stderr_tail"`  // the last bytes of stderr, at most MaxStderrTail
	MemoryPeak  int64  `json:"memory_peak"`  // bytes, 0 where it cannot be read
	GradeBytes  int64  `json:"grade_bytes"`  // bytes in use in /grade at the end
	GradeInodes int64  `json:"grade_inodes"` // inodes in use in /grade at the end
}

// MaxStderrTail is how much of the end of stderr is kept for staff: some 50 lines.
const MaxStderrTail = 4 << 10

// ResultsState says what became of results.json.
type ResultsState string

// The states of results.json.
const (
	ResultsRead       ResultsState = "read"
	ResultsMissing    ResultsState = "missing"
	ResultsTooLarge   ResultsState = "too_large"
	ResultsUnreadable ResultsState = "unreadable" // a link, a folder, a FIFO, …
)

// ResultsEnd follows the results.
type ResultsEnd struct {
	State  ResultsState `json:"state"`
	Size   int64        `json:"size"`
	Reason string       `json:"reason,omitempty"` // for staff, where the state is not ResultsRead
}

// Collect asks for /grade as a gzip'd tar.
type Collect struct {
	MaxBytes int64 `json:"max_bytes"` // of the files together; what is beyond is left out
}

// ArchiveEnd follows the archive.
type ArchiveEnd struct {
	Skipped []string `json:"skipped,omitempty"` // what was left out and why, the first MaxSkipped
	Error   string   `json:"error,omitempty"`   // the archive is not complete
}

// MaxSkipped is how many entries ArchiveEnd names.
const MaxSkipped = 20

// Fault says that the guest cannot go on.
type Fault struct {
	Message string `json:"message"`
}
