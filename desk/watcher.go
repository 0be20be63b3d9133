package desk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long files must rest before a change is told: editors write a file in several steps, some milliseconds apart.
	settle = 40 * time.Millisecond
	// maxWatched is how many folders are watched; Linux gives a user at least 8,192 watches, for all programs.
	maxWatched = 4000
)

// Watcher tells when files change. Folders are watched with all below them, those that are made later too; of a file its folder is
// watched, since editors put a new file in its place. Hidden folders, as version control has them, are not.
type Watcher struct {
	events *fsnotify.Watcher
	files  map[string]bool // of whose folder only they count
	trees  []string
}

// NewWatcher watches the files and folders, which must exist.
func NewWatcher(paths []string) (*Watcher, error) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch files: %w", err)
	}
	w := &Watcher{events: events, files: map[string]bool{}}
	for _, path := range paths {
		if err := w.add(path); err != nil {
			_ = events.Close()
			return nil, fmt.Errorf("watch %s: %w", path, err)
		}
	}
	return w, nil
}

// Close ends the watch.
func (w *Watcher) Close() error { return w.events.Close() }

func (w *Watcher) add(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		w.files[path] = true
		return w.events.Add(filepath.Dir(path))
	}
	w.trees = append(w.trees, path)
	return w.addTree(path)
}

func (w *Watcher) addTree(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // it went while it was walked
			return nil
		case err != nil:
			return err
		case !entry.IsDir():
			return nil
		case path != root && hidden(path):
			return fs.SkipDir
		case len(w.events.WatchList()) >= maxWatched:
			return fmt.Errorf("there are more than %d folders", maxWatched)
		}
		return w.events.Add(path)
	})
}

func hidden(path string) bool { return strings.HasPrefix(filepath.Base(path), ".") }

// Wait returns when something has changed and rests since a moment, or with the context's cause.
func (w *Watcher) Wait(ctx context.Context) error {
	var rest <-chan time.Time
	for {
		select {
		case event, open := <-w.events.Events:
			if !open {
				return errors.New("the watch has ended")
			}
			if w.counts(event) {
				rest = time.After(settle)
			}
		case err := <-w.events.Errors:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return fmt.Errorf("watch files: %w", err)
			}
			rest = time.After(settle) // some changes were missed: there were many
		case <-rest:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// counts says whether an event changes what is graded. A folder that is new is watched from then on.
func (w *Watcher) counts(event fsnotify.Event) bool {
	if w.files[event.Name] {
		return true
	}
	if !w.inTree(event.Name) || temporary(event.Name) {
		return false
	}
	if info, err := os.Lstat(event.Name); event.Has(fsnotify.Create) && err == nil && info.IsDir() {
		_ = w.addTree(event.Name) // what cannot be watched any more is graded with the next change
	}
	return true
}

func (w *Watcher) inTree(path string) bool {
	for _, tree := range w.trees {
		if path == tree || strings.HasPrefix(path, tree+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

// temporary knows the files that editors keep beside the one that is edited, and what Python leaves.
func temporary(path string) bool {
	name := filepath.Base(path)
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || strings.HasSuffix(name, ".swp") || name == "4913" ||
		strings.HasPrefix(name, "#") || name == "__pycache__" || strings.HasSuffix(name, ".pyc")
}
