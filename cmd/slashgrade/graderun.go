package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/desk/page"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner"
)

// once grades, shows, and returns what the outcome means as an exit status.
func (g *grader) once(ctx context.Context) error {
	report, err := g.grade(ctx)
	if err != nil {
		return err
	}
	if status := reportStatus(report); status != statusFull {
		return exitError{status: status}
	}
	return nil
}

// grade grades the question as it is now and shows the report. The container is removed after that: nobody waits for it.
func (g *grader) grade(ctx context.Context) (*jobspec.Report, error) {
	t, err := g.ready(ctx)
	if err != nil {
		return nil, err
	}
	defer t.question.Close() //nolint:errcheck // it was only read
	grading, err := g.host.Grade(ctx, t.work)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := grading.Close(context.WithoutCancel(ctx)); err != nil {
			g.out.warn("a container could not be removed; the next grading will remove it: " + err.Error())
		}
	}()
	return grading.Report, g.show(ctx, t, grading)
}

// ready reads the question and the submission, and runs server.py where that is needed.
func (g *grader) ready(ctx context.Context) (*task, error) {
	t, err := g.question()
	if err != nil {
		return nil, usageError(err)
	}
	if err := g.addVariant(ctx, t); err != nil {
		_ = t.question.Close()
		return nil, err
	}
	return t, nil
}

// addVariant gives the work what server.py computes.
func (g *grader) addVariant(ctx context.Context, t *task) error {
	generates, err := t.question.Generates()
	if err != nil || !generates || g.params != "" || g.data != "" {
		return err
	}
	code, err := os.Stat(filepath.Join(t.question.Folder, "server.py"))
	if err != nil {
		return err
	}
	key := fmt.Sprint(t.work.Job.Image, g.seed, code.Size(), code.ModTime().UnixNano())
	if g.variants[key] == nil {
		variant, err := g.host.Variant(ctx, t.question, g.image, g.seed)
		if missing, ok := errors.AsType[*desk.MissingError](err); ok {
			return usageError(fmt.Errorf("%w\nwrite the params that it would compute into a JSON file and name that with --params", missing))
		}
		if err != nil {
			return err
		}
		g.variants[key] = variant
	}
	submission, err := g.readSubmission(t.question)
	if err != nil {
		return usageError(err)
	}
	submission.Params, submission.CorrectAnswers = g.variants[key].Params, g.variants[key].CorrectAnswers
	job := t.work.Job
	if t.work, err = t.question.Work(submission); err == nil {
		t.work.Job.Image = job.Image
	}
	return err
}

// show shows a grading in all ways that were asked for.
func (g *grader) show(ctx context.Context, t *task, grading *runner.Grading) error {
	s := &submitted{name: t.question.Name(), job: &t.work.Job, report: grading.Report}
	var err error
	if g.asJSON {
		err = g.showJSON(s, grading)
	} else {
		err = g.showText(s, grading)
	}
	if err == nil && g.html != "" {
		err = g.writePage(s, grading)
	}
	if err == nil && g.keep {
		err = g.keepTree(ctx, grading)
	}
	return err
}

func (g *grader) showJSON(s *submitted, grading *runner.Grading) error {
	if !g.log {
		return g.out.json(s)
	}
	return g.out.jsonWithLog(s, grading)
}

func (g *grader) showText(s *submitted, grading *runner.Grading) error {
	g.out.student(s)
	if err := g.saveImages(s); err != nil {
		return err
	}
	g.out.warnings(s.report)
	if g.log {
		g.out.staff(s, grading)
	} else if !s.report.Succeeded {
		g.out.indented("", "for staff: --log shows why")
	}
	return nil
}

// saveImages writes the report's images into a folder, by their labels, and says where. Those of the last grading go.
func (g *grader) saveImages(s *submitted) error {
	images := desk.ReadResults(s.report).AllImages()
	if len(images) == 0 {
		return nil
	}
	folder := g.images
	if folder == "" {
		var err error
		if folder, err = imagesFolder(s.name); err != nil {
			return err
		}
	}
	saved, err := desk.SaveImages(folder, images)
	if err != nil {
		return err
	}
	for _, image := range saved {
		text := cmp.Or(shownPath(image.File), "not saved: "+image.Why)
		if image.File == "" {
			text = "not saved: " + image.Why
		}
		g.out.indented("", image.Label+": "+text)
	}
	return nil
}

// imagesFolder is an empty place for a question's images: in the user's cache, or a new folder where the user has none.
func imagesFolder(question string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return os.MkdirTemp("", "slashgrade-images-*")
	}
	folder := filepath.Join(cache, "slashgrade", "images", desk.FileName(question))
	if err := os.RemoveAll(folder); err != nil {
		return "", fmt.Errorf("make room for the images: %w", err)
	}
	return folder, nil
}

func (g *grader) writePage(s *submitted, grading *runner.Grading) error {
	file, err := os.CreateTemp(filepath.Dir(g.html), ".slashgrade-*.html")
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // it is gone when it was renamed
	err = page.Write(file, &page.Report{Name: s.name, Report: grading.Report, Log: grading.Log.Reader(), Written: time.Now()})
	if err = errors.Join(err, file.Chmod(0o644), file.Close()); err == nil {
		err = os.Rename(file.Name(), g.html)
	}
	if err != nil {
		return fmt.Errorf("write the page %s: %w", g.html, err)
	}
	return nil
}

func (g *grader) keepTree(ctx context.Context, grading *runner.Grading) error {
	if !grading.HasArchive() {
		g.out.warn("there is no /grade to keep: the container is gone")
		return nil
	}
	dir, err := desk.JobsDir()
	if err != nil {
		return err
	}
	folder, skipped, err := desk.Keep(ctx, grading, dir)
	if err != nil {
		return err
	}
	for _, entry := range skipped {
		g.out.warn("left out of the kept folder: " + entry)
	}
	_, err = fmt.Fprintf(g.out.stderr, "slashgrade: kept /grade in %s\n", folder)
	return err
}
