package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/slashgrade/slashgrade/doctor"
	"github.com/slashgrade/slashgrade/internal/datadir"
	"github.com/slashgrade/slashgrade/runner/sandbox"
	"github.com/slashgrade/slashgrade/runner/sandbox/dockerengine"
)

// engineVisit is an engine that has answered.
type engineVisit struct {
	*dockerengine.Engine
	about  *dockerengine.Description
	images []string // that it has
}

func (v *visit) lookAtEngine(ctx context.Context) []doctor.Finding {
	const name = "engine"
	if _, err := v.guests(); err != nil {
		found, advice, _ := strings.Cut(err.Error(), "\n")
		return []doctor.Finding{doctor.Bad("guest", advice, "%s", found)}
	}
	before := time.Now()
	engine, err := v.host.engine(ctx)
	if err != nil {
		return []doctor.Finding{doctor.Bad(name, "Install Docker (`apt install docker.io`, or see docs.docker.com/engine/install), start it, and let "+
			"this user use its socket (group docker); engine.host or DOCKER_HOST name another one.", "%s", firstLine(err))}
	}
	about, err := engine.Describe(ctx)
	after := time.Now()
	if err != nil {
		return []doctor.Finding{doctor.Bad(name, "Look at the engine's own log.", "%v", err)}
	}
	v.engine = &engineVisit{Engine: engine, about: about}
	return append(aboutEngine(about), doctor.Clock("the engine's host", about.Time, before, after))
}

func aboutEngine(about *dockerengine.Description) []doctor.Finding {
	found := []doctor.Finding{doctor.Good("engine", "%s, API %s, %s, cgroup v%s (%s), storage %s, at %s", about.Version, about.API,
		about.Platform, about.Cgroup, about.Driver, about.Storage, about.Address)}
	if !strings.HasPrefix(about.Platform, "linux/") {
		found[0] = doctor.Bad("engine", "Use an engine with Linux containers.", "its containers are %s", about.Platform)
	}
	if len(about.Missing) > 0 {
		found = append(found, doctor.Bad("engine's limits", "Turn these cgroups on: without them a job can take them from all others.",
			"the engine says that it cannot limit %s", strings.Join(about.Missing, ", ")))
	}
	return append(found, aboutKind(about)...)
}

// aboutKind says what works otherwise on engines that are not Docker with root's rights.
func aboutKind(about *dockerengine.Description) []doctor.Finding {
	var found []doctor.Finding
	switch about.Remapping {
	case dockerengine.RemapUsers:
		found = append(found, doctor.Good("isolation", "userns: root in a container is an ordinary user of the host"))
	case dockerengine.RemapRootless:
		found = append(found, doctor.Poor("isolation", "Look at the trials of limits below, which need cgroups v2 that are delegated to that user; "+
			"a network for jobs cannot be guarded.", "rootless: the engine and its containers are an ordinary user's"))
	case dockerengine.RemapNone:
	}
	if about.Podman {
		found = append(found, doctor.Poor("podman", "docs/operating.md, \"Rootless engines, remapped users, Podman\", lists what differs from a Docker engine.",
			"the engine is Podman's service, which bounds fewer things"))
	}
	return found
}

// tryDirect says whether containers could be made without the Docker engine, where the configuration lets it.
func (v *visit) tryDirect(ctx context.Context) []doctor.Finding {
	kind := v.config.Engine.Kind
	if v.engine == nil || kind == engineDocker {
		return nil
	}
	name := engineOCI
	if kind == engineNamespaces {
		name = kind
	}
	_, err := v.direct(ctx, v.engine.Engine)
	switch {
	case err == nil:
		return []doctor.Finding{doctor.Good(name, "%s makes the containers: one started, and its guest spoke", makerOf(kind))}
	case kind != engineAuto:
		return []doctor.Finding{doctor.Bad(name, "Mend it, or set engine.kind to docker.", "engine.kind is %s, which does not work here: %v", kind, err)}
	default:
		return []doctor.Finding{doctor.Good(name, "the engine makes the containers, since an OCI runtime cannot: %v", err)}
	}
}

func (v *visit) lookAtMemory(context.Context) []doctor.Finding {
	profile, err := sandbox.FindProfile(v.config.Runner.Profile, v.config.Own.Profiles)
	if err != nil || v.engine == nil {
		return nil
	}
	free := int64(0)
	if strings.HasPrefix(v.engine.about.Address, "unix://") {
		free = doctor.FreeMemory()
	}
	return []doctor.Finding{doctor.Memory(v.engine.about.Memory, free, profile.ContainerBytes(&sandbox.Image{}), v.config.Runner.Concurrency)}
}

func (v *visit) lookAtImages(ctx context.Context) []doctor.Finding {
	if v.engine == nil {
		return nil
	}
	if len(v.images) == 0 {
		return []doctor.Finding{doctor.Poor("images", "Name the images that jobs use with --image: the first is what the trials run in.",
			"none was named, so nothing is tried in a container")}
	}
	var found []doctor.Finding
	for _, name := range v.images {
		image, err := v.engine.Image(ctx, name)
		if err != nil {
			found = append(found, doctor.Bad("image", "Look at the name; `docker pull "+name+"` says more. Jobs with it are answered with a failure.",
				"%s cannot be had: %v", name, err))
			continue
		}
		v.engine.images = append(v.engine.images, name)
		if image.Warning != "" {
			found = append(found, doctor.Poor("image", "Jobs run with the image that is there.", "%s: %s", name, image.Warning))
			continue
		}
		found = append(found, doctor.Good("image", "%s, %s, for %s", name, short(image.ID), image.Arch))
	}
	return found
}

func short(id string) string {
	const prefix, digits = "sha256:", 12
	return strings.TrimPrefix(id, prefix)[:min(digits, len(strings.TrimPrefix(id, prefix)))]
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// trial is for the runner's id where there is one; else a name that no runner has, so that nobody's start removes the container.
func (v *visit) trial() *doctor.Trial {
	runner := fmt.Sprintf("doctor-%d", time.Now().UnixNano())
	if dir, err := datadir.Open(v.config.Runner.DataDir); err == nil && !dir.Busy() {
		runner = dir.ID // the next start removes what a killed doctor left
	}
	return &doctor.Trial{Engine: v.engine, Runner: runner, Image: v.firstImage()}
}

func (v *visit) tryRuntimes(ctx context.Context) []doctor.Finding {
	if v.firstImage() == "" {
		return nil
	}
	found := []doctor.Finding{v.trial().Start(ctx, "")}
	for _, name := range v.engine.about.Runtimes {
		finding := v.trial().Start(ctx, name)
		if finding.Status == doctor.Fail { // nobody has asked for it
			finding.Status = doctor.Warn
		}
		found = append(found, finding)
	}
	return found
}

func (v *visit) tryLimits(ctx context.Context) []doctor.Finding {
	if v.firstImage() == "" {
		return nil
	}
	return v.trial().Limits(ctx)
}
