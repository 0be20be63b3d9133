package dockerengine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
)

// probeAge is after how long a probe is nobody's: it lives for one call.
const probeAge = 10 * time.Minute

// ownContainers are those that this process made and has not removed.
type ownContainers struct {
	instance string // what the process is called in LabelInstance

	mu        sync.Mutex
	live      map[string]bool // false: could not be removed
	strangers map[string]bool // of this instance, not among live, seen by the last look
}

func newOwnContainers() ownContainers {
	return ownContainers{instance: rand.Text(), live: map[string]bool{}, strangers: map[string]bool{}}
}

func (o *ownContainers) add(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.live[id] = true
}

// removed is told of every attempt at a container; a nil o keeps none in mind.
func (o *ownContainers) removed(id string, err error) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		delete(o.live, id)
	} else if o.live[id] {
		o.live[id] = false
	}
}

// left picks what nobody needs of the containers that carry the runner's label: those of other instances, those that could not be
// removed, and those of this instance that nobody knows. The last are what a call has left that failed while the engine went on; one
// that is being made now is not known yet either, so they go when two looks have seen them.
func (o *ownContainers) left(list []container.Summary) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var left []string
	strangers := map[string]bool{}
	for i := range list {
		id := list[i].ID
		needed, known := o.live[id]
		switch {
		case list[i].Labels[LabelInstance] != o.instance, known && !needed, o.strangers[id]:
			left = append(left, id)
		case !known:
			strangers[id] = true
		}
	}
	o.strangers = strangers
	return left
}

// Sweep implements [sandbox.Engine].
func (e *Engine) Sweep(ctx context.Context, runner string) (int, error) {
	removed, err := e.clear(ctx, runner, func(list []container.Summary) []string {
		var all []string
		for i := range list {
			all = append(all, list[i].ID)
		}
		return all
	})
	return removed, errors.Join(err, e.removeLeases(ctx, runner), e.removeNetworks(ctx, runner))
}

// Reap implements [sandbox.Reaper]. It also sets the rules of the jobs' network again, which somebody may have flushed.
func (e *Engine) Reap(ctx context.Context, runner string) (int, error) {
	removed, err := e.clear(ctx, runner, e.own.left)
	return removed, errors.Join(err, e.RenewNetwork(ctx))
}

// clear removes those of the runner's containers that pick returns, and probes that nobody can need any more.
func (e *Engine) clear(ctx context.Context, runner string, pick func([]container.Summary) []string) (int, error) {
	list, err := e.labelled(ctx, LabelRunner+"="+runner)
	if err != nil {
		return 0, err
	}
	removed, failed := e.remove(ctx, pick(list))
	probes, err := e.labelled(ctx, LabelProbe)
	if err != nil {
		return removed, errors.Join(failed, err)
	}
	_, err = e.remove(ctx, oldProbes(probes))
	return removed, errors.Join(failed, err)
}

func oldProbes(list []container.Summary) []string {
	var old []string
	for i := range list {
		if time.Since(time.Unix(list[i].Created, 0)) > probeAge {
			old = append(old, list[i].ID)
		}
	}
	return old
}

func (e *Engine) labelled(ctx context.Context, label string) ([]container.Summary, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := e.api.ContainerList(ctx, container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", label))})
	if err != nil {
		return nil, fmt.Errorf("list the containers with the label %s: %w", label, err)
	}
	return list, nil
}

func (e *Engine) remove(ctx context.Context, ids []string) (removed int, failed error) {
	for _, id := range ids {
		left := &Container{api: e.api, id: id, own: &e.own}
		if err := left.Remove(ctx); err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		removed++
	}
	return removed, failed
}
