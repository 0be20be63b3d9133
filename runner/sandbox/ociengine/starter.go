package ociengine

import (
	"context"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Launch is one container to start.
type Launch struct {
	ID     string
	Folder string // the container's own, in which a starter may leave files; it is removed with the container
	State  string // a folder for what a starter keeps of all containers of the runner, below its name the ID
	Guest  string // the guest program's path on this machine
	Spec   *specs.Spec
	Stdin  *os.File // the guest's streams, open until Start returns
	Stdout *os.File
	Stderr *os.File
}

// Starter starts a container's first process, the guest. It is safe for concurrent use.
type Starter interface {
	// Start returns once the guest runs as described, or an error that says what was attempted. The process is a child of this one, or an
	// orphan that this one inherits. What it leaves of cgroups, processes and mounts on an error is removed by its caller.
	Start(ctx context.Context, launch *Launch) (pid int, err error)
}
