package dockerengine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/docker/docker/api/types/image"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// PullWhen says when an image is asked for at its registry.
type PullWhen string

// The pull policies.
const (
	// PullAlways pulls before every job.
	PullAlways PullWhen = "always"
	// PullMissing pulls what the engine does not have.
	PullMissing PullWhen = "missing"
	// PullStale pulls what is missing, and beside the job what was last checked longer than MaxAge ago: the job runs with what
	// is there.
	PullStale PullWhen = "stale"
)

// DefaultMaxAge is after how long PullStale looks for a newer image: staff who push a fix expect it within minutes, and a registry
// that counts pulls must not be asked for each job.
const DefaultMaxAge = 10 * time.Minute

// PullPolicy says when and how images are pulled. The zero value is PullStale with DefaultMaxAge.
type PullPolicy struct {
	When    PullWhen
	MaxAge  time.Duration
	Timeout time.Duration // of one pull; 0 is DefaultPullTimeout
}

// DefaultPullTimeout bounds one pull: 2 GB at 3 MB a second.
const DefaultPullTimeout = 10 * time.Minute

func (p PullPolicy) withDefaults() PullPolicy {
	if p.When == "" {
		p.When = PullStale
	}
	if p.MaxAge == 0 {
		p.MaxAge = DefaultMaxAge
	}
	if p.Timeout == 0 {
		p.Timeout = DefaultPullTimeout
	}
	return p
}

// Validate refuses a policy that is none of the three.
func (p PullPolicy) Validate() error {
	if p.When != "" && !slices.Contains([]PullWhen{PullAlways, PullMissing, PullStale}, p.When) {
		return fmt.Errorf("the pull policy %q is none of %s, %s and %s", p.When, PullAlways, PullMissing, PullStale)
	}
	return nil
}

// checkedImages remembers when each image was last asked for at its registry, and what emptyVolumes found.
type checkedImages struct {
	mu      sync.Mutex
	at      map[string]time.Time // by name
	volumes map[string][]string  // by image ID
}

// maxChecked bounds how many names are remembered: messages name them.
const maxChecked = 10_000

func (c *checkedImages) stale(name string, age time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.at[name]
	return !ok || time.Since(at) > age
}

func (c *checkedImages) mark(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at == nil || len(c.at) >= maxChecked {
		c.at = map[string]time.Time{}
	}
	c.at[name] = time.Now()
}

// Image implements [sandbox.Engine].
func (e *Engine) Image(ctx context.Context, name string) (*sandbox.Image, error) {
	ref, err := parseName(name)
	if err != nil {
		return nil, &sandbox.PullError{Image: name, Err: err}
	}
	found, err := e.describe(ctx, name, ref)
	switch {
	case errdefs.IsNotFound(err):
		return e.pullMissing(ctx, name, ref)
	case err != nil:
		return nil, fmt.Errorf("look for image %s: %w", name, err)
	case pinned(ref) || e.policy.When == PullMissing:
		return found, nil
	case e.policy.When == PullAlways:
		return e.pullAgain(ctx, found, ref)
	case e.checked.stale(name, e.policy.MaxAge):
		e.refresh(ctx, name, ref)
	}
	return found, nil
}

// parseName reads an image's name as `docker pull` does, with the tag latest where there is none.
func parseName(name string) (reference.Named, error) {
	ref, err := reference.ParseDockerRef(name)
	if err != nil {
		return nil, fmt.Errorf("%q is not the name of an image: %w", name, err)
	}
	return ref, nil
}

// pinned says whether the name holds a digest: such an image never changes.
func pinned(ref reference.Named) bool {
	_, ok := ref.(reference.Digested)
	return ok
}

func (e *Engine) pullMissing(ctx context.Context, name string, ref reference.Named) (*sandbox.Image, error) {
	if err := e.pullOnce(ctx, name, ref); err != nil {
		return nil, err
	}
	found, err := e.inspect(ctx, name, ref)
	if errdefs.IsNotFound(err) {
		return nil, &sandbox.PullError{Image: name, Err: errors.New("the engine says that it pulled the image, but does not have it")}
	}
	if err != nil {
		return nil, fmt.Errorf("look for image %s: %w", name, err)
	}
	return found, nil
}

// pullAgain pulls an image that is there. If that fails the job runs with what is there, and is told so.
func (e *Engine) pullAgain(ctx context.Context, found *sandbox.Image, ref reference.Named) (*sandbox.Image, error) {
	err := e.pullOnce(ctx, found.Name, ref)
	if failed, ok := errors.AsType[*sandbox.PullError](err); ok {
		found.Warning = "The image could not be pulled again; the one that was there was used: " + failed.Err.Error()
		return found, nil
	}
	if err != nil {
		return nil, err
	}
	return e.inspect(ctx, found.Name, ref)
}

// refresh pulls beside the job. One that fails is tried again when MaxAge has passed.
func (e *Engine) refresh(ctx context.Context, name string, ref reference.Named) {
	e.checked.mark(name)
	ctx = context.WithoutCancel(ctx)
	e.tasks.Go(func() {
		if err := e.pullOnce(ctx, name, ref); err != nil {
			e.log.WarnContext(ctx, "image could not be refreshed; the one that is there is used", "image", name, "err", err)
		}
	})
}

// describe returns the image without asking the engine, where it is known, else as inspect does.
func (e *Engine) describe(ctx context.Context, name string, ref reference.Named) (*sandbox.Image, error) {
	e.known.follow.Do(func() { e.followEvents(ctx) })
	found, epoch := e.known.find(name)
	if found != nil {
		return found, nil
	}
	found, err := e.inspect(ctx, name, ref)
	if err == nil {
		e.known.remember(found, epoch)
	}
	return found, err
}

// inspect returns the image as the engine has it, with a not-found error of errdefs where it has not.
func (e *Engine) inspect(ctx context.Context, name string, ref reference.Named) (*sandbox.Image, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := e.api.ImageInspect(ctx, reference.FamiliarString(ref))
	if err != nil {
		return nil, err
	}
	result := &sandbox.Image{Name: name, ID: found.ID, Digest: digest(&found, ref), Arch: found.Architecture}
	if found.Config == nil {
		return result, nil
	}
	result.User, result.Dir = found.Config.User, found.Config.WorkingDir
	result.Entrypoint, result.Cmd = found.Config.Entrypoint, found.Config.Cmd
	result.Env = sandbox.WithPath(found.Config.Env)
	result.Warmup = found.Config.Labels[sandbox.LabelWarmup]
	result.Volumes, err = e.volumesOf(ctx, found.ID, found.Config.Volumes)
	return result, err
}

func (e *Engine) volumesOf(ctx context.Context, id string, volumes map[string]struct{}) ([]string, error) {
	e.checked.mu.Lock()
	known, ok := e.checked.volumes[id]
	e.checked.mu.Unlock()
	if ok || len(volumes) == 0 {
		return known, nil
	}
	empty, err := e.emptyVolumes(ctx, id, volumes)
	if err != nil {
		return nil, err
	}
	slices.Sort(empty)
	e.checked.mu.Lock()
	defer e.checked.mu.Unlock()
	if e.checked.volumes == nil {
		e.checked.volumes = map[string][]string{}
	}
	e.checked.volumes[id] = empty
	return empty, nil
}

// digest names what the image is for good: its digest in the repository that it was asked for by, else its ID.
func digest(found *image.InspectResponse, ref reference.Named) string {
	if pinned(ref) {
		return reference.FamiliarString(ref)
	}
	repository := reference.FamiliarName(ref)
	for _, candidate := range found.RepoDigests {
		if strings.HasPrefix(candidate, repository+"@") {
			return candidate
		}
	}
	return found.ID
}
