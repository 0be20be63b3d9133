package doctor

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slashgrade/slashgrade/internal/datadir"
)

func want(t *testing.T, got Finding, status Status, words string) {
	t.Helper()
	if got.Status != status || !strings.Contains(got.Found, words) {
		t.Errorf("found %s %q, want %s with %q", got.Status, got.Found, status, words)
	}
	if (got.Status == OK) != (got.Advice == "") {
		t.Errorf("%s %q has the advice %q", got.Status, got.Found, got.Advice)
	}
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		checks := []Check{
			{Name: "good", Limit: time.Second, Look: func(context.Context) []Finding { return []Finding{Good("a", "fine"), Poor("b", "do", "meh")} }},
			{Name: "ends by its context", Limit: time.Second, Look: func(ctx context.Context) []Finding {
				<-ctx.Done()
				return []Finding{Bad("c", "do", "late")}
			}},
			{Name: "hangs", Limit: time.Second, Look: func(context.Context) []Finding {
				time.Sleep(time.Hour)
				return nil
			}},
		}
		worst := Run(t.Context(), checks, func(f Finding) { seen = append(seen, f.Name+" "+string(f.Status)) })
		if got := strings.Join(seen, ", "); got != "a ok, b warn, c fail, hangs fail" || worst != Fail {
			t.Errorf("found %s, worst %s", got, worst)
		}
		if worst := Run(t.Context(), checks[:1], func(Finding) {}); worst != Warn {
			t.Errorf("worst of ok and warn is %s", worst)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if worst := Run(ended, checks[:1], func(f Finding) { t.Errorf("looked at %s after the end", f.Name) }); worst != Fail {
			t.Errorf("worst of nothing is %s", worst)
		}
		time.Sleep(2 * time.Hour) // the one that hangs ends
	})
}

func TestDataDirectory(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, DataDirectory(filepath.Join(root, "new", "er"))[0], OK, "the first start makes it")
	if _, err := os.Stat(filepath.Join(root, "new")); err == nil {
		t.Error("looking made the folder")
	}
	want(t, DataDirectory(file)[0], Fail, "file")
	want(t, DataDirectory(filepath.Join(file, "below"))[0], Fail, "cannot be made")
	dir, err := datadir.Open(filepath.Join(root, "used"))
	if err != nil {
		t.Fatal(err)
	}
	want(t, DataDirectory(dir.Path)[0], OK, "nobody runs on it")
	if err := dir.Lock(); err != nil {
		t.Fatal(err)
	}
	defer dir.Unlock()
	want(t, DataDirectory(dir.Path)[0], OK, "runs on it now")
	if left, _ := os.ReadDir(dir.Path); len(left) != 2 {
		t.Errorf("looking left %v", left)
	}
}

func TestMemory(t *testing.T) {
	for _, c := range []struct {
		total, free, container int64
		jobs                   int
		status                 Status
		words                  string
	}{
		{16 * gib, 8 * gib, 4 * gib, 2, OK, "2 containers may use 8.0 GiB of 16.0 GiB"},
		{16 * gib, 0, 4 * gib, 2, OK, "2 containers"}, // an engine elsewhere
		{16 * gib, 100 * mib, 4 * gib, 2, Fail, "100 MiB free"},
		{16 * gib, 8 * gib, 4 * gib, 5, Warn, "5 containers may use 20.0 GiB"},
		{2 * gib, 1 * gib, 4 * gib, 1, Warn, "one container may use 4.0 GiB"},
	} {
		want(t, Memory(c.total, c.free, c.container, c.jobs), c.status, c.words)
	}
}

func TestClock(t *testing.T) {
	before := time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	after := before.Add(300 * time.Millisecond)
	for _, c := range []struct {
		off    time.Duration
		status Status
		words  string
	}{
		{0, OK, "agrees"},
		{-900 * time.Millisecond, OK, "agrees"}, // a header of whole seconds
		{-4 * time.Second, Warn, "4s off"},
		{time.Minute, Warn, "59.7s off"},
		{-6 * time.Minute, Fail, "6m0s off"},
		{6 * time.Minute, Fail, "off"},
	} {
		want(t, Clock("SQS", before.Add(c.off), before, after), c.status, c.words)
	}
}
