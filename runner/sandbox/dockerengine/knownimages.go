package dockerengine

import (
	"context"
	"sync"
	"time"

	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

const (
	// eventsSettle is how long a fresh stream of events is not relied on: the engine answers a moment before it has subscribed.
	eventsSettle = 200 * time.Millisecond
	// eventsRest is how long a stream rests that has ended; meanwhile the engine is asked for each job.
	eventsRest = 10 * time.Second
)

// knownImages are images as the engine described them, so that a job does not wait for it to do so again. They are known while its events
// are followed, and forgotten with every event that is about an image, whoever tagged, pulled, built or removed one.
type knownImages struct {
	follow sync.Once

	mu     sync.Mutex
	byName map[string]sandbox.Image // nil while events are not followed
	epoch  int                      // how often they were forgotten
}

// find returns the image of the name, nil if it is not known, and the epoch that remember wants.
func (k *knownImages) find(name string) (*sandbox.Image, int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found, ok := k.byName[name]
	if !ok {
		return nil, k.epoch
	}
	return &found, k.epoch
}

// remember keeps an image unless something has happened to any since the epoch.
func (k *knownImages) remember(image *sandbox.Image, epoch int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byName == nil || k.epoch != epoch {
		return
	}
	if len(k.byName) >= maxChecked {
		clear(k.byName)
	}
	k.byName[image.Name] = *image
}

// begin makes images known from now on.
func (k *knownImages) begin() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.byName = map[string]sandbox.Image{}
}

// end forgets all and knows none until begin.
func (k *knownImages) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.byName = nil
	k.epoch++
}

// forget forgets all that is known now.
func (k *knownImages) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.byName)
	k.epoch++
}

// followEvents follows the engine's events about images until the engine is closed.
func (e *Engine) followEvents(ctx context.Context) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	e.tasks.Go(func() {
		defer cancel()
		for {
			err := e.takeEvents(ctx)
			e.known.end()
			e.log.DebugContext(ctx, "the engine's events about images have ended; it is asked for each job", "err", err)
			if !e.sleep(eventsRest) {
				return
			}
		}
	})
	e.tasks.Go(func() {
		<-e.closing
		cancel()
	})
}

// takeEvents forgets images until the stream ends, and says why it did.
func (e *Engine) takeEvents(ctx context.Context) error {
	about := filters.NewArgs(filters.Arg("type", string(events.ImageEventType)))
	told, failed := e.api.Events(ctx, events.ListOptions{Filters: about})
	settled := time.After(eventsSettle)
	for {
		select {
		case <-settled:
			e.known.begin()
		case <-told:
			e.known.forget()
		case err := <-failed:
			return err
		}
	}
}

// sleep waits and says whether the engine is still open.
func (e *Engine) sleep(rest time.Duration) bool {
	select {
	case <-time.After(rest):
		return true
	case <-e.closing:
		return false
	}
}
