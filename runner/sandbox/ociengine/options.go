// Package ociengine makes grading containers straight from an OCI runtime: runc, driven on this machine without an engine between. A
// container costs a fraction of what it costs by the Docker Engine API. Images, and jobs that may use the network, stay with a Docker
// engine on the same machine. It needs root on Linux.
//
// # A container
//
// Its folder, bundle, holds the runtime's description of it and a tmpfs of the size that the profile allows on disk. In that lie what the
// job changes of the image's files (the upper directory of an overlay) and /etc/hosts, /etc/hostname and /etc/resolv.conf. So the kernel
// bounds what a job writes, and nothing of it reaches a disk. The image's files are the folders that the Docker engine has unpacked it
// into; a container that is created and never started keeps them there.
//
// # Leftovers
//
// Everything of a runner lies below one folder and one cgroup that bear its id. What a killed runner left ends by itself when its
// stream breaks, and the next start of that runner removes it (Sweep). What could not be removed after its job goes while the runner lives (Reap).
package ociengine

import (
	"context"
	"log/slog"

	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// DefaultDir is where the folders of runners lie. It is in memory and gone after a restart of the machine, as the containers are.
const DefaultDir = "/run/slashgrade"

// DefaultRuntime is the OCI runtime, as PATH has it.
const DefaultRuntime = "runc"

// Docker has the images, and runs what this engine does not.
type Docker interface {
	sandbox.Engine
	sandbox.Reaper
	// LocalLayers says why images do not lie in folders on this machine; nil is that they do.
	LocalLayers(ctx context.Context) error
	// Lease keeps an image's files on the machine's disk until Release. It returns the folders that they are in, the topmost first;
	// none if the engine has none that overlay takes.
	Lease(ctx context.Context, image *sandbox.Image, runner string) (id string, layers []string, err error)
	// Release gives a lease up. One that is gone is no error.
	Release(ctx context.Context, id string) error
}

// Guests finds the guest program.
type Guests interface {
	// Program returns the guest for an architecture, as Go names it.
	Program(arch string) ([]byte, error)
}

// Options are what an engine needs and may be told.
type Options struct {
	Docker Docker // not closed by the engine
	Guests Guests
	// Runtime is the OCI runtime's program; "" is DefaultRuntime. It is not looked for where there is a Starter.
	Runtime string
	// Starter starts containers; nil is that program.
	Starter Starter
	// Dir is where the folders of runners lie; "" is DefaultDir.
	Dir string
	// Log takes what is no error of a job; nil discards it.
	Log *slog.Logger
}
