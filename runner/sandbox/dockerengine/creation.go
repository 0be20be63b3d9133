package dockerengine

import (
	"context"
	"time"

	"github.com/docker/docker/api/types/container"
)

// lateAnswer is how long the answer to a creation is awaited that nobody wants any more. A loaded engine took 2 s.
const lateAnswer = 5 * time.Second

// creation is what came of a call.
type creation struct {
	id  string
	err error
}

// create makes a container and returns its id. When the context ends first, the engine makes the container all the same, and nobody would
// know of it: its answer is awaited beside, and what it names is removed. A later one is left to Reap and Sweep.
func (e *Engine) create(ctx context.Context, config *container.Config, host *container.HostConfig) (string, error) {
	made := make(chan creation)
	e.tasks.Go(func() { e.createFor(ctx, made, config, host) })
	select {
	case got := <-made:
		return got.id, got.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func (e *Engine) createFor(ctx context.Context, made chan<- creation, config *container.Config, host *container.HostConfig) {
	call, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lateAnswer, stop) })()
	created, err := e.api.ContainerCreate(call, config, host, nil, nil, "")
	select {
	case made <- creation{created.ID, err}:
	case <-ctx.Done():
		if err != nil {
			return
		}
		unwanted := &Container{api: e.api, id: created.ID}
		if err := unwanted.Remove(context.WithoutCancel(ctx)); err != nil {
			e.log.WarnContext(ctx, "container could not be removed", "container", unwanted.id, "err", err)
		}
	}
}
