//go:build linux

package ociengine

import (
	"fmt"
	"strings"
	"sync"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// filters translates [sandbox.Seccomp] from Docker's form, whose rules depend on the machine, the kernel and the container's capabilities,
// to the runtime's. The result is kept: it is the same for every container with these capabilities.
type filters struct {
	mu    sync.Mutex
	known map[string]*specs.LinuxSeccomp
}

// of returns the filter for a container that has these capabilities. It is shared: nobody may change it.
func (f *filters) of(capabilities []string) (*specs.LinuxSeccomp, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := strings.Join(capabilities, " ")
	if filter, ok := f.known[key]; ok {
		return filter, nil
	}
	filter, err := seccomp.LoadProfile(sandbox.Seccomp(), &specs.Spec{
		Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: capabilities}},
	})
	if err != nil {
		return nil, fmt.Errorf("translate the system call filter: %w", err)
	}
	if f.known == nil {
		f.known = map[string]*specs.LinuxSeccomp{}
	}
	f.known[key] = filter
	return filter, nil
}
