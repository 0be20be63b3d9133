//go:build linux

package nsengine

import (
	"errors"

	"github.com/opencontainers/cgroups"
	_ "github.com/opencontainers/cgroups/devices" // without it, device rules are refused
	devices "github.com/opencontainers/cgroups/devices/config"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// cgroup is the container's cgroup in the library's terms.
func cgroup(spec *specs.Spec) (*cgroups.Cgroup, error) {
	limits := spec.Linux.Resources
	if limits == nil || limits.Memory == nil || limits.Memory.Limit == nil || limits.CPU == nil || limits.Pids == nil || spec.Linux.CgroupsPath == "" {
		return nil, errors.New("the container's description lacks a limit or its cgroup")
	}
	resources := &cgroups.Resources{
		Memory: *limits.Memory.Limit, CpuPeriod: *limits.CPU.Period, CpuQuota: *limits.CPU.Quota, PidsLimit: &limits.Pids.Limit,
	}
	if limits.Memory.Swap != nil {
		resources.MemorySwap = *limits.Memory.Swap
	}
	for _, rule := range limits.Devices {
		resources.Devices = append(resources.Devices, device(rule))
	}
	return &cgroups.Cgroup{Path: spec.Linux.CgroupsPath, Resources: resources}, nil
}

// device translates a rule; what it does not name is any.
func device(rule specs.LinuxDeviceCgroup) *devices.Rule {
	translated := &devices.Rule{
		Type: devices.WildcardDevice, Major: devices.Wildcard, Minor: devices.Wildcard,
		Permissions: devices.Permissions(rule.Access), Allow: rule.Allow,
	}
	if rule.Type == "c" {
		translated.Type = devices.CharDevice
	}
	if rule.Major != nil {
		translated.Major = *rule.Major
	}
	if rule.Minor != nil {
		translated.Minor = *rule.Minor
	}
	return translated
}
