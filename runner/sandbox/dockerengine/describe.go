package dockerengine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/system"
)

// Description is an engine in its own words, for people who look after it.
type Description struct {
	Address, Version, API, Platform string // Platform as linux/x86_64
	Cgroup, Driver                  string // the version and the driver of cgroups
	Storage                         string
	Root                            string    // the folder of images and containers, on the engine's host
	DefaultRuntime                  string    // runc, where nobody changed it
	Runtimes                        []string  // names that a profile may ask for, without the engine's own aliases; none with Podman
	Remapping                       Remapping // of users
	Podman                          bool      // Podman's service, not a Docker engine
	Missing                         []string  // limits that the engine's kernel does not have
	Warnings                        []string  // the engine's own
	Memory                          int64     // of its host
	Time                            time.Time
}

// Describe asks the engine about itself.
func (e *Engine) Describe(ctx context.Context) (*Description, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	info, err := e.api.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask the Docker engine at %s about itself: %w", e.api.DaemonHost(), err)
	}
	d := &Description{
		Address: e.api.DaemonHost(), Version: info.ServerVersion, API: e.api.ClientVersion(), Platform: info.OSType + "/" + info.Architecture,
		Cgroup: info.CgroupVersion, Driver: info.CgroupDriver, Storage: info.Driver, Root: info.DockerRootDir,
		DefaultRuntime: info.DefaultRuntime, Podman: e.podman, Warnings: info.Warnings, Memory: info.MemTotal, Missing: missingLimits(&info),
	}
	for _, name := range slices.Sorted(maps.Keys(info.Runtimes)) {
		if !e.podman && !strings.HasPrefix(name, "io.containerd.") && name != info.DefaultRuntime {
			d.Runtimes = append(d.Runtimes, name)
		}
	}
	d.Remapping = remapping(security(&info))
	d.Time, _ = time.Parse(time.RFC3339Nano, info.SystemTime) // zero where it does not say
	return d, nil
}

func missingLimits(info *system.Info) []string {
	var missing []string
	for _, limit := range []struct {
		name  string
		there bool
	}{{"memory", info.MemoryLimit}, {"swap", info.SwapLimit}, {"processor quota", info.CPUCfsQuota}, {"processes", info.PidsLimit}} {
		if !limit.there {
			missing = append(missing, limit.name)
		}
	}
	return missing
}
