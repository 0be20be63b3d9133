//go:build linux

package ociengine

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// Annotations of a container, as the Docker engine labels its own.
const (
	annotationRunner = "org.slashgrade.runner"
	annotationJob    = "org.slashgrade.job"
)

// maxAnnotation bounds the job's ID in an annotation; it is opaque and may be long.
const maxAnnotation = 256

// describe is the container as its runtime takes it. Where nothing else is said, it is as Docker has it.
func (e *Engine) describe(spec *sandbox.Spec, b *bundle) (*specs.Spec, error) {
	profile := spec.Profile
	capabilities := profile.ContainerCapabilities()
	for i, name := range capabilities {
		capabilities[i] = "CAP_" + name
	}
	filter, err := e.filters.of(capabilities)
	if err != nil {
		return nil, err
	}
	job := spec.Job[:min(len(spec.Job), maxAnnotation)]
	return &specs.Spec{
		Version:     "1.0.2", // what runc of Docker 20.10 knows
		Root:        &specs.Root{Path: b.rootfs(), Readonly: profile.ReadOnly},
		Hostname:    b.hostname(),
		Process:     process1(profile, capabilities),
		Mounts:      slices.Concat(systemMounts(profile), tmpfsMounts(spec), ownMounts(b, profile)),
		Annotations: map[string]string{annotationRunner: spec.Runner, annotationJob: strings.ToValidUTF8(job, "")},
		Linux: &specs.Linux{
			CgroupsPath:   b.cgroup(),
			Namespaces:    namespaces(),
			Resources:     e.resources(spec),
			Seccomp:       filter,
			Sysctl:        sysctls(profile),
			MaskedPaths:   maskedPaths(),
			ReadonlyPaths: sandbox.ReadonlyPaths(),
		},
	}, nil
}

// process1 is the guest. It has nothing of the image's environment, which is the job's.
func process1(profile *sandbox.Profile, capabilities []string) *specs.Process {
	adjustment := 0 // also where this process has another
	return &specs.Process{
		Args: []string{guest.Program},
		Env:  []string{"PATH=" + sandbox.DefaultPath},
		Cwd:  "/",
		// Neither ambient nor inheritable, so that another user's program gets none.
		Capabilities:    &specs.LinuxCapabilities{Bounding: capabilities, Effective: capabilities, Permitted: capabilities},
		NoNewPrivileges: true,
		OOMScoreAdj:     &adjustment,
		Rlimits:         rlimits(profile),
	}
}

// namespaces are new ones of each kind but the user's, whose root is then no root of files on disk. The network's has a loopback only.
func namespaces() []specs.LinuxNamespace {
	return []specs.LinuxNamespace{
		{Type: specs.MountNamespace},
		{Type: specs.NetworkNamespace},
		{Type: specs.UTSNamespace},
		{Type: specs.PIDNamespace},
		{Type: specs.IPCNamespace},
		{Type: specs.CgroupNamespace},
	}
}

func systemMounts(profile *sandbox.Profile) []specs.Mount {
	return []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{
			Destination: "/dev/pts", Type: "devpts", Source: "devpts",
			Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"},
		},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro", "nosuid", "noexec", "nodev"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{
			Destination: "/dev/shm", Type: "tmpfs", Source: "shm",
			Options: []string{"nosuid", "noexec", "nodev", "mode=1777", fmt.Sprintf("size=%d", profile.SharedBytes)},
		},
	}
}

// tmpfsMounts are the folders in memory, each after those that it may lie in.
func tmpfsMounts(spec *sandbox.Spec) []specs.Mount {
	var mounts []specs.Mount
	for _, folder := range spec.Profile.Tmpfs(spec.Image) {
		mounts = append(mounts, specs.Mount{Destination: folder.Path, Type: "tmpfs", Source: "tmpfs", Options: folder.Options()})
	}
	slices.SortStableFunc(mounts, func(a, b specs.Mount) int {
		return cmp.Compare(strings.Count(a.Destination, "/"), strings.Count(b.Destination, "/"))
	})
	return mounts
}

// ownMounts are the container's own files of /etc, and last the guest, so that no volume of an image hides it.
func ownMounts(b *bundle, profile *sandbox.Profile) []specs.Mount {
	access := "rw"
	if profile.ReadOnly {
		access = "ro"
	}
	var mounts []specs.Mount
	for _, name := range []string{"resolv.conf", "hostname", "hosts"} {
		mounts = append(mounts, specs.Mount{
			Destination: "/etc/" + name, Type: "bind", Source: filepath.Join(b.etc(), name),
			Options: []string{"bind", access, "nosuid", "nodev", "rprivate"},
		})
	}
	return append(mounts, specs.Mount{
		Destination: guest.Path, Type: "bind", Source: b.runner.guest(),
		Options: []string{"bind", "ro", "exec", "nosuid", "nodev", "rprivate"}, // exec: /run often has noexec
	})
}

// sysctls are the profile's and Docker's own: whether a student's server may listen on a port of the loopback must not depend on the engine.
func sysctls(profile *sandbox.Profile) map[string]string {
	settings := profile.Sysctls()
	settings["net.ipv4.ip_unprivileged_port_start"] = "0"
	return settings
}

func rlimits(profile *sandbox.Profile) []specs.POSIXRlimit {
	var list []specs.POSIXRlimit
	for _, limit := range profile.Rlimits() {
		most := uint64(max(limit.Max, 0))
		list = append(list, specs.POSIXRlimit{Type: "RLIMIT_" + strings.ToUpper(limit.Name), Soft: most, Hard: most})
	}
	return list
}

func maskedPaths() []string {
	return []string{
		"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
		"/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
	}
}

// memoryBytes is the container's limit. What a job writes to the root is in memory here, so it adds to what other engines set.
func memoryBytes(spec *sandbox.Spec) int64 {
	bytes := spec.Profile.ContainerBytes(spec.Image)
	if spec.Profile.ReadOnly {
		return bytes
	}
	return bytes + spec.Profile.DiskBytes
}

func (e *Engine) resources(spec *sandbox.Spec) *specs.LinuxResources {
	const cpuPeriod = 100_000 // microseconds, the kernel's default
	memory := memoryBytes(spec)
	period, quota := uint64(cpuPeriod), int64(spec.Profile.CPUs*cpuPeriod)
	limits := &specs.LinuxMemory{Limit: &memory}
	if e.cgroups.swap {
		limits.Swap = &memory // equal: no swap
	}
	return &specs.LinuxResources{
		Memory:  limits,
		CPU:     &specs.LinuxCPU{Period: &period, Quota: &quota},
		Pids:    &specs.LinuxPids{Limit: spec.Profile.ContainerProcesses()},
		Devices: devices(),
	}
}

// devices allows the usual ones, by the kernel's numbers, to read, write and make.
func devices() []specs.LinuxDeviceCgroup {
	const memory, terminals = 1, 5
	rules := []specs.LinuxDeviceCgroup{{Access: "rwm"}} // all others are denied
	allow := func(major int64, minors ...int64) {
		for _, minor := range minors {
			rules = append(rules, specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: &major, Minor: &minor, Access: "rwm"})
		}
	}
	allow(memory, 3, 5, 7, 8, 9) // null, zero, full, random, urandom
	allow(terminals, 0)          // tty
	return rules
}
