//go:build linux

package ociengine

import (
	"context"
	"errors"
	"sync"
)

// stuck are the containers that could not be removed after their jobs.
type stuck struct {
	mu         sync.Mutex
	containers map[*Container]struct{}
}

// tried is told of every attempt at a container.
func (s *stuck) tried(c *Container, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		delete(s.containers, c)
	} else {
		s.containers[c] = struct{}{}
	}
}

func (s *stuck) of(runner string) []*Container {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []*Container
	for c := range s.containers {
		if c.bundle.runner.id == runner {
			found = append(found, c)
		}
	}
	return found
}

// Reap implements [sandbox.Reaper]. What an earlier process of the runner left, Sweep has removed before this one made a container.
func (e *Engine) Reap(ctx context.Context, runner string) (int, error) {
	count, err := e.docker.Reap(ctx, runner)
	for _, c := range e.stuck.of(runner) {
		if failed := c.Remove(ctx); failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		count++
	}
	return count, err
}
