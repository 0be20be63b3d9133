package riverqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"
)

const (
	// newsAtMost bounds how often River is told: a burst of inserts is one look each.
	newsAtMost = fetchCooldown
	// unwatchedPoll is how often River is told to look where the file cannot be watched.
	unwatchedPoll = 20 * time.Millisecond
	// insertTopic is River's name for "a job was inserted".
	insertTopic = "river_insert"
)

// watchingDriver is River's driver for SQLite that learns of new jobs, other processes' too, from the kernel: each insert writes to a file
// beside the queue's. River's own listener polls a table for it, twenty times a second and with a row for each job. To watch SQLite's own log
// would do without that file, but there every step of every job is written, and each would make River look for jobs.
type watchingDriver struct {
	*riversqlite.Driver
	path   string
	logger *slog.Logger
}

// SupportsListenNotify keeps River from writing the rows that its own listener would read.
func (d *watchingDriver) SupportsListenNotify() bool { return false }

// GetListener is what River asks for its news.
func (d *watchingDriver) GetListener(*riverdriver.GetListenenerParams) riverdriver.Listener {
	payload, _ := json.Marshal(map[string]string{"queue": river.QueueDefault})
	return &listener{news: newsPath(d.path), logger: d.logger, payload: string(payload)}
}

// newsPath is the file beside the queue's that inserts write to.
func newsPath(path string) string { return path + "-news" }

// openNews opens it for the inserts of one process, and makes it where it is not there.
func openNews(path string) (*os.File, error) {
	return os.OpenFile(newsPath(path), os.O_RDWR|os.O_CREATE, 0o600)
}

// tell lets every process hear that there is a new job. If it cannot be told, River finds it within fetchPoll.
func tell(news *os.File) { _, _ = news.WriteAt([]byte{'\n'}, 0) }

// listener is one client's news. River calls it from one goroutine at a time, except for Close.
type listener struct {
	news    string // the path of the file that inserts write to
	logger  *slog.Logger
	payload string
	watcher *fsnotify.Watcher // nil where the file cannot be watched
	told    time.Time
}

// Connect begins to watch. Where that cannot be done, as on a host with no inotify instances left, the news come by the clock.
func (l *listener) Connect(ctx context.Context) error {
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		if err = watcher.Add(l.news); err != nil {
			_ = watcher.Close()
		}
	}
	if err != nil {
		l.logger.WarnContext(ctx, "the queue's file cannot be watched and is polled instead", slog.Any("err", err))
		return nil
	}
	l.watcher = watcher
	return nil
}

// Close ends the watch.
func (l *listener) Close(context.Context) error {
	if l.watcher == nil {
		return nil
	}
	watcher := l.watcher
	l.watcher = nil
	return watcher.Close()
}

// WaitForNotification returns after an insert, of whose job somebody else may have heard first: River looks, and finds a job or none.
func (l *listener) WaitForNotification(ctx context.Context) (*riverdriver.Notification, error) {
	if err := sleep(ctx, time.Until(l.told.Add(newsAtMost))); err != nil {
		return nil, err
	}
	if err := l.wait(ctx); err != nil {
		return nil, err
	}
	l.told = time.Now()
	return &riverdriver.Notification{Topic: insertTopic, Payload: l.payload}, nil
}

func (l *listener) wait(ctx context.Context) error {
	if l.watcher == nil {
		return sleep(ctx, unwatchedPoll)
	}
	select {
	case _, open := <-l.watcher.Events:
		if !open {
			return fsnotify.ErrClosed
		}
		return nil
	case err, open := <-l.watcher.Errors:
		if !open {
			return fsnotify.ErrClosed
		}
		// Its queue ran over: something was written. Anything else ends the watch, and River begins another.
		if err != nil && !errors.Is(err, fsnotify.ErrEventOverflow) {
			return fmt.Errorf("watch for new jobs: %w", err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// The rest of riverdriver.Listener means something to a database server only.

// Listen does nothing.
func (*listener) Listen(context.Context, string) error { return nil }

// Unlisten does nothing.
func (*listener) Unlisten(context.Context, string) error { return nil }

// Ping does nothing.
func (*listener) Ping(context.Context) error { return nil }

// Schema is empty.
func (*listener) Schema() string { return "" }

// SetAfterConnectExec does nothing.
func (*listener) SetAfterConnectExec(string) {}
