// Package footprint keeps the memory of a process small that starts once and then lasts.
package footprint

import (
	"errors"
	"math"
	"runtime/debug"
)

const (
	// baseLimit is what a runner holds without a job: 20 MiB of Go's, measured, and room.
	baseLimit = 32 << 20
	// perJobLimit is what one job holds at most: results of 1 MiB are decoded, checked, written and kept, each in a copy of its own.
	perJobLimit = 8 << 20
)

// Limit has the garbage collector work harder before so many jobs at once let the process grow: garbage is otherwise kept until there is as much
// of it as of what is in use. It is a soft limit, and leaves one that the environment sets (GOMEMLIMIT) as it is.
func Limit(jobs int) {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(baseLimit + int64(jobs)*perJobLimit)
	}
}

// Trim gives back what only the start needed: garbage, and the pages of the program itself that were read for it, of which the kernel keeps a
// copy in any case. Those that are needed again come back one by one. The error says that the pages stayed; nothing else is lost.
func Trim() error {
	debug.FreeOSMemory()
	if err := dropProgram(); err != nil {
		return errors.Join(errors.New("give back the program's own pages"), err)
	}
	return nil
}
