package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/jobspec"
)

// watchFiles grades now and whenever a file changes, until the user ends it. A mistake in the question is told and watched on.
func (g *grader) watchFiles(ctx context.Context) error {
	g.host.keepWarm(ctx)
	watcher, err := desk.NewWatcher(g.watched())
	if err != nil {
		return err
	}
	defer watcher.Close() //nolint:errcheck // it was only read
	var last *jobspec.Report
	for {
		report, err := g.grade(ctx)
		if ctx.Err() == nil || err == nil {
			last = report
		}
		switch {
		case ctx.Err() != nil:
			return endOfWatch(last, context.Cause(ctx))
		case err != nil:
			printError(g.out.stderr, err)
		}
		g.out.line("%s", g.out.colour(grey, "── graded at "+time.Now().Format("15:04:05")+"; watching for changes, Ctrl-C ends ──"))
		if err := watcher.Wait(ctx); err != nil {
			return endOfWatch(last, err)
		}
	}
}

// endOfWatch turns the interrupt that ends a watch, which is no failure, into the status of the last grading.
func endOfWatch(last *jobspec.Report, err error) error {
	if !errors.Is(err, errInterrupted) {
		return err
	}
	if last == nil {
		return exitError{status: statusFailed}
	}
	if status := reportStatus(last); status != statusFull {
		return exitError{status: status}
	}
	return nil
}

// watched are the files and folders of which the grading is made.
func (g *grader) watched() []string {
	paths := []string{g.folder}
	if shared := filepath.Join(g.course, "serverFilesCourse"); isFolder(shared) {
		paths = append(paths, shared)
	}
	for _, name := range append([]string{g.params, g.data, g.submission}, g.files...) {
		if name != "" {
			paths = append(paths, name)
		}
	}
	return paths
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
