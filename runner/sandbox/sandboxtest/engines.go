package sandboxtest

import (
	"context"
	"sync"

	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// describing is an engine whose images are described as the test wants.
type describing struct {
	sandbox.Engine
	image *sandbox.Image
}

// Image implements [sandbox.Engine].
func (d *describing) Image(context.Context, string) (*sandbox.Image, error) { return d.image, nil }

// keeping is an engine that keeps the last container that it started in sight.
type keeping struct {
	sandbox.Engine
	mu   sync.Mutex
	last sandbox.Container
}

// Start implements [sandbox.Engine].
func (k *keeping) Start(ctx context.Context, spec *sandbox.Spec) (sandbox.Container, error) {
	started, err := k.Engine.Start(ctx, spec)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last = started
	return started, err
}

func (k *keeping) container() sandbox.Container {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}

// runtimeEngine starts every container with one of the engine's runtimes.
type runtimeEngine struct {
	sandbox.Engine
	runtime string
}

// WithRuntime is the engine with all its containers in a runtime, for example runsc; "" is the profile's, as without this.
func WithRuntime(engine sandbox.Engine, runtime string) sandbox.Engine {
	return &runtimeEngine{Engine: engine, runtime: runtime}
}

// Start implements [sandbox.Engine].
func (r *runtimeEngine) Start(ctx context.Context, spec *sandbox.Spec) (sandbox.Container, error) {
	with, profile := *spec, *spec.Profile
	if profile.Runtime == "" {
		profile.Runtime = r.runtime
	}
	with.Profile = &profile
	return r.Engine.Start(ctx, &with)
}
