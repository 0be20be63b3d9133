//go:build linux

package main

import (
	"archive/tar"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// stage keeps who is going to be the entrypoint: a launcher that stands by, or the image's warm-up, which got ready for a job before it
// came. A warm-up is never held against a job: whatever is wrong with it, it is ended with all its children, and a launcher stands by.
type stage struct {
	out *guest.Writer

	mu       sync.Mutex
	launcher *launcher // nil: none could be made; it is tried again at the start
	warmup   *warmup   // what the launcher became; nil without
	used     bool      // some warm-up ran: /grade may hold what it left
}

func newStage(out *guest.Writer) *stage { return &stage{out: out} }

// standBy lets a launcher stand by.
func (s *stage) standBy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renew()
}

// renew starts a new launcher. One that cannot be made now is tried again, and explained, at the start. The caller holds the lock.
func (s *stage) renew() {
	s.launcher = nil
	if made, err := newLauncher(s.out); err == nil {
		s.launcher = made
	}
}

// warm starts the image's warm-up and tells the runner what came of it.
func (s *stage) warm(order *guest.Warm, owner account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.launcher == nil || s.warmup != nil {
		_ = s.out.WriteJSON(guest.KindWarmed, guest.Warmed{Reason: "the container is out of processes or memory"})
		return
	}
	w := &warmup{launcher: s.launcher, settled: make(chan struct{}), watched: make(chan struct{})}
	s.warmup, s.used = w, true
	launch := warmupOrder(order, owner)
	go func() {
		w.failed = w.getReady(launch)
		close(w.settled)
		if w.failed != nil {
			s.giveUp(w, w.failed)
			return
		}
		_ = s.out.WriteJSON(guest.KindWarmed, guest.Warmed{Ready: true})
		s.giveUp(w, w.watch())
	}()
}

// giveUp ends a warm-up with all its children, unless it has become the entrypoint or was ended before; err is why, for staff, nil where
// nothing is wrong with it.
func (s *stage) giveUp(w *warmup, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w == nil || s.warmup != w {
		return
	}
	s.warmup = nil
	s.replace(w.launcher, err)
}

// replace ends every process and lets a new launcher stand by. The caller holds the lock.
func (s *stage) replace(gone *launcher, err error) {
	endAll()
	gone.discard()
	s.renew()
	if err != nil {
		_ = s.out.WriteJSON(guest.KindWarmed, guest.Warmed{Reason: err.Error()})
	}
}

// current is the warm-up that may still become the entrypoint, nil without one.
func (s *stage) current() *warmup {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.warmup
}

// admit prepares for an archive: when it returns, no process writes to /grade but a warm-up that is ready and may become the
// entrypoint. The function that it returns ends that too when an entry shadows what it has loaded.
func (s *stage) admit(order *guest.Prepare) watch {
	w := s.current()
	if w != nil && order.Warm {
		select {
		case <-w.settled:
			if w.failed != nil {
				s.giveUp(w, w.failed)
			}
		case <-time.After(readyTimeout):
			s.giveUp(w, errNotReady)
		}
	} else {
		s.giveUp(w, nil)
	}
	if s.used {
		empty(guest.Root)
	}
	w = s.current()
	return func(name string, header *tar.Header) {
		if w != nil && w.loaded.shadowed(name, header.Typeflag) {
			s.giveUp(w, nil)
			w = nil
		}
	}
}

// empty removes what a warm-up left in /grade.
func empty(folder string) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return
	}
	defer func() { _ = root.Close() }()
	entries, _ := fs.ReadDir(root.FS(), ".")
	for _, entry := range entries {
		_ = root.RemoveAll(entry.Name())
	}
}

// start makes the entrypoint of the warm-up, if there is one and the order lets it, else of the launcher.
func (s *stage) start(launch *launchOrder, order *guest.Start) (*launcher, error) {
	if !order.Warm {
		s.giveUp(s.current(), nil)
	}
	if started := s.handOver(launch, order); started != nil {
		return started, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		stands := s.launcher
		s.launcher = nil
		if stands == nil {
			made, err := newLauncher(s.out)
			if err != nil {
				return nil, err
			}
			return made, made.become(launch)
		}
		if err := stands.become(launch); err != errLauncherGone { //nolint:errorlint // it is never wrapped
			return stands, err
		}
		stands.discard()
	}
}

// handOver gives the job to the warm-up; nil where there is none, or it failed.
func (s *stage) handOver(launch *launchOrder, order *guest.Start) *launcher {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.warmup
	if w == nil {
		return nil
	}
	s.warmup, s.launcher = nil, nil
	if err := w.handOver(launch, order.Timeout); err != nil {
		s.replace(w.launcher, err)
		return nil
	}
	return w.launcher
}
