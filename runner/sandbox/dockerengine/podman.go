package dockerengine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/docker/docker/api/types"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// podmanComponent is how Podman's service names itself among the parts of its version.
const podmanComponent = "Podman Engine"

// isPodman tells Podman's service, which speaks the Docker Engine API with differences, from a Docker engine.
func isPodman(version *types.Version) bool {
	for i := range version.Components {
		if version.Components[i].Name == podmanComponent {
			return true
		}
	}
	return false
}

// recognise asks what the engine is, and prepares what Podman needs: it takes a filter of system calls only by the name of a file on its own
// machine, where Docker's client sends the filter itself.
func (e *Engine) recognise(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	e.seccomp = sandbox.Seccomp()
	version, err := e.api.ServerVersion(ctx)
	if err != nil {
		return fmt.Errorf("ask the Docker engine at %s for its version: %w", e.api.DaemonHost(), err)
	}
	if e.podman = isPodman(&version); !e.podman {
		return nil
	}
	if !strings.HasPrefix(e.api.DaemonHost(), "unix://") {
		return errors.New("podman takes the filter of system calls from a file on its own machine, and this one is elsewhere:\n" +
			"run slashgrade where Podman runs, and name its socket as unix://")
	}
	e.seccomp, err = seccompFile()
	return err
}

// seccompFile writes the filter to a file of its own, which Close removes.
func seccompFile() (string, error) {
	file, err := os.CreateTemp("", "slashgrade-seccomp-*.json")
	if err != nil {
		return "", fmt.Errorf("write the filter of system calls for Podman: %w", err)
	}
	_, err = file.WriteString(sandbox.Seccomp())
	if err = errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("write the filter of system calls for Podman: %w", errors.Join(err, os.Remove(file.Name())))
	}
	return file.Name(), nil
}

// forgetSeccomp removes the filter's file.
func (e *Engine) forgetSeccomp() error {
	if !e.podman || e.seccomp == "" {
		return nil
	}
	err := os.Remove(e.seccomp)
	e.seccomp = ""
	return err
}

// unknownToPodman is an option of a tmpfs that Podman refuses. Without it the number of files is bounded by the container's memory alone, of
// which each takes some.
func unknownToPodman(option string) bool { return strings.HasPrefix(option, "nr_inodes=") }

// podmanProcesses is how many processes a user may have by the limit that Podman sets in any case: without ours it is 1048576, which a service
// without CAP_SYS_RESOURCE may not set. It is far above what jobs have together, since the kernel counts a user's processes of all containers;
// what bounds a job is the container's own limit.
const podmanProcesses = 32768
