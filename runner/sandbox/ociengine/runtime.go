//go:build linux

package ociengine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	runc "github.com/containerd/go-runc"
)

// maxRuntimeLog bounds what the runtime says of a failure.
const maxRuntimeLog = 64 << 10

// Runtime is an OCI runtime's program, by its path.
type Runtime string

// FindRuntime looks a program up in PATH; "" is DefaultRuntime.
func FindRuntime(name string) (Runtime, error) {
	program, err := exec.LookPath(cmp.Or(name, DefaultRuntime))
	if err != nil {
		return "", fmt.Errorf("find the OCI runtime: %w", err)
	}
	return Runtime(program), nil
}

// Start implements [Starter]. The runtime ends when the guest runs.
func (r Runtime) Start(ctx context.Context, launch *Launch) (int, error) {
	if err := writeDescription(launch); err != nil {
		return 0, err
	}
	log, pidFile := filepath.Join(launch.Folder, "log.json"), filepath.Join(launch.Folder, "pid")
	runtime := &runc.Runc{Command: string(r), Root: launch.State, Log: log, LogFormat: runc.JSON}
	_, err := runtime.Run(ctx, launch.ID, launch.Folder, &runc.CreateOpts{
		IO: &streams{launch.Stdin, launch.Stdout, launch.Stderr}, PidFile: pidFile, Detach: true,
	})
	if err != nil {
		return 0, fmt.Errorf("start the container by %s: %w%s", string(r), err, lastLine(log))
	}
	pid, err := readPID(pidFile)
	if err != nil {
		return 0, fmt.Errorf("find the guest: %w", err)
	}
	return pid, nil
}

func writeDescription(launch *Launch) error {
	text, err := json.Marshal(launch.Spec)
	if err == nil {
		err = os.WriteFile(filepath.Join(launch.Folder, "config.json"), text, 0o600)
	}
	if err != nil {
		return fmt.Errorf("describe the container to its runtime: %w", err)
	}
	return nil
}

// lastLine is the end of the runtime's own log.
func lastLine(log string) string {
	text, err := readBounded(log, maxRuntimeLog)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if last := lines[len(lines)-1]; err == nil && last != "" {
		return ": " + last
	}
	return ""
}

func readPID(file string) (int, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the runtime's, in our folder
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
