package dockerengine

import (
	"slices"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/go-units"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// maxLabel bounds the job's ID in a label; it is opaque and may be long.
const maxLabel = 256

// containerConfig is the part of the container that travels with it.
func containerConfig(spec *sandbox.Spec) *container.Config {
	job := spec.Job
	if len(job) > maxLabel {
		job = job[:maxLabel]
	}
	return &container.Config{
		Image:           spec.Image.ID,
		User:            "0:0", // the guest; the job's user is its business
		Entrypoint:      []string{guest.Program},
		Cmd:             []string{},
		WorkingDir:      "/",
		AttachStdin:     true,
		AttachStdout:    true,
		AttachStderr:    true,
		OpenStdin:       true,
		StdinOnce:       true, // the end of the runner's stream ends the guest
		NetworkDisabled: !spec.Networking,
		Healthcheck:     &container.HealthConfig{Test: []string{"NONE"}},
		StopSignal:      "SIGKILL",
		Labels:          map[string]string{LabelRunner: spec.Runner, LabelJob: strings.ToValidUTF8(job, "")},
	}
}

// hostConfig is the policy, as the engine takes it.
func (e *Engine) hostConfig(spec *sandbox.Spec, guestVolume string, to *connection) *container.HostConfig {
	const cpuPeriod = 100_000 // microseconds, the kernel's default
	profile := spec.Profile
	memory := profile.ContainerBytes(spec.Image)
	processes := profile.ContainerProcesses()
	return &container.HostConfig{
		NetworkMode: container.NetworkMode(to.network),
		DNS:         to.resolvers,
		// json-file would write a job's whole output to the host's disk.
		LogConfig:      container.LogConfig{Type: "none"},
		IpcMode:        "private",
		ShmSize:        profile.SharedBytes,
		ReadonlyRootfs: profile.ReadOnly,
		Runtime:        profile.Runtime,
		CapDrop:        []string{"ALL"},
		CapAdd:         profile.ContainerCapabilities(),
		SecurityOpt:    []string{"no-new-privileges", "seccomp=" + e.seccomp},
		Tmpfs:          e.tmpfs(spec),
		Sysctls:        profile.Sysctls(),
		ReadonlyPaths:  sandbox.ReadonlyPaths(),
		Mounts: []mount.Mount{{
			Type: mount.TypeVolume, Source: guestVolume, Target: guest.Path, ReadOnly: true,
			VolumeOptions: &mount.VolumeOptions{NoCopy: true},
		}},
		Resources: container.Resources{
			Memory:     memory,
			MemorySwap: memory, // equal: no swap
			CPUPeriod:  cpuPeriod,
			CPUQuota:   int64(profile.CPUs * cpuPeriod),
			PidsLimit:  &processes,
			Ulimits:    e.ulimits(profile),
		},
	}
}

func (e *Engine) tmpfs(spec *sandbox.Spec) map[string]string {
	mounts := map[string]string{}
	for _, folder := range spec.Profile.Tmpfs(spec.Image) {
		options := folder.Options()
		if e.podman {
			options = slices.DeleteFunc(options, unknownToPodman)
		}
		mounts[folder.Path] = strings.Join(options, ",")
	}
	return mounts
}

func (e *Engine) ulimits(profile *sandbox.Profile) []*units.Ulimit {
	var list []*units.Ulimit
	if e.podman {
		list = append(list, &units.Ulimit{Name: "nproc", Soft: podmanProcesses, Hard: podmanProcesses})
	}
	for _, limit := range profile.Rlimits() {
		list = append(list, &units.Ulimit{Name: limit.Name, Soft: limit.Max, Hard: limit.Max})
	}
	return list
}
