//go:build linux

package ociengine

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox"
	"golang.org/x/sync/singleflight"
)

// leaseIdle is after how long without a container an image is given up: longer than the pauses of a course that is graded now, and
// short beside the time that a disk takes to fill with old images.
const leaseIdle = 30 * time.Minute

// leaseKey is what a lease is for. The runner is part of it, since its sweep removes leases.
type leaseKey struct{ runner, image string }

// lease is an image's files, which stay on the disk as long as it is held.
type lease struct {
	key    leaseKey
	id     string
	layers []string

	users int // containers; by the lock of leases
	used  time.Time
}

// leases are what is held now.
type leases struct {
	docker  Docker
	log     *slog.Logger
	getting singleflight.Group

	mu   sync.Mutex
	held map[leaseKey]*lease
}

func newLeases(docker Docker, log *slog.Logger) *leases {
	return &leases{docker: docker, log: log, held: map[leaseKey]*lease{}}
}

// errNoLayers says that an image's files cannot be used in place.
var errNoLayers = errors.New("the image's files are not in folders on this machine")

// acquire returns the lease of the container's image for one more container. Containers that want the same one at once get it together.
// It returns errNoLayers where there are no layers, which is looked at again as late as a lease would be given up.
func (l *leases) acquire(ctx context.Context, spec *sandbox.Spec) (*lease, error) {
	key := leaseKey{spec.Runner, spec.Image.ID}
	if known := l.use(key); known != nil {
		return known.orNone()
	}
	got := l.getting.DoChan(spec.Runner+" "+spec.Image.ID, func() (any, error) {
		// It goes on when the container that began it is given up: others wait for it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startTimeout)
		defer cancel()
		return nil, l.get(ctx, spec)
	})
	select {
	case result := <-got:
		if result.Err != nil {
			return nil, result.Err
		}
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if known := l.use(key); known != nil {
		return known.orNone()
	}
	return nil, errors.New("the image's files were given up just now")
}

func (l *lease) orNone() (*lease, error) {
	if len(l.layers) == 0 {
		return nil, errNoLayers
	}
	return l, nil
}

func (l *leases) use(key leaseKey) *lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.held[key]
	if known != nil && len(known.layers) > 0 {
		known.users++
	}
	return known
}

// get makes a lease and gives up those that nobody has wanted for long.
func (l *leases) get(ctx context.Context, spec *sandbox.Spec) error {
	id, layers, err := l.docker.Lease(ctx, spec.Image, spec.Runner)
	if err != nil {
		return err
	}
	if err := reachable(layers); err != nil {
		l.log.WarnContext(ctx, "an image's files cannot be used in place; the Docker engine makes its containers",
			"image", spec.Image.Name, "err", err)
		if err := l.docker.Release(ctx, id); err != nil {
			return err
		}
		id, layers = "", nil
	}
	key := leaseKey{spec.Runner, spec.Image.ID}
	l.mu.Lock()
	l.held[key] = &lease{key: key, id: id, layers: layers, used: time.Now()}
	idle := l.takeIdle()
	l.mu.Unlock()
	l.giveUp(ctx, idle)
	return nil
}

// reachable says why overlay cannot be made of the folders here.
func reachable(layers []string) error {
	if len(layers) == 0 {
		return errors.New("the engine does not keep it in folders")
	}
	for _, layer := range layers {
		if _, err := os.Stat(layer); err != nil {
			return err
		}
	}
	return nil
}

// takeIdle takes what is idle out of the list. The lock is held.
func (l *leases) takeIdle() []*lease {
	var idle []*lease
	for key, known := range l.held {
		if known.users == 0 && time.Since(known.used) > leaseIdle {
			idle = append(idle, known)
			delete(l.held, key)
		}
	}
	return idle
}

func (l *leases) giveUp(ctx context.Context, list []*lease) {
	for _, old := range list {
		if old.id == "" {
			continue
		}
		if err := l.docker.Release(ctx, old.id); err != nil {
			l.log.WarnContext(ctx, "an image's files could not be given up; the next start will", "container", old.id, "err", err)
		}
	}
}

// release says that one container less uses the lease; nil is none.
func (l *leases) release(used *lease) {
	if used == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	used.users--
	used.used = time.Now()
}

// forget makes the next container get a new lease: this one is gone.
func (l *leases) forget(gone *lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held[gone.key] == gone {
		delete(l.held, gone.key)
	}
}

func (l *leases) forgetRunner(runner string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key := range l.held {
		if key.runner == runner {
			delete(l.held, key)
		}
	}
}

// close gives all up, whether they are used or not.
func (l *leases) close(ctx context.Context) error {
	l.mu.Lock()
	held := l.held
	l.held = map[leaseKey]*lease{}
	l.mu.Unlock()
	var err error
	for _, known := range held {
		if known.id != "" {
			err = errors.Join(err, l.docker.Release(ctx, known.id))
		}
	}
	return err
}
