package regrading

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/jobspec"
)

// maxReport bounds a report: results of 1 MiB with what stands around them.
const maxReport = 8 << 20

// Files opens the files of a job, as a store does. Missing files are fs.ErrNotExist or what Missing says.
type Files interface {
	Open(ctx context.Context, at jobspec.Location, name string) (io.ReadCloser, error)
}

// Folder returns the submissions in a folder: every job.tar.gz at any depth, with the results.json beside it as its report of before. If
// there is none, each folder in it is a submission, the files as they were handed in.
func Folder(folder string) ([]Item, error) {
	var items []Item
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == jobspec.ArchiveName && d.Type().IsRegular() {
			items = append(items, archiveItem(folder, filepath.Dir(name)))
		}
		return tooMany(len(items))
	})
	if err != nil || len(items) > 0 {
		return items, err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if entry.IsDir() && !strings.HasPrefix(entry.Name(), ".") {
			items = append(items, submissionItem(folder, entry.Name()))
		}
	}
	if len(items) == 0 {
		return nil, fmt.Errorf("%s has neither a %s nor a folder for each submission", folder, jobspec.ArchiveName)
	}
	return items, tooMany(len(items))
}

func tooMany(items int) error {
	if items > MaxItems {
		return fmt.Errorf("there are more than %d submissions", MaxItems)
	}
	return nil
}

func archiveItem(root, folder string) Item {
	name, err := filepath.Rel(root, folder)
	if err != nil || name == "." {
		name = filepath.Base(folder)
	}
	open := func(file string) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return os.Open(filepath.Join(folder, file)) } //nolint:gosec // the user names the folder
	}
	return Item{
		Name:       filepath.ToSlash(name),
		submission: func(context.Context) (*jobspec.Submission, error) { return readArchive(open(jobspec.ArchiveName)) },
		before: func(context.Context) (*jobspec.Report, error) {
			return readReport(open(jobspec.ResultsName), isMissing)
		},
	}
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func submissionItem(root, name string) Item {
	return Item{
		Name: name,
		submission: func(context.Context) (*jobspec.Submission, error) {
			return desk.ReadSubmission(filepath.Join(root, name))
		},
		before: func(context.Context) (*jobspec.Report, error) { return nil, ErrUnknown },
	}
}

// Jobs reads a list of jobs in a store, one a line: s3://BUCKET/ROOT, or ROOT in the bucket that is given, with or without /job.tar.gz at
// its end. Empty lines and lines that begin with # are passed over. missing says of an error of files that the file is not there.
func Jobs(list io.Reader, bucket string, files Files, missing func(error) bool) ([]Item, error) {
	var items []Item
	lines := bufio.NewScanner(list)
	for number := 1; lines.Scan(); number++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		at, err := location(text, bucket)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		items = append(items, storeItem(at, files, missing))
		if err := tooMany(len(items)); err != nil {
			return nil, err
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the list of jobs: %w", err)
	}
	if len(items) == 0 {
		return nil, errors.New("the list names no job: it has one a line, for example s3://bucket/job_1234")
	}
	return items, nil
}

func location(text, bucket string) (jobspec.Location, error) {
	root := text
	if below, isURL := strings.CutPrefix(text, "s3://"); isURL {
		bucket, root, _ = strings.Cut(below, "/")
	}
	root = strings.TrimSuffix(strings.TrimSuffix(root, "/"+jobspec.ArchiveName), "/")
	if bucket == "" || root == "" || strings.HasPrefix(root, "/") {
		return jobspec.Location{}, fmt.Errorf("%q names no job: write s3://BUCKET/ROOT, or ROOT with s3.bucket configured", text)
	}
	return jobspec.Location{Bucket: bucket, Root: root}, nil
}

func storeItem(at jobspec.Location, files Files, missing func(error) bool) Item {
	open := func(ctx context.Context, name string) func() (io.ReadCloser, error) {
		return func() (io.ReadCloser, error) { return files.Open(ctx, at, name) }
	}
	return Item{
		Name: path.Join(at.Bucket, at.Root),
		submission: func(ctx context.Context) (*jobspec.Submission, error) {
			return readArchive(open(ctx, jobspec.ArchiveName))
		},
		before: func(ctx context.Context) (*jobspec.Report, error) {
			return readReport(open(ctx, jobspec.ResultsName), missing)
		},
	}
}

func readArchive(open func() (io.ReadCloser, error)) (*jobspec.Submission, error) {
	file, err := open()
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	return ReadArchive(file)
}

func readReport(open func() (io.ReadCloser, error), missing func(error) bool) (*jobspec.Report, error) {
	file, err := open()
	if err != nil {
		if missing(err) {
			return nil, ErrUnknown
		}
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxReport+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxReport {
		return nil, fmt.Errorf("it has more than %d bytes", maxReport)
	}
	report := &jobspec.Report{}
	if err := json.Unmarshal(text, report); err != nil {
		return nil, fmt.Errorf("it is no report: %w", err)
	}
	return report, nil
}
