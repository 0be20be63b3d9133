package dockerengine

import (
	"testing"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/system"
)

func TestRemapping(t *testing.T) {
	for _, c := range []struct {
		options []string
		want    Remapping
	}{
		{nil, RemapNone},
		{[]string{"name=apparmor", "name=seccomp,profile=default"}, RemapNone},
		{[]string{"name=seccomp,profile=builtin", "name=userns"}, RemapUsers},
		{[]string{"name=seccomp,profile=builtin", "name=rootless", "name=cgroupns"}, RemapRootless},
		{[]string{"name=userns", "name=rootless"}, RemapRootless},
		{[]string{"seccomp", "userns"}, RemapUsers}, // engines before 1.13's form
		{[]string{"name=seccomp,profile=/etc/rootless"}, RemapNone},
	} {
		if got := remapping(security(&system.Info{SecurityOptions: c.options})); got != c.want {
			t.Errorf("%q is %q, want %q", c.options, got, c.want)
		}
	}
}

func TestIsPodman(t *testing.T) {
	for name, want := range map[string]bool{"Podman Engine": true, "Engine": false, "": false} {
		version := types.Version{Components: []types.ComponentVersion{{Name: "Conmon"}, {Name: name}}}
		if got := isPodman(&version); got != want {
			t.Errorf("a part named %q: %v, want %v", name, got, want)
		}
	}
}
