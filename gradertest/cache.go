package gradertest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/slashgrade/slashgrade/desk"
	"github.com/slashgrade/slashgrade/jobspec"
	"github.com/slashgrade/slashgrade/runner/sandbox"
)

const (
	// cacheVersion changes when reports that are kept would be misread.
	cacheVersion = "1"
	// keepFor is how long a report that nobody asks for is kept: a term's break.
	keepFor = 60 * 24 * time.Hour
	// maxReport bounds a kept report: results of 1 MiB, and what stands around them.
	maxReport = 4 << 20
)

// Cache keeps reports of samples that came out as expected, by all that decides over them: question, course files, submission, image,
// profile and program. It is safe for concurrent use, also by several processes. A cache that cannot be read or written is no error.
type Cache struct {
	// Folder holds the reports; "" keeps nothing.
	Folder string
	// Salt is what else decides: the program's version and the profile.
	Salt string
}

// UserCache is the cache of the user's own folder for such things, nothing where there is none.
func UserCache(salt string) *Cache {
	folder, err := os.UserCacheDir()
	if err != nil {
		return &Cache{Salt: salt}
	}
	return &Cache{Folder: filepath.Join(folder, "slashgrade", "grader-tests"), Salt: salt}
}

// key is the name under which the report of the work is kept.
func (c *Cache) key(work *desk.Work, image *sandbox.Image) (string, error) {
	sum := sha256.New()
	job := &work.Job
	about, err := json.Marshal([]any{
		cacheVersion, c.Salt, image.ID, job.Image, job.Entrypoint, job.Timeout, job.EnableNetworking, job.Environment, job.Warnings,
	})
	if err != nil {
		return "", fmt.Errorf("describe the job: %w", err)
	}
	_, _ = sum.Write(append(about, '\n'))
	if err := work.Tree.WriteArchive(sum); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (c *Cache) file(key string) string { return filepath.Join(c.Folder, key+".json") }

// get returns the report that is kept, nil if there is none.
func (c *Cache) get(key string) *jobspec.Report {
	if c.Folder == "" {
		return nil
	}
	info, err := os.Stat(c.file(key))
	if err != nil || info.Size() > maxReport {
		return nil
	}
	data, err := os.ReadFile(c.file(key))
	report := &jobspec.Report{}
	if err != nil || json.Unmarshal(data, report) != nil || report.Outcome == "" {
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(c.file(key), now, now) // it was asked for
	return report
}

// put keeps the report.
func (c *Cache) put(key string, report *jobspec.Report) {
	data, err := report.Encode("")
	if err != nil || c.Folder == "" || len(data) > maxReport || os.MkdirAll(c.Folder, 0o700) != nil {
		return
	}
	temporary, err := os.CreateTemp(c.Folder, "new-*")
	if err != nil {
		return
	}
	_, err = temporary.Write(data)
	if closed := temporary.Close(); err == nil && closed == nil && os.Rename(temporary.Name(), c.file(key)) == nil {
		return
	}
	_ = os.Remove(temporary.Name())
}

// Prune removes what nobody asked for in a long time.
func (c *Cache) Prune() {
	if c.Folder == "" {
		return
	}
	entries, err := os.ReadDir(c.Folder)
	if err != nil {
		return
	}
	for _, entry := range entries {
		ours := strings.HasSuffix(entry.Name(), ".json") || strings.HasPrefix(entry.Name(), "new-")
		if info, err := entry.Info(); err == nil && ours && info.Mode().IsRegular() && time.Since(info.ModTime()) > keepFor {
			_ = os.Remove(filepath.Join(c.Folder, entry.Name()))
		}
	}
}
