//go:build linux

package main

import (
	"archive/tar"
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

const (
	// maxAnnouncement bounds a warm-up's line: the names of some thousand modules.
	maxAnnouncement = 64 << 10
	// maxHandOver bounds the line that it gets: what a Start frame may hold.
	maxHandOver = guest.MaxToGuest
	// readyTimeout is how long a job waits for a warm-up: none takes longer than importing all of scientific Python from a slow disk.
	readyTimeout = 30 * time.Second
	// handOverTimeout is how long a warm-up may take to read its line; it waits for nothing else.
	handOverTimeout = 10 * time.Second
	// handOverInterval is how often that is looked at. It delays nothing: the job runs when it has read.
	handOverInterval = 200 * time.Microsecond
)

// warmup is a process of the image that loads what its jobs need and waits to become the entrypoint of one.
type warmup struct {
	launcher *launcher
	settled  chan struct{} // closed when it is ready or has failed; the fields below are written before
	failed   error
	loaded   loaded
	watched  chan struct{} // closed when watch has ended; the fields below are written before
	unheard  bool          // it closed its end without reading all that was written to it
	talked   bool          // it wrote more than its line
}

// announcement is the line of JSON that a warm-up writes when it is ready.
type announcement struct {
	Ready   bool     `json:"ready"`
	Folders []string `json:"folders"` // relative to /grade, from which it would load modules of these names
	Names   []string `json:"names"`
}

// handOver is the line that it reads.
type handOver struct {
	Argv    []string `json:"argv"`
	Env     []string `json:"env"`
	Timeout float64  `json:"timeout"` // seconds
}

func newLaunchOrder(order *guest.Start, env []string, owner account) *launchOrder {
	return &launchOrder{
		Argv: order.Argv, Env: env, UID: owner.uid, GID: owner.gid, Groups: owner.groups, Dir: order.Dir, Capabilities: order.Capabilities,
	}
}

func warmupOrder(order *guest.Warm, owner account) *launchOrder {
	return &launchOrder{
		Argv: order.Argv, Env: completeEnvironment(order.Env, owner), UID: owner.uid, GID: owner.gid, Groups: owner.groups,
		Dir: order.Dir, Capabilities: order.Capabilities, Warmup: true,
	}
}

// Why a warm-up is given up, for staff.
var (
	errNotReady  = fmt.Errorf("the warm-up was not ready within %s", readyTimeout)
	errLeft      = errors.New("the warm-up ended, or closed descriptor 3, while it waited for a job")
	errTalks     = errors.New("the warm-up wrote more than one line to descriptor 3")
	errNotTaken  = fmt.Errorf("the warm-up did not read its line within %s", handOverTimeout)
	errTooLarge  = fmt.Errorf("the warm-up's line would be longer than %d bytes", maxHandOver)
	errMalformed = errors.New(`the warm-up's first line on descriptor 3 is not {"ready": true, "folders": [...], "names": [...]}`)
)

// getReady starts the process and waits for its line.
func (w *warmup) getReady(order *launchOrder) error {
	if err := w.launcher.become(order); err != nil {
		return fmt.Errorf("the warm-up cannot be started: %w", err)
	}
	lines := bufio.NewReader(io.LimitReader(w.launcher.warmup, maxAnnouncement))
	line, err := lines.ReadBytes('\n')
	switch {
	case err == nil && lines.Buffered() > 0:
		return errTalks
	case err != nil:
		return fmt.Errorf("the warm-up ended, or closed descriptor 3, after %d bytes of a line that ends at %d at the latest",
			len(line), maxAnnouncement)
	}
	var said announcement
	if json.Unmarshal(line, &said) != nil || !said.Ready {
		return errMalformed
	}
	w.loaded = newLoaded(&said)
	return nil
}

// watch returns why a ready warm-up is none any more; nil once it has become the entrypoint.
func (w *warmup) watch() error {
	defer close(w.watched)
	n, err := w.launcher.warmup.Read(make([]byte, 1))
	w.unheard, w.talked = errors.Is(err, syscall.ECONNRESET), n > 0
	switch {
	case w.talked:
		return errTalks
	case errors.Is(err, io.EOF), w.unheard:
		return errLeft
	default:
		return nil
	}
}

// handOver makes it the entrypoint: it returns when the process has read its line.
func (w *warmup) handOver(launch *launchOrder, limit time.Duration) error {
	line, err := json.Marshal(handOver{Argv: launch.Argv, Env: launch.Env, Timeout: limit.Seconds()})
	if err != nil || len(line) >= maxHandOver {
		return errTooLarge
	}
	select {
	case <-w.settled:
	default:
		return errNotReady
	}
	if w.failed != nil || hasEnded(w.launcher.process) {
		return cmp.Or(w.failed, errLeft)
	}
	socket := w.launcher.warmup
	deadline := time.Now().Add(handOverTimeout)
	_ = socket.SetDeadline(deadline)
	w.launcher.since, w.launcher.warm = time.Now(), true
	if _, err := socket.Write(append(line, '\n')); errors.Is(err, os.ErrDeadlineExceeded) {
		return errNotTaken
	} else if err != nil {
		return errLeft
	}
	for w.unread() > 0 {
		switch {
		case w.hasTalked():
			return errTalks
		case hasEnded(w.launcher.process):
			return errLeft
		case time.Now().After(deadline):
			return errNotTaken
		}
		time.Sleep(handOverInterval)
	}
	if w.leftUnread() {
		return errLeft
	}
	_ = socket.Close()
	return nil
}

// hasTalked says whether the process wrote something before it read its line.
func (w *warmup) hasTalked() bool {
	select {
	case <-w.watched:
		return w.talked
	default:
		return false
	}
}

// leftUnread says whether the process closed its end before it had read its line, after which nothing counts as unread any more. The
// kernel tells of that once, by ECONNRESET: here or to watch, which then ends.
func (w *warmup) leftUnread() bool {
	var err error
	closed := false
	raw, failed := w.launcher.warmup.SyscallConn()
	if failed != nil {
		return true
	}
	_ = raw.Control(func(descriptor uintptr) {
		var n int
		n, _, err = syscall.Recvfrom(int(descriptor), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		closed = err == nil && n == 0
	})
	if closed {
		<-w.watched
		return w.unheard
	}
	return errors.Is(err, syscall.ECONNRESET)
}

// unread is how much of what was written to the process it has not read, 0 where the kernel does not tell.
func (w *warmup) unread() int {
	left := 0
	raw, err := w.launcher.warmup.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(descriptor uintptr) { left = unsent(descriptor) })
	return left
}

// loaded is what a warm-up has loaded, and from where a job could want it otherwise.
type loaded struct {
	folders map[string]bool
	names   map[string]bool
}

func newLoaded(said *announcement) loaded {
	l := loaded{folders: map[string]bool{}, names: map[string]bool{}}
	for _, folder := range said.Folders {
		l.folders[path.Clean(folder)] = true
	}
	for _, name := range said.Names {
		l.names[name] = true
	}
	return l
}

// shadowed says whether an entry of the archive takes the place of something that was loaded: it, or a folder that it implies, lies in
// one of the folders and has one of the names; or it is no folder where one of the folders should be, so that a link may lead to others.
func (l *loaded) shadowed(entry string, kind byte) bool {
	for at := entry; at != "."; at = path.Dir(at) {
		name, _, _ := strings.Cut(path.Base(at), ".")
		if l.folders[path.Dir(at)] && l.names[name] {
			return true
		}
	}
	if kind == tar.TypeDir {
		return false
	}
	for folder := range l.folders {
		if folder == entry || strings.HasPrefix(folder, entry+"/") {
			return true
		}
	}
	return false
}

// unsent is SIOCOUTQ: bytes that the other end of a socket has not read.
func unsent(descriptor uintptr) int {
	var bytes int32
	if !ioctl(descriptor, syscall.TIOCOUTQ, &bytes) {
		return 0
	}
	return int(bytes)
}
