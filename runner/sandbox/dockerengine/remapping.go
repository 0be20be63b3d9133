package dockerengine

import (
	"slices"
	"strings"

	"github.com/docker/docker/api/types/system"
)

// Remapping is how an engine maps the users of its containers to those of its host.
type Remapping string

// The ways.
const (
	// RemapNone is that root in a container is root of the host, as far as its capabilities go.
	RemapNone Remapping = ""
	// RemapUsers is Docker's userns-remap: the engine is root's, its containers' users are ordinary users of the host.
	RemapUsers Remapping = "userns"
	// RemapRootless is an engine that is an ordinary user's program, with all its containers.
	RemapRootless Remapping = "rootless"
)

// security are the names among an engine's security options, which are texts such as "name=seccomp,profile=default".
func security(info *system.Info) []string {
	var names []string
	for _, option := range info.SecurityOptions {
		name, _, _ := strings.Cut(strings.TrimPrefix(option, "name="), ",")
		names = append(names, name)
	}
	return names
}

// remapping finds the way among the names. A rootless engine has a user namespace in any case.
func remapping(names []string) Remapping {
	for _, way := range []Remapping{RemapRootless, RemapUsers} {
		if slices.Contains(names, string(way)) {
			return way
		}
	}
	return RemapNone
}
